package main

import "regexp"

// fast are programs of packages that all tests need: make test tries these.
var fast = []program{
	{name: "numpy", packages: "python3-numpy", stands: "arrays; BLAS with threads, Fortran", files: map[string]string{"n.py": numpyScript},
		command: "/usr/bin/python3.11 n.py", warm: "60 warm", cases: []string{"5 a", "300 b", "40", "0 x", "many y"}, inPlace: true},
	{name: "lxml", packages: "python3-lxml", stands: "an extension in Cython; libxml2, libxslt", files: lxmlFiles, inPlace: true,
		command: "/usr/bin/python3.11 l.py", warm: "a.xml //i", cases: []string{"b.xml //item[@n>'1']", "b.xml count(//*)", "bad.xml //x", "a.xml ][", "b.xml string(//item)"}},
	{name: "cryptography", packages: "python3-cryptography", stands: "an extension in Rust; OpenSSL", files: map[string]string{"c.py": cryptoScript}, inPlace: true,
		command: "/usr/bin/python3.11 c.py", warm: "warm", cases: []string{"message", "another x", "", "message forge"}},
	{name: "hg", packages: "mercurial", stands: "a recipe of its own",
		files:   map[string]string{"r/f": "one\n", "r/g": "two\n", "../home/.hgrc": "[ui]\nusername = x\n[extensions]\nrebase =\nshelve =\nstrip =\n"},
		prepare: []string{"hg init r", "hg -R r commit -A -m first -d 2026-01-01", "hg -R r tag -d 2026-01-02 t", "cp r/f r/added"},
		command: "/usr/bin/hg", warm: "version -q", inPlace: true,
		cases:  []string{"-R r log -p", "-R r status -A", "-R r commit -A -m second -d 2026-01-03", "-R r shelve -A -d 2026-01-05", "-R r --config extensions.strip= strip -k tip", "-R r rebase -s 0 -d 1", "-R none id", "help log"},
		varies: []*regexp.Regexp{regexp.MustCompile(`\d+ bytes, [0-9a-f]{64}`), regexp.MustCompile(`r/\.hg/[^ ]*(dirstate|checkisexec|checklink)[^\n]*`)}},
}

const numpyScript = `import sys
import numpy as np

n = int(sys.argv[1])
rng = np.random.default_rng(n)
a = rng.normal(size=(n, n)) + np.eye(n) * n
b = a @ a.T
print(np.round([b.trace(), np.linalg.slogdet(b)[1], np.linalg.eigvalsh(b)[-1]], 6))
print(np.round(np.fft.rfft(a[0])[:3], 6), np.sort(a, axis=None)[:3].round(6), a.astype('f4').mean(axis=0)[:3])
np.save('out.npy', b.round(6))
r = np.rec.array([(1, 2.5, 'x'), (2, 3.5, 'y')], dtype=[('i', int), ('f', float), ('s', 'U1')])
print(r.f.sum(), r[r.i > 1], np.datetime64('2026-01-01') + np.arange(3), np.vectorize(lambda v: v + len(sys.argv[2]))([1, 2]))
with np.errstate(divide='raise'):
    print(np.float64(1) / np.float64(n))
`

var lxmlFiles = map[string]string{
	"a.xml":   "<list><i>1</i><i>2</i></list>\n",
	"b.xml":   "<!DOCTYPE d [<!ENTITY e 'entity'>]>\n<d xmlns:x='urn:x'><item n='1'>&e;</item><item n='2'><x:y>t\u00e9xt</x:y></item></d>\n",
	"bad.xml": "<a><b></a>\n",
	"s.xsl": `<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"><xsl:output method="text"/>
<xsl:template match="/"><xsl:for-each select="//*[text()]"><xsl:sort select="name()" order="descending"/>
<xsl:value-of select="concat(name(), '=', normalize-space(.))"/>;</xsl:for-each></xsl:template></xsl:stylesheet>`,
	"l.py": `import sys
from lxml import etree, html, objectify

name, path = sys.argv[1], ' '.join(sys.argv[2:])
schema = etree.RelaxNG(etree.XML('<element name="list" xmlns="http://relaxng.org/ns/structure/1.0"><oneOrMore><element name="i"><text/></element></oneOrMore></element>'))
try:
    tree = etree.parse(name)
    found = tree.xpath(path)
    print([etree.tostring(e) for e in found] if isinstance(found, list) else found)
    print(str(etree.XSLT(etree.parse('s.xsl'))(tree)), schema.validate(tree), schema.error_log.last_error)
    for _, e in etree.iterparse(name):
        e.set('seen', 'yes')
        e.tail = None
    e.getroottree().write('out.xml', encoding='latin-1', xml_declaration=True)
    print(html.fromstring('<p>a<br>b</p>').text_content(), objectify.fromstring(etree.tostring(tree)).countchildren())
except etree.XPathError as e:
    print('bad path:', e, e.error_log)
`}

const cryptoScript = `import sys
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
import datetime

message = ' '.join(sys.argv[1:]).encode()
f = Fernet(Fernet.generate_key())
token = f.encrypt(message)
print(f.decrypt(token), token != f.encrypt(message))
k = ed25519.Ed25519PrivateKey.from_private_bytes(b'k' * 32)
print(k.sign(message).hex())
print(AESGCM(b'k' * 32).encrypt(b'n' * 12, message, b'more').hex())
print(Scrypt(salt=b's', length=16, n=2 ** 10, r=8, p=1).derive(message).hex())
for key, sign, verify in ((rsa.generate_private_key(65537, 1024), (padding.PKCS1v15(), hashes.SHA256()), ()), (ec.generate_private_key(ec.SECP256R1()), (ec.ECDSA(hashes.SHA256()),), ())):
    s = key.sign(message, *sign)
    try:
        key.public_key().verify(s, message + (b'!' if sys.argv[2:] == ['forge'] else b''), *sign)
        print('verified')
    except InvalidSignature:
        print('forged')
name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, 'example')])
day = datetime.datetime(2026, 1, 1)
c = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(k.public_key()).serial_number(7).not_valid_before(day).not_valid_after(day).sign(k, None)
pem = c.public_bytes(serialization.Encoding.PEM)
print(pem.decode(), x509.load_pem_x509_certificate(pem).subject.rfc4514_string())
`

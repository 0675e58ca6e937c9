package stub_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"pyfreeze/image"
	"pyfreeze/restore/guard"
	"pyfreeze/restore/internal/parity"
	"pyfreeze/restore/stub"
)

// Places in the head of an image, of docs/image-format.md.
const (
	versionAt, sumAt, headLenAt, sizeAt = 88, 92, 96, 104
	programAt                           = 144
)

var (
	le         = binary.LittleEndian
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

// sample writes a small image, which fits here and is whole in all that the launcher looks at, and
// returns its bytes.
func sample(t testing.TB) []byte {
	t.Helper()
	tables := &stub.Tables{}
	h := stub.Head{Base: 1 << 44, Exe: tables.Str("/bin/sh")}
	g := guard.Guards{
		Exe: "/bin/sh", Argv0: []string{"sh"}, CPU: guard.CPU(),
		UTF8Mode: guard.UTF8Mode(os.Environ()), Env: guard.Variables(os.Environ(), nil),
	}
	c := &image.Content{
		Segments: []image.Segment{{Addr: 0x10000, Data: []byte("data")}},
		Program:  h.Program(tables), Guards: g.Encode(),
	}
	path := filepath.Join(t.TempDir(), "sample")
	if err := image.Write(path, c, nil); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// seal makes the checksum of a head right, where the file is as long as that.
func seal(b []byte) {
	if len(b) < programAt {
		return
	}
	if n := le.Uint64(b[headLenAt:]); n >= programAt && n <= uint64(len(b)) {
		sum := crc32.Update(crc32.Checksum(b[:sumAt], castagnoli), castagnoli, b[sumAt+4:n])
		le.PutUint32(b[sumAt:], sum)
	}
}

// compareImage asks both sides of the image at path. Go may find fault with what the launcher does
// not look at, but only behind a checksum that is right: sealed says that it is made so on purpose.
func compareImage(t *testing.T, d *parity.Driver, path string, sealed bool,
	what any) (state string) {
	t.Helper()
	im, err := image.Open(path)
	want, guards := "bad", []byte(nil)
	if im != nil {
		defer im.Close()
		_, _, perr := stub.ReadProgram(im.Program())
		var cut *image.TruncatedError
		switch {
		case guard.Trusted(im) != nil || perr != nil:
		case errors.As(err, &cut):
			want, guards = "cut", im.Guards()
		default:
			want, guards = "good", im.Guards()
		}
	}
	a := d.Ask("image", path)
	if a[0] != want && (!sealed || want != "bad") {
		t.Errorf("%v: C says %s, Go %s (%v)", what, a[0], want, err)
	}
	if a[0] == "bad" || want == "bad" {
		return a[0]
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	at, n := number(t, a[4]), number(t, a[5])
	if !bytes.Equal(b[at:at+n], guards) {
		t.Errorf("%v: C finds guards at %d, %d bytes; Go has others", what, at, n)
	}
	at, n = number(t, a[2]), number(t, a[3])
	if !bytes.Equal(b[at:at+n], im.Program()) {
		t.Errorf("%v: C finds the program at %d, %d bytes; Go has another", what, at, n)
	}
	return a[0]
}

func number(t *testing.T, s string) int {
	t.Helper()
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestImagesCut cuts an image everywhere in its head, and behind it, and makes it longer.
func TestImagesCut(t *testing.T) {
	d, b := parity.Start(t), sample(t)
	path := filepath.Join(t.TempDir(), "cut")
	head := int(le.Uint64(b[headLenAt:]))
	seen := map[string]int{}
	for n := 0; n <= len(b)+1; n++ {
		if n > 200 && n < head-200 || n > head+3 && n < len(b)-40 {
			n += 28 // nothing of note is here
		}
		if err := os.WriteFile(path, append(bytes.Clone(b), 0)[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		seen[compareImage(t, d, path, false, n)]++
	}
	if seen["good"] != 1 || seen["cut"] < 7 || seen["bad"] < 400 {
		t.Errorf("the states were %v", seen)
	}
}

// TestImagesDamaged flips bits of the head: the checksum shows each. Behind it none is looked at.
func TestImagesDamaged(t *testing.T) {
	d, b := parity.Start(t), sample(t)
	path := filepath.Join(t.TempDir(), "damaged")
	head := int(le.Uint64(b[headLenAt:]))
	for n := range 2000 {
		r := seeded(uint64(n))
		at := r.IntN(head + 100)
		if n < 200 {
			at = n
		}
		bad := bytes.Clone(b)
		bad[at] ^= 1 << r.IntN(8)
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		want := "bad"
		if at >= head {
			want = "good"
		}
		if got := compareImage(t, d, path, false, at); got != want {
			t.Errorf("byte %d of a head of %d is damaged: %s, want %s", at, head, got, want)
		}
	}
}

// TestImagesForged makes heads whose checksum is right: what Go takes the launcher takes, and finds
// in them the same; and it reads nothing that is not there.
func TestImagesForged(t *testing.T) {
	d, b := parity.Start(t), sample(t)
	path := filepath.Join(t.TempDir(), "forged")
	odd := []uint64{0, 1, 3, 47, 63, 144, 4096, 1<<31 - 1, 1<<32 - 1, 1 << 32, 1 << 63, 1<<64 - 1}
	program := programAt + int(le.Uint32(b[programAt-20:]))
	for n := range 3000 {
		r := seeded(uint64(n))
		bad := bytes.Clone(b)
		// Where the numbers are: in the header, at the start of the stub, and around the next note.
		start := []int{0, versionAt, programAt - 24, programAt, program - 4, program}[n%6]
		at := start + r.IntN(64)
		v := odd[r.IntN(len(odd))]
		if n%2 == 0 {
			le.PutUint64(bad[at:], v)
		} else {
			le.PutUint32(bad[at:], uint32(v))
		}
		seal(bad)
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		compareImage(t, d, path, true, n)
	}
}

// FuzzImageHead is the same for what a fuzzer makes up.
func FuzzImageHead(f *testing.F) {
	b := sample(f)
	for _, n := range []int{0, 4, programAt - 1, programAt, programAt + 48, len(b)} {
		f.Add(b[:n], true)
		f.Add(b[:n], false)
	}
	d, path := parity.Start(f), filepath.Join(f.TempDir(), "fuzz")
	f.Fuzz(func(t *testing.T, b []byte, sealed bool) {
		if sealed {
			seal(b)
		}
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		compareImage(t, d.For(t), path, sealed, "fuzz")
	})
}

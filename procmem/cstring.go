package procmem

import "bytes"

// CString reads a string of C, without its NUL, page by page, so that nothing is read beyond the
// page in which it ends. False where memory cannot be read, or where at least most bytes have none.
func CString(r Reader, at Addr, most int) (string, bool) {
	const page = 4096
	var out []byte
	for len(out) < most {
		b := make([]byte, page-at%page)
		if _, err := r.ReadAt(b, at); err != nil {
			return "", false
		}
		if n := bytes.IndexByte(b, 0); n >= 0 {
			return string(append(out, b[:n]...)), true
		}
		out, at = append(out, b...), at+Addr(len(b))
	}
	return "", false
}

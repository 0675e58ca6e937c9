package pyheap

import (
	"strconv"
	"strings"
)

// escapes are those of one character in literals of str and bytes (lexical analysis, 2.4.1).
var escapes = map[byte]byte{'\\': '\\', '\'': '\'', '"': '"', 'a': '\a', 'b': '\b', 'f': '\f',
	'n': '\n', 'r': '\r', 't': '\t', 'v': '\v'}

// literal reads a literal of a str or bytes, without the b, as Python does; lone surrogates become
// U+FFFD. It returns what follows; false where it does not end.
func literal(s string, isBytes bool) (value, rest string, ok bool) {
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == s[0]:
			return b.String(), s[i+1:], true
		case c == '\\' && i+1 < len(s):
			i += escape(&b, s[i+1:], isBytes)
		default:
			b.WriteByte(c)
		}
	}
	return "", "", false
}

// escape reads what follows a backslash, and returns how long that is.
func escape(b *strings.Builder, s string, isBytes bool) int {
	if c, ok := escapes[s[0]]; ok {
		b.WriteByte(c)
		return 1
	}
	from, to, base := 1, 0, 16
	switch c := s[0]; {
	case c == 'x':
		to = 3
	case c == 'u' && !isBytes:
		to = 5
	case c == 'U' && !isBytes:
		to = 9
	case c >= '0' && c <= '7':
		from, base = 0, 8
		for to < min(len(s), 3) && s[to] >= '0' && s[to] <= '7' {
			to++
		}
	}
	if to == 0 || to > len(s) {
		b.WriteByte('\\') // as it stands
		return 0
	}
	n, err := strconv.ParseUint(s[from:to], base, 32)
	switch {
	case err != nil:
		b.WriteByte('\\')
		return 0
	case isBytes:
		b.WriteByte(byte(n))
	default:
		b.WriteRune(rune(n))
	}
	return to
}

package cmdserver

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
)

// maxFrame bounds what one frame may carry: a length from a confused server must not make us
// allocate gigabytes.
const maxFrame = 64 << 20

// Result is what one command gave.
type Result struct {
	Stdout, Stderr []byte
	// Code is the exit status hg would have had on the command line.
	Code int
}

// readFrame reads one channel letter and its payload. On the input channels (upper case 'I' and 'L')
// the length is a request for input and no payload follows: want holds it.
func readFrame(r io.Reader) (channel byte, payload []byte, want uint32, err error) {
	var head [5]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, nil, 0, fmt.Errorf("command server: frame header: %w", err)
	}
	n := binary.BigEndian.Uint32(head[1:])
	if head[0] == 'I' || head[0] == 'L' {
		return head[0], nil, n, nil
	}
	if n > maxFrame {
		return 0, nil, 0, fmt.Errorf("command server: frame of %d bytes on channel %q", n, head[0])
	}
	payload = make([]byte, n)
	if _, err := io.ReadFull(r, payload); err != nil {
		return 0, nil, 0, fmt.Errorf("command server: channel %q: %w", head[0], err)
	}
	return head[0], payload, 0, nil
}

// writeBlock writes a length-prefixed block: the form of a command's arguments and of its input.
func writeBlock(w io.Writer, data []byte) error {
	block := binary.BigEndian.AppendUint32(nil, uint32(len(data)))
	_, err := w.Write(append(block, data...))
	return err
}

// parseHello splits the server's first message into its "name: value" lines.
func parseHello(payload []byte) (map[string]string, error) {
	hello := make(map[string]string)
	for _, line := range strings.Split(string(payload), "\n") {
		name, value, ok := strings.Cut(line, ": ")
		if !ok {
			return nil, fmt.Errorf("command server: hello line %q is no \"name: value\"", line)
		}
		hello[name] = value
	}
	if !strings.Contains(hello["capabilities"], "runcommand") {
		return nil, errors.New("command server: no runcommand capability in its hello")
	}
	return hello, nil
}

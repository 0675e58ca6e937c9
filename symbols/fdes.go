package symbols

import (
	"encoding/binary"
	"fmt"

	"github.com/go-delve/delve/pkg/dwarf/frame"
)

// FDEs gives what .eh_frame says of the file's functions, sorted by address: where each begins and ends, and how it is unwound. Errors:
// *FormatError.
func (f *File) FDEs() (out frame.FrameDescriptionEntries, err error) {
	sec := f.Section(".eh_frame")
	if sec == nil {
		return nil, &FormatError{f.Path, "it has no .eh_frame", nil}
	}
	data, err := f.SectionData(sec)
	if err != nil {
		return nil, err
	}
	defer func() {
		if r := recover(); r != nil { // delve's reader is not proof against every input
			out, err = nil, &FormatError{f.Path, fmt.Sprintf(".eh_frame: %v", r), nil}
		}
	}()
	fdes, err := frame.Parse(data, binary.LittleEndian, 0, ptrSize, sec.Addr)
	if err != nil {
		return nil, &FormatError{f.Path, ".eh_frame", err}
	}
	return fdes.Append(nil), nil // sorts them, which Parse does not
}

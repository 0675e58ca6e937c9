package restore

import (
	_ "embed"
	"encoding/binary"
	"errors"
)

// stubBlob is the loader stub, a flat position-independent binary built by
// restore/stub/build.sh (`make stub`).
//
//go:embed stub_old/stub.bin
var stubBlob []byte

const (
	abiMagic   = 0x317a657266797000
	abiVersion = 3
)

// stubHead is the table at the start of the stub (entry.S): where its entries
// are, as offsets from its start.
type stubHead struct {
	early, end uint32
}

func readStubHead(b []byte) (stubHead, error) {
	if len(b) < 24 || binary.LittleEndian.Uint64(b) != abiMagic || binary.LittleEndian.Uint32(b[8:]) != abiVersion {
		return stubHead{}, errors.New("not a loader stub of this version")
	}
	h := stubHead{
		early: binary.LittleEndian.Uint32(b[16:]),
		end:   binary.LittleEndian.Uint32(b[20:]),
	}
	if int(h.end) > len(b) || int(h.early) >= len(b) {
		return stubHead{}, errors.New("the loader stub is cut short")
	}
	return h, nil
}

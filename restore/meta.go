package restore

import (
	"encoding/json"
	"fmt"
	"time"

	"pyfreeze/image"
	"pyfreeze/pyheap"
)

// Meta is what an image tells of itself (`pyfreeze info`).
type Meta struct {
	Pyfreeze    string          `json:"pyfreeze"`
	Created     time.Time       `json:"created"`
	PID         int             `json:"pid"`
	Args        []string        `json:"args"`
	Comm        string          `json:"comm"`
	Cwd         string          `json:"cwd"`
	Exe         string          `json:"exe"`
	Python      string          `json:"python"`
	BuildID     string          `json:"build_id"`
	Layouts     string          `json:"layouts,omitempty"` // where the C structs are known from: a file of debug information, or what pyfreeze ships
	Recipe      string          `json:"recipe,omitempty"`
	Stopped     time.Duration   `json:"stopped_ns"`
	Threads     int             `json:"threads"`
	Busy        bool            `json:"busy"` // a thread held the GIL at the safe point
	Objects     int             `json:"objects"`
	Types       []TypeCount     `json:"types"`
	Modules     []ModuleInfo    `json:"modules"`
	Libraries   []LibraryInfo   `json:"libraries"`
	Bytes       ByteCounts      `json:"bytes"`
	Captured    []CapturedValue `json:"captured"` // nil in images of a pyfreeze that did not look for them
	Relocations int             `json:"relocations"`
	Filtered    int             `json:"filtered"`
	Known       map[string]int  `json:"known"`   // relocated words by how they are known to be pointers
	Guessed     int             `json:"guessed"` // those that only look like pointers
	Guesses     []Guess         `json:"guesses"` // the first of them
	Opaque      OpaqueMemory    `json:"opaque"`
	Scrubbed    uint64          `json:"scrubbed"` // bytes of dead memory that were zeroed
	Descriptors []Descriptor    `json:"descriptors"`
	Frames      []FrameInfo     `json:"frames"` // of the main thread, newest first; abandoned by a thaw
}

// OpaqueMemory says how much of the allocators' live memory is understood, in bytes.
type OpaqueMemory struct {
	Live      uint64               `json:"live"`
	Typed     uint64               `json:"typed"`
	Opaque    uint64               `json:"opaque"`    // read conservatively
	Unreached uint64               `json:"unreached"` // nothing was found to point there
	Owners    []pyheap.OpaqueOwner `json:"owners"`    // of the latter two, most first
}

// Bounds of what an image tells of guesses.
const (
	maxGuesses = 1000
	maxOwners  = 100
)

// TypeCount is one line of the census.
type TypeCount struct {
	Name  string `json:"name"`
	Count int    `json:"count"`
	Bytes uint64 `json:"bytes"`
}

// ModuleInfo is a Python module.
type ModuleInfo struct {
	Name string `json:"name"`
	File string `json:"file,omitempty"`
}

// LibraryInfo is an ELF file of the frozen process.
type LibraryInfo struct {
	Path    string `json:"path"`
	BuildID string `json:"build_id"`
	Base    uint64 `json:"base"`
	Fixed   bool   `json:"fixed"` // comes back at Base; else it is fresh and may move
	Loaded  bool   `json:"loaded_by_thaw"`
}

// ByteCounts sums up memory by class.
type ByteCounts struct {
	Frozen  uint64 `json:"frozen"` // anonymous memory
	Saved   uint64 `json:"saved"`  // data sections
	Inspect uint64 `json:"inspect_only"`
}

// FrameInfo is an activation of Python code.
type FrameInfo struct {
	Function string `json:"function"`
	File     string `json:"file"`
	Line     int    `json:"line"`
	Addr     uint64 `json:"addr"` // of the frame: inspection reads its locals
}

// tableMeta is the type of the image's table with the Meta: not in the note for metadata, which every
// thaw would read.
const tableMeta = 1

// ReadMeta returns what the image tells of itself.
func ReadMeta(im *image.Image) (*Meta, error) {
	m := &Meta{}
	about, err := im.Extra(tableMeta)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(about, m); err != nil {
		return nil, fmt.Errorf("metadata of the image %s: %w", im.Path(), err)
	}
	return m, nil
}

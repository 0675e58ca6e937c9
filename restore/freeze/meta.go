package freeze

import (
	"encoding/json"
	"fmt"
	"time"

	"pyfreeze/image"
	"pyfreeze/pyheap"
	"pyfreeze/restore/behind"
	"pyfreeze/restore/captured"
	"pyfreeze/restore/refuse"
	"pyfreeze/restore/script"
	"pyfreeze/restore/snapshot"
)

// Version of pyfreeze.
const Version = "0.2"

// Meta is what an image tells of itself (`pyfreeze info`).
type Meta struct {
	Pyfreeze    string                `json:"pyfreeze"`
	Created     time.Time             `json:"created"`
	PID         int                   `json:"pid"`
	Args        []string              `json:"args"`
	Comm        string                `json:"comm"`
	Cwd         string                `json:"cwd"`
	Exe         string                `json:"exe"`
	Python      string                `json:"python"`
	BuildID     string                `json:"build_id"`
	Layouts     string                `json:"layouts,omitempty"` // where the C structs are known from: a file of debug information, or what pyfreeze ships
	Recipe      string                `json:"recipe,omitempty"`
	At          string                `json:"at,omitempty"`      // the point of a command; "" for a process that ran already
	Why         string                `json:"why,omitempty"`     // what the program does next, for which the point is not later
	Runs        []string              `json:"runs"`              // what a thaw does: "goes on", "runs again"
	Refused     []refuse.Offender     `json:"refused,omitempty"` // what stands against going on, or running again, where a thaw does only the other
	Stale       []string              `json:"stale,omitempty"`   // files that the program may have read before they were changed: no run thaws
	Stopped     time.Duration         `json:"stopped_ns"`
	Threads     int                   `json:"threads"`      // of the process
	Kept        int                   `json:"threads_kept"` // of a thaw
	Busy        bool                  `json:"busy"`         // a thread held the GIL when the process was found
	Objects     int                   `json:"objects"`
	Types       []TypeCount           `json:"types"`
	Modules     []ModuleInfo          `json:"modules"`
	Libraries   []LibraryInfo         `json:"libraries"`
	Bytes       ByteCounts            `json:"bytes"`
	Captured    []captured.Value      `json:"captured"` // nil in images of a pyfreeze that did not look for them
	Opaque      OpaqueMemory          `json:"opaque"`
	Scrubbed    uint64                `json:"scrubbed"` // bytes of dead memory that were zeroed
	Descriptors []snapshot.Descriptor `json:"descriptors"`
	Frames      []FrameInfo           `json:"frames"` // of the main thread, newest first
	Stages      []StageTime           `json:"stages"`
	// Harmless says that the run by which the point was found did nothing, to its end, but write to
	// its standard streams: it may be run again.
	Harmless bool            `json:"harmless,omitempty"`
	Strict   bool            `json:"strict,omitempty"`  // a thaw compares what is in each file
	Guards   []GuardInfo     `json:"guards"`            // what must be as it was
	Learned  []script.Module `json:"learned,omitempty"` // what a run had imported after the point

	// Random are the generators of random numbers, and what becomes of each.
	Random []Generator `json:"random"`

	// Behind is what the run has changed in modules, where a thaw runs the program again.
	Behind *behind.Report `json:"left_behind,omitempty"`
}

// GuardInfo is one thing that must be as it was where an image thaws.
type GuardInfo struct {
	What string `json:"what"`          // "file", "absent", "variable", ...
	Name string `json:"name"`          // path or name
	Who  string `json:"who,omitempty"` // file and line of Python that read it first, where that is known
}

// StageTime is how long a stage of the freeze took.
type StageTime struct {
	Name string        `json:"name"`
	Took time.Duration `json:"took_ns"`
}

// OpaqueMemory says how much of the allocators' live memory is understood, in bytes.
type OpaqueMemory struct {
	Live      uint64               `json:"live"`
	Typed     uint64               `json:"typed"`
	Opaque    uint64               `json:"opaque"`    // read conservatively
	Unreached uint64               `json:"unreached"` // nothing was found to point there
	Owners    []pyheap.OpaqueOwner `json:"owners"`    // of the latter two, most first
}

// maxOwners bounds what an image tells of them.
const maxOwners = 100

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
}

// ByteCounts sums up memory by what becomes of it.
type ByteCounts struct {
	Mapped uint64 `json:"mapped"` // from the image, as it is used
	Read   uint64 `json:"read"`   // copied from the image at every thaw
}

// FrameInfo is an activation of Python code.
type FrameInfo struct {
	Function string `json:"function"`
	File     string `json:"file"`
	Line     int    `json:"line"`
}

// tableMeta is the type of the image's table with the Meta: not in the note for metadata, which every thaw would read.
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

func (f *freezing) describe() {
	c, h, w := f.copy, f.heap, f.walk
	m := &Meta{
		Pyfreeze: Version, Created: time.Now().UTC().Truncate(time.Second),
		PID: c.PID, Args: f.start.Argv, Comm: f.start.Comm, Cwd: c.Kernel.Cwd,
		Exe: c.Interp.Exe, Python: c.Interp.Version.String(), BuildID: c.Interp.Module.File.BuildID(),
		Layouts: h.LayoutSource(), Recipe: f.recipe.Name, At: f.at, Why: f.o.Why, Stopped: c.Stopped,
		Threads: len(c.Threads), Busy: c.Busy, Objects: w.Objects(), Descriptors: c.FDs,
		Captured: f.found, Strict: f.o.Strict, Harmless: f.o.Harmless, Stale: f.stale,
		Learned: f.o.Learned, Behind: f.behind, Random: f.listGenerators(),
	}
	op := w.Opaque()
	m.Opaque = OpaqueMemory{Live: op.Live, Typed: op.Typed, Opaque: op.Opaque, Unreached: op.Unreached, Owners: op.Owners[:min(len(op.Owners), maxOwners)]}
	for _, t := range w.ByType() {
		m.Types = append(m.Types, TypeCount{t.Name, t.Count, t.Bytes})
	}
	if mods, err := h.Modules(); err == nil {
		for _, x := range mods {
			m.Modules = append(m.Modules, ModuleInfo{x.Name, x.File})
		}
	}
	for _, l := range f.libs {
		m.Libraries = append(m.Libraries, LibraryInfo{l.File.Path, l.File.BuildID(), uint64(l.Range.Start)})
	}
	if frames, err := h.Frames(f.target.Tstate); err == nil || len(frames) > 0 {
		for _, fr := range frames {
			m.Frames = append(m.Frames, FrameInfo{fr.Qualname, fr.File, fr.Line})
		}
	}
	m.Guards = f.guardInfo()
	f.meta = m
}

package launcher

import (
	"bufio"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Counts says how the runs of a launcher went.
type Counts struct {
	Thawed int            `json:"thawed"`
	Plain  map[string]int `json:"plain"` // by reason
}

// Image is one of a launcher's images, or what stands against one.
type Image struct {
	Path   string    `json:"path"`
	Bytes  int64     `json:"bytes"`
	Used   time.Time `json:"used"` // or made
	Fits   bool      `json:"fits"`
	Why    string    `json:"why,omitempty"`    // it does not fit, here and now
	Failed string    `json:"failed,omitempty"` // why it could not be made
}

// Images lists what a launcher has, the last used first.
func (l *File) Images(fits func(path string) error) []Image {
	out := []Image{}
	for _, dir := range l.dirs() {
		if private(dir) != nil {
			continue
		}
		for _, im := range images(dir) {
			i := Image{Path: im.path, Bytes: im.size, Used: im.used, Fits: true}
			if err := fits(im.path); err != nil {
				i.Fits, i.Why = false, err.Error()
			}
			out = append(out, i)
		}
		failed, _ := filepath.Glob(filepath.Join(dir, "*.failed")) // the pattern is fine
		for _, path := range failed {
			b, err := os.ReadFile(path)
			if err == nil {
				out = append(out, Image{Path: strings.TrimSuffix(path, ".failed") + suffix, Failed: strings.TrimSpace(string(b))})
			}
		}
	}
	return out
}

// maxLog is how long a log may get before it is summed up.
const maxLog = 1 << 20

// Counts sums up the logs of a launcher's runs.
func (l *File) Counts() (Counts, error) {
	c := Counts{Plain: map[string]int{}}
	var errs []error
	for _, dir := range l.dirs() {
		if private(dir) == nil {
			errs = append(errs, c.read(dir))
		}
	}
	return c, errors.Join(errs...)
}

// read adds the counts of one directory. A log that has grown long is put into the file of counts.
func (c *Counts) read(dir string) error {
	sum := Counts{Plain: map[string]int{}}
	unlock, err := lock(filepath.Join(dir, "counts.lock"), true)
	if err != nil {
		return err
	}
	defer unlock()
	counts, old, log := filepath.Join(dir, "counts.json"), filepath.Join(dir, "log.old"), filepath.Join(dir, "log")
	if b, err := os.ReadFile(counts); err == nil && json.Unmarshal(b, &sum) != nil {
		sum = Counts{} // damaged: it counts anew
	}
	if sum.Plain == nil {
		sum.Plain = map[string]int{}
	}
	if st, err := os.Stat(log); err == nil && st.Size() > maxLog {
		if err := os.Rename(log, old); err != nil {
			return err
		}
		if err := sum.readLog(old); err != nil {
			return err
		}
		b, err := json.Marshal(sum)
		if err != nil {
			return err
		}
		if err := os.WriteFile(counts, b, 0o600); err != nil {
			return err
		}
		if err := os.Remove(old); err != nil {
			return err
		}
	}
	if err := sum.readLog(log); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	c.Thawed += sum.Thawed
	for why, n := range sum.Plain {
		c.Plain[why] += n
	}
	return nil
}

func (c *Counts) readLog(path string) error {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		var run struct {
			Thawed bool
			Reason string
		}
		switch {
		case json.Unmarshal(lines.Bytes(), &run) != nil: // cut short by a full disk
		case run.Thawed:
			c.Thawed++
		default:
			c.Plain[run.Reason]++
		}
	}
	return lines.Err()
}

// Forget removes all that was kept for a launcher.
func (l *File) Forget() error {
	var errs []error
	for _, dir := range l.dirs() {
		if private(dir) == nil {
			errs = append(errs, os.RemoveAll(dir))
		}
	}
	return errors.Join(errs...)
}

// Find gives the launchers in directories.
func Find(dirs []string) []*File {
	var out []*File
	seen := map[string]bool{}
	for _, dir := range dirs {
		entries, err := os.ReadDir(dir)
		if err != nil || seen[dir] {
			continue
		}
		seen[dir] = true
		for _, e := range entries {
			if l, err := Read(filepath.Join(dir, e.Name())); err == nil && e.Type().IsRegular() {
				out = append(out, l)
			}
		}
	}
	return out
}

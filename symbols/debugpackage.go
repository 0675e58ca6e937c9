package symbols

import (
	"context"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"
)

var pythonPackage = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(?:lib)?python(\d\.\d+)(?:-.*)?$`)
})

// debugPackage names the Debian package with the debug information of the file
// at path, "" when dpkg is missing or does not know the file. It runs only to
// word an error, so its cost (about 0.2 s) does not matter.
func debugPackage(path string) string {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		real = path
	}
	// dpkg knows a file by the path it was packaged under, and on merged-/usr
	// systems that may lack the /usr.
	for _, p := range []string{real, path, strings.TrimPrefix(real, "/usr")} {
		if owner := dpkgOwner(p); owner != "" {
			return debugPackageOf(owner)
		}
	}
	return ""
}

// debugPackageOf maps the package that owns a file to the one with its DWARF.
func debugPackageOf(owner string) string {
	if m := pythonPackage().FindStringSubmatch(owner); m != nil {
		return "python" + m[1] + "-dbg" // one for exe, library and modules
	}
	if owner == "libc6" {
		return "libc6-dbg"
	}
	return owner + "-dbgsym"
}

func dpkgOwner(path string) string {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, "dpkg", "-S", "--", path).Output()
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(out)) {
		if strings.HasPrefix(line, "diversion by") {
			continue
		}
		owner, _, ok := strings.Cut(line, ": /")
		if !ok {
			continue
		}
		owner, _, _ = strings.Cut(owner, ",") // several owners
		owner, _, _ = strings.Cut(owner, ":") // :amd64
		return owner
	}
	return ""
}

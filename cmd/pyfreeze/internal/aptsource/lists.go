package aptsource

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// deriveSources writes to parts a copy of each list of the machine's apt that asks for the sources of
// what the machine has binaries of: same repositories, same keys.
func deriveSources(ctx context.Context, parts string) error {
	out, err := exec.CommandContext(ctx, "apt-config", "shell", "LIST", "Dir::Etc::sourcelist/f", "PARTS", "Dir::Etc::sourceparts/d").Output()
	if err != nil {
		return fmt.Errorf("apt-config: %w", err)
	}
	var files []string
	for line := range strings.Lines(string(out)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		value = strings.Trim(value, "'")
		if name == "LIST" {
			files = append(files, value)
			continue
		}
		for _, ending := range []string{"*.list", "*.sources"} {
			found, err := filepath.Glob(filepath.Join(value, ending))
			if err != nil {
				return fmt.Errorf("apt's source parts: %w", err)
			}
			files = append(files, found...)
		}
	}
	written := 0
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			continue // there need not be a sources.list, and some lists may hold secrets
		}
		wanted := sourcesOfList(string(text))
		if strings.HasSuffix(f, ".sources") {
			wanted = sourcesOfStanzas(string(text))
		}
		if wanted == "" {
			continue
		}
		if err := os.WriteFile(filepath.Join(parts, filepath.Base(f)), []byte(wanted), 0o644); err != nil {
			return err
		}
		written++
	}
	if written == 0 {
		return fmt.Errorf("apt has no repository that is readable: %s", strings.Join(files, ", "))
	}
	return nil
}

// sourcesOfList turns `deb` lines into `deb-src` lines and leaves all else out.
func sourcesOfList(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) > 2 && fields[0] == "deb" {
			b.WriteString("deb-src " + strings.Join(fields[1:], " ") + "\n")
		}
	}
	return b.String()
}

// sourcesOfStanzas does the same with the deb822 format, whose stanzas say `Types:`.
func sourcesOfStanzas(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if key, _, found := strings.Cut(line, ":"); found && strings.EqualFold(key, "Types") {
			line = "Types: deb-src\n"
		}
		b.WriteString(line)
	}
	return b.String()
}

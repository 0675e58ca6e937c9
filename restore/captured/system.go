package captured

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// host notes the names of the machine, if the process sees the same ones as we do.
func (f *Facts) host(pid int) {
	mine, err := os.Readlink("/proc/self/ns/uts")
	theirs, err2 := os.Readlink(fmt.Sprintf("/proc/%d/ns/uts", pid))
	var u unix.Utsname
	if err != nil || err2 != nil || mine != theirs || unix.Uname(&u) != nil {
		return
	}
	name := unix.ByteSliceToString(u.Nodename[:])
	f.text("hostname", name)
	eachLine(fmt.Sprintf("/proc/%d/root/etc/hosts", pid), func(line string) {
		line, _, _ = strings.Cut(line, "#")
		words := strings.Fields(line)
		for i := 1; i < len(words); i++ {
			if words[i] == name && words[1] != "localhost" {
				f.text("hostname", words[1]) // the canonical name
			}
		}
	})
}

// user notes who runs the process.
func (f *Facts) user(pid int) {
	uid, err := statusNumber(pid, "Uid")
	if err != nil {
		return
	}
	f.number("uid", uid)
	if gid, err := statusNumber(pid, "Gid"); err == nil {
		f.number("gid", gid)
	}
	eachLine(fmt.Sprintf("/proc/%d/root/etc/passwd", pid), func(line string) {
		e := strings.Split(line, ":")
		if len(e) >= 7 && e[2] == strconv.FormatInt(uid, 10) {
			f.text("user", e[0])
			f.text("user's home", e[5])
			name, _, _ := strings.Cut(e[4], ",")
			f.text("user's full name", name)
		}
	})
}

// statusNumber reads the first number of a line of /proc/PID/status.
func statusNumber(pid int, name string) (v int64, err error) {
	err = fmt.Errorf("no %s in /proc/%d/status", name, pid)
	eachLine(fmt.Sprintf("/proc/%d/status", pid), func(line string) {
		if rest, ok := strings.CutPrefix(line, name+":\t"); ok {
			rest, _, _ = strings.Cut(rest, "\t")
			v, err = strconv.ParseInt(rest, 10, 64)
		}
	})
	return v, err
}

const maxSystemTable = 16 << 20 // bytes of passwd or hosts that are read

// eachLine calls fn with the lines of a file, none if it cannot be read. The file may be the target's: anything but a
// regular one is left alone.
func eachLine(path string, fn func(line string)) {
	if st, err := os.Stat(path); err != nil || !st.Mode().IsRegular() {
		return
	}
	file, err := os.Open(path)
	if err != nil {
		return
	}
	defer file.Close()
	for sc := bufio.NewScanner(io.LimitReader(file, maxSystemTable)); sc.Scan(); {
		fn(sc.Text())
	}
}

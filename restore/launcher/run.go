package launcher

import (
	"errors"
	"os"
	"os/exec"
	"syscall"

	"pyfreeze/restore"
)

// Run becomes the program of the launcher at path: thawed if there is an image that fits, else plain. Where an image is missing or does
// not fit any more, a builder is left behind that makes one. With stale, the fast way has found that out, and told the log.
// It returns only with an error: *NotLauncherError, *NoProgramError, or what stood against the plain command.
func Run(path string, args []string, stale bool, start uint64) error {
	l, err := Read(path)
	if err != nil {
		return err
	}
	program, err := l.program()
	if err != nil {
		return err
	}
	argv := append([]string{l.Name}, args...)
	key := l.key(program, os.Environ())
	image := l.image(key)
	if stale {
		l.startBuilder()
		return restore.Plain(program, argv, image, "", "")
	}
	reason := "there is no image yet"
	if image != "" {
		err := restore.Fits(image)
		if err == nil { // the fast way has not taken it: by accident, or since it knows less
			err = restore.Run(restore.RunOptions{Image: image, Args: args, Log: l.logPath(), StartNs: start})
		}
		reason = err.Error()
		if !restore.Unfit(err) {
			return restore.Plain(program, argv, image, l.logPath(), reason)
		}
	} else if failed := l.failure(key); failed != "" {
		return restore.Plain(program, argv, "", l.logPath(), "no image could be made: "+failed)
	}
	l.startBuilder()
	return restore.Plain(program, argv, image, l.logPath(), reason)
}

// startBuilder leaves a builder behind that waits for the end of this process. It is no child of it, which the program
// that this process becomes would notice: the one between has ended. What stands against it is nothing that the user's
// command should stop for.
func (l *File) startBuilder() {
	self, err := os.Executable()
	if err != nil {
		return
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return
	}
	defer null.Close()
	cmd := exec.Command(self, "build", "--detach", l.Path)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = null, null, null
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	_ = cmd.Run() // no builder: the next command tries again
}

// Detach starts the builder proper of the launcher at path and returns at once. It waits for the end of process wait.
func Detach(path string, wait int) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(self, "build", "--after", itoa(wait), path)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	return errors.Join(cmd.Process.Release())
}

package guard

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// AccessFlags is where the flags of faccessat2(2) begin in what tells how it was asked; below them
// is the mode.
const AccessFlags = 3

// AccessOf asks whether a path may be used, and returns what the kernel says: 0, or an error
// number.
func AccessOf(path string, how uint64) uint64 {
	p, err := unix.BytePtrFromString(path)
	if err != nil {
		return uint64(unix.EINVAL)
	}
	mode, flags, dir := uintptr(how&(1<<AccessFlags-1)), uintptr(how>>AccessFlags), unix.AT_FDCWD
	var errno unix.Errno
	if flags == 0 {
		_, _, errno = unix.Syscall(unix.SYS_FACCESSAT, uintptr(dir), uintptr(unsafe.Pointer(p)), mode)
	} else {
		_, _, errno = unix.Syscall6(unix.SYS_FACCESSAT2, uintptr(dir), uintptr(unsafe.Pointer(p)), mode, flags, 0, 0)
	}
	return uint64(errno)
}

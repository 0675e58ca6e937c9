package tracer

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
)

// pfKthread is the kernel's flag for its own threads (PF_KTHREAD).
const pfKthread = 0x00200000

// isKernelThread looks at the flags in /proc/PID/stat: kernels before 6.8 have
// no Kthread line in the status file.
func isKernelThread(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	// After the name: state, ppid, pgrp, session, tty, tpgid, flags.
	fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
	if len(fields) < 7 {
		return false
	}
	flags, err := strconv.ParseUint(string(fields[6]), 10, 64)
	return err == nil && flags&pfKthread != 0
}

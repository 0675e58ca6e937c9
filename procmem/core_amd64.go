package procmem

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
)

const coreMachine = elf.EM_X86_64

// Layout of struct elf_prstatus and struct elf_prpsinfo on x86-64.
const (
	prstatusSig  = 12 // pr_cursig, a short
	prstatusPid  = 32
	prstatusRegs = 112
	prstatusSize = 336

	prpsinfoPid  = 24
	prpsinfoArgs = 56
	prpsinfoSize = 136
)

func parsePrstatus(desc []byte) (t CoreThread, ok bool) {
	if len(desc) < prstatusSize {
		return t, false
	}
	t.Signal = int(order.Uint16(desc[prstatusSig:]))
	t.Tid = int(int32(order.Uint32(desc[prstatusPid:])))
	// pr_reg is a user_regs_struct, as is unix.PtraceRegs.
	err := binary.Read(bytes.NewReader(desc[prstatusRegs:]), order, &t.Regs)
	return t, err == nil
}

func parsePrpsinfo(desc []byte) (pid int, args string, ok bool) {
	if len(desc) < prpsinfoSize {
		return 0, "", false
	}
	return int(int32(order.Uint32(desc[prpsinfoPid:]))), cstring(desc[prpsinfoArgs:prpsinfoSize]), true
}

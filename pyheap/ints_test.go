package pyheap

import (
	"math/big"
	"strings"
	"testing"
)

// An int is written in digits up to a length that takes no time, and by how it begins beyond.
func TestIntText(t *testing.T) {
	power := func(n uint) *big.Int { return new(big.Int).Lsh(big.NewInt(1), n) }
	if s := intText(new(big.Int).Neg(power(60000)), 100); s[0] != '-' || len(s) != 18063 {
		t.Errorf("%d characters, %.20s", len(s), s)
	}
	if s := intText(power(1<<18), 100); s != "<int of 262145 bits, 0x1"+strings.Repeat("0", 32)+"...>" {
		t.Error(s)
	}
	if s := intText(power(1<<18), maxRepr); s != power(1<<18).String() {
		t.Error("not in digits though all are shown")
	}
	if s := intText(power(1<<26), maxRepr); len(s) > 100 {
		t.Errorf("%d characters", len(s))
	}
}

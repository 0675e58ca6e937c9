package freeze

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"slices"
	"testing"
)

// TestMersenne compares states with those of the interpreter's own generator: seeded, and turned
// over once and twice.
func TestMersenne(t *testing.T) {
	const program = `
import json, random
r = random.Random(%d)
out = [r.getstate()[1][:-1]]
for n in range(2):
    for i in range(624): r.getrandbits(32)
    out.append(r.getstate()[1][:-1])
print(json.dumps(out))
`
	for _, key := range []uint64{0, 1, 12345, 1<<40 + 7, 1<<63 + 1} {
		b, err := exec.Command("/usr/bin/python3.11", "-c", fmt.Sprintf(program, key)).Output()
		if err != nil {
			t.Fatal(err)
		}
		var want [][]uint32
		if err := json.Unmarshal(b, &want); err != nil {
			t.Fatal(err)
		}
		words := []uint32{uint32(key)}
		if key>>32 != 0 {
			words = append(words, uint32(key>>32))
		}
		m := seeded(words)
		for n, w := range want {
			if !slices.Equal(m[:], w) {
				t.Fatalf("the state of %d after %d turns is %v..., want %v...", key, n, m[:3], w[:3])
			}
			m.twist()
		}
	}
}

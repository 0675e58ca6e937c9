package image

import "bytes"

// minHole is the shortest hole worth its extent in the file system, in bytes.
const minHole = 4 * pageSize

// maxRun bounds one write, so that progress is seen.
const maxRun = 1 << 20

// maxHeld bounds how much of a segment is asked for at a time.
const maxHeld = 1 << 20

var zeroPage [pageSize]byte

// nextRun finds the next bytes of data that must be written: data[start:end]
// from pos on, at most about maxRun of them; start == len(data) means none.
// Only holes of minHole or more are left out. front is the offset in its page
// of data[0], so that runs end where pages of the file do.
func nextRun(data []byte, pos, front int) (start, end int) {
	start = pos
	for start < len(data) {
		next := pageEnd(data, start, front)
		if !zero(data[start:next]) {
			break
		}
		start = next
	}
	gap := 0
	for end = start; end < len(data) && end-start < maxRun; {
		next := pageEnd(data, end, front)
		if zero(data[end:next]) {
			gap += next - end
		} else {
			gap = 0
		}
		end = next
		if gap >= minHole {
			break
		}
	}
	return start, end - gap
}

// pageEnd is where the file's page that holds data[pos] ends.
func pageEnd(data []byte, pos, front int) int {
	return min(len(data), pos+pageSize-(front+pos)%pageSize)
}

func zero(b []byte) bool { return bytes.Equal(b, zeroPage[:len(b)]) }

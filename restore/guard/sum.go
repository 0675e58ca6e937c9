package guard

import (
	"hash/crc32"
	"io"

	"golang.org/x/sys/unix"
)

// maxSummed bounds the files that have a sum: a larger one is another as soon as its inode is.
const maxSummed = 64 << 20

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// contentSum returns the checksum of a file, or of one byte more than most of it, with a bit that
// says that it could be read; 0 where it could not. content_sum() of stub/src/guards.c.
func contentSum(path string, most int64) uint64 {
	const known = 1 << 32
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0
	}
	defer unix.Close(fd)
	h := crc32.New(castagnoli)
	if _, err := io.Copy(h, io.LimitReader(descriptor(fd), most+1)); err != nil {
		return 0
	}
	return known | uint64(h.Sum32())
}

// descriptor reads a file without having it watched, as os.File has those that do not block.
type descriptor int

func (d descriptor) Read(b []byte) (int, error) {
	n, err := unix.Read(int(d), b)
	switch {
	case err != nil:
		return 0, err
	case n == 0:
		return 0, io.EOF
	}
	return n, nil
}

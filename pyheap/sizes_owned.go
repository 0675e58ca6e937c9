package pyheap

import "strings"

// ownedSize gives what __sizeof__ adds for memory that an object of a C type owns.
func (h *Heap) ownedSize(a uint64, t *typeInfo) uint64 {
	for i := 0; t != nil && i < maxBaseDepth; t, i = t.base, i+1 {
		name := h.nameOf(t)
		if size := ownedBy[name]; size != nil {
			return min(size(h, a, t), h.size)
		}
		if n := numpyScalars[name]; n != 0 {
			return n
		}
	}
	return 0
}

type ownedFunc func(h *Heap, a uint64, t *typeInfo) uint64

// ownedBy are the C types whose __sizeof__ counts memory that they own, each by the function that
// does so in CPython or numpy.
var ownedBy map[string]ownedFunc

func init() { // not where it is declared: sizes of parts are asked for in turn
	ownedBy = map[string]ownedFunc{
		"_io.BufferedReader": (*Heap).bufferedSize, // Modules/_io/bufferedio.c, buffered_sizeof
		"_io.BufferedWriter": (*Heap).bufferedSize,
		"_io.BufferedRandom": (*Heap).bufferedSize,
		"_io.BytesIO":        (*Heap).bytesIOSize, // Modules/_io/bytesio.c, bytesio_sizeof
		"_queue.SimpleQueue": (*Heap).queueSize,   // Modules/_queuemodule.c, since 3.15
		"_struct.Struct":     (*Heap).structSize,  // Modules/_struct.c, s_sizeof
		"builtins.Struct":    (*Heap).structSize,  // the same in 3.8, where it has no module
		"decimal.Decimal":    (*Heap).decimalSize, // Modules/_decimal/_decimal.c, dec_sizeof
		"numpy.ndarray":      (*Heap).arraySize,   // numpy/_core/src/multiarray/methods.c, array_sizeof
		"numpy.void":         (*Heap).voidSize,    // numpy/_core/src/multiarray/scalartypes.c.src, gentype_sizeof
	}
}

// numpyScalars are the sizes of the values in numpy's scalars
// (numpy/_core/include/numpy/npy_common.h), which gentype_sizeof adds to those of the objects.
var numpyScalars = map[string]uint64{
	"numpy.bool_": 1, "numpy.bool": 1, "numpy.int8": 1, "numpy.uint8": 1, "numpy.int16": 2, "numpy.uint16": 2,
	"numpy.float16": 2, "numpy.int32": 4, "numpy.uint32": 4, "numpy.float32": 4, "numpy.int64": 8, "numpy.uint64": 8,
	"numpy.longlong": 8, "numpy.ulonglong": 8, "numpy.intc": 4, "numpy.uintc": 4, "numpy.float64": 8, "numpy.complex64": 8,
	"numpy.complex128": 16, "numpy.longdouble": 16, "numpy.float128": 16, "numpy.clongdouble": 32, "numpy.complex256": 32,
	"numpy.datetime64": 8, "numpy.timedelta64": 8,
}

// number reads a word of the C struct of an object.
func (h *Heap) number(a uint64, t *typeInfo, field string) (uint64, bool) {
	p := h.shapeOf(t).own
	if p == nil {
		return 0, false
	}
	f, err := p.lay.Field(p.name, field)
	if err != nil {
		return 0, false
	}
	return h.view.u64(a + f.Offset)
}

func (h *Heap) bufferedSize(a uint64, t *typeInfo) uint64 {
	if at, _ := h.number(a, t, "buffer"); at == 0 {
		return 0
	}
	n, _ := h.number(a, t, "buffer_size")
	return n
}

func (h *Heap) bytesIOSize(a uint64, t *typeInfo) uint64 {
	buf, _ := h.number(a, t, "buf")
	if !h.isObject(buf) {
		return 0
	}
	if refs, _ := h.view.u32(buf); refs != 1 { // SHARED_BUF
		return 0
	}
	bt, err := h.typeOf(buf)
	if err != nil || bt.kind != kindBytes {
		return 0
	}
	return h.fullSize(buf, bt)
}

func (h *Heap) queueSize(a uint64, t *typeInfo) uint64 {
	if !h.atLeast(15) {
		return 0
	}
	n, _ := h.number(a, t, "buf.items_cap")
	return min(n, h.size/8) * 8
}

const formatCode = 32 // sizeof(formatcode): a pointer and three Py_ssize_t

func (h *Heap) structSize(a uint64, t *typeInfo) uint64 {
	codes, ok := h.number(a, t, "s_codes")
	if !ok || codes == 0 {
		return 0
	}
	for n := uint64(1); n < h.size/formatCode; n++ {
		def, ok := h.view.u64(codes + (n-1)*formatCode)
		if h.work++; !ok || def == 0 || h.exhausted() {
			return n * formatCode
		}
	}
	return 0
}

func (h *Heap) decimalSize(a uint64, t *typeInfo) uint64 {
	data, ok := h.number(a, t, "dec.data")
	alloc, _ := h.number(a, t, "dec.alloc")
	if !ok || data >= a && data < a+t.basicsize { // MPD_STATIC_DATA: within the object
		return 0
	}
	return min(alloc, h.size) * 8
}

// The layout of PyArrayObject is the same in every numpy since 1.7
// (numpy/_core/include/numpy/ndarraytypes.h); the size of an element is elsewhere in its
// PyArray_Descr since 2.0.
const (
	arrayDims, arrayShape, arrayDescr, arrayFlags = 24, 32, 56, 64
	arrayOwnsData                                 = 4 // NPY_ARRAY_OWNDATA
	maxDims                                       = 64
	descrSize1, descrSize2                        = 32, 40
)

func (h *Heap) arraySize(a uint64, _ *typeInfo) uint64 {
	dims, _ := h.view.u32(a + arrayDims)
	flags, _ := h.view.u32(a + arrayFlags)
	if dims > maxDims {
		return 0
	}
	size := uint64(dims) * 16 // its shape and strides
	if flags&arrayOwnsData == 0 {
		return size
	}
	shape, _ := h.view.u64(a + arrayShape)
	descr, _ := h.view.u64(a + arrayDescr)
	n, ok := h.view.u64(descr + descrSize2)
	if h.oldNumpy() {
		var small uint32
		small, ok = h.view.u32(descr + descrSize1)
		n = uint64(small)
	}
	for i := uint64(0); ok && i < uint64(dims); i++ {
		var d uint64
		d, ok = h.view.u64(shape + i*8)
		if d > h.size || n > h.size {
			return size
		}
		n *= d
	}
	if !ok {
		return size
	}
	return size + n
}

// oldNumpy says whether numpy is older than 2.0.
func (h *Heap) oldNumpy() bool {
	if h.numpy == "" {
		h.numpy = "2"
		if m, ok := h.module("numpy"); ok {
			if v, ok := h.dictGet(uint64(h.Dict(m)), "__version__"); ok {
				if s, err := h.str(v, maxName); err == nil {
					h.numpy = s
				}
			}
		}
	}
	return strings.HasPrefix(h.numpy, "1.") || strings.HasPrefix(h.numpy, "0.")
}

func (h *Heap) voidSize(a uint64, _ *typeInfo) uint64 {
	n, _ := h.view.u64(a + h.off.obSize)
	return n
}

package symbols

import (
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// FuzzShipped reads files of layouts that are no such files.
func FuzzShipped(f *testing.F) {
	f.Add("build 0 3.11.2 Debian runtime=5\nstruct s 8 f.c:1 a:0:*s:s b:0.4.1.3:uint4\nobject m.T s:s\nmodule x\ntypedef t 0 f.c:2 [3]s:s\n0 enum e 4 - A=-1\n")
	f.Add("build 0 1.2.3 x runtime=0\nunion u 4 - :0:()void\n\n \n# x")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := splitShipped(text)
		if err != nil {
			return
		}
		for _, module := range slices.Sorted(maps.Keys(s.sections)) {
			tab, objects, err := s.table(0, module)
			if err != nil {
				continue
			}
			l := &Layout{}
			l.index(tab)
			for i := range tab.types {
				if st, err := l.StructOf(l.refs[i]); err == nil {
					_, _ = l.FieldOf(l.refs[i], "a[1]") // whatever it is
					_ = st.Fields
				}
			}
			for name, id := range objects {
				if int(id) >= len(tab.types) {
					t.Errorf("%s is made of type %d of %d", name, id, len(tab.types))
				}
			}
		}
		if _, err := MergeLayouts(text, text); err != nil {
			return
		}
	})
}

// TestMergeLayouts makes one file of two builds.
func TestMergeLayouts(t *testing.T) {
	a := "build 0 3.11.2 Debian runtime=10\nstruct same 8 f.c:1 a:0:uint8\nstruct other 8 f.c:5 a:0:uint8\nobject m.T s:same\n"
	b := "build 0 3.11.9 mine runtime=12\nstruct same 8 f.c:3 a:0:uint8\nstruct other 16 f.c:9 x:0:uint8 a:8:uint8\nobject m.T s:same\nmodule m\nenum e 4 f.c:1 A=1\n"
	got, err := MergeLayouts(a, b)
	if err != nil {
		t.Fatal(err)
	}
	want := shippedHead + "build 0 3.11.2 Debian runtime=10\nbuild 1 3.11.9 mine runtime=12\nobject m.T s:same\n" +
		"0 struct other 8 f.c:5 a:0:uint8\n1 struct other 16 f.c:9 x:0:uint8 a:8:uint8\nstruct same 8 f.c:1 a:0:uint8\nmodule m\n1 enum e 4 f.c:1 A=1\n"
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	again, err := MergeLayouts(got, b)
	if err != nil || again != got {
		t.Errorf("merged once more: %v\n%s", err, cmp.Diff(got, again))
	}
	s, err := splitShipped(got)
	if err != nil {
		t.Fatal(err)
	}
	if n, ok := s.choose(Version{3, 11, 8, 0}, 12); !ok || n != 1 {
		t.Errorf("build %d, %t", n, ok)
	}
	if _, ok := s.choose(Version{3, 11, 8, 0}, 11); ok {
		t.Error("a build of another size is chosen")
	}
	tab, objects, err := s.table(1, "m")
	if err != nil {
		t.Fatal(err)
	}
	l := &Layout{}
	l.index(tab)
	if f, err := l.Field("other", "a"); err != nil || f.Offset != 8 {
		t.Errorf("other.a: %+v, %v", f, err)
	}
	if st, err := l.StructOf(l.refs[objects["m.T"]]); err != nil || st.Tag != "same" {
		t.Errorf("objects of m.T: %+v, %v", st, err)
	}
	if v, ok := l.Const("A"); !ok || v != 1 {
		t.Errorf("A is %d, %t", v, ok)
	}
}

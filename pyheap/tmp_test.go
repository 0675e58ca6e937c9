package pyheap
import ("testing"; "time")
func TestTmp(t *testing.T) {
	tg := start(t, python311, testdata("census.py"))
	h := tg.heap
	w := tg.walk(t)
	for _, name := range DescriptorTypes() {
		for _, o := range w.OfType(name) { fd,err:=h.Descriptor(o.Addr); t.Logf("%+v %d %v\n   %s", o,fd,err, w.Path(o.Addr)) }
	}
	k := 0
	w.Each(func(o Object){ k++; if k%1500==0 || o.Reach!=0 && k%7==0 { t.Logf("%x %s %s: %s", o.Addr, o.TypeName, w.Path(o.Addr), h.Repr(o.Addr, 60)) } })
	for _, p := range []string{"sys.argv[0]","sys.modules['os'].environ","os.environ._data","__main__.keep[3].b","__main__.s.x[0]","__main__.sub[2].attr[1]","json.decoder.JSONDecoder.decode.__globals__['__name__']","logging.root.handlers","__main__.pt[0]","__main__.nope", "__main__.od['a']","__main__.Color.RED.value","__main__.split.a"} {
		a, err := h.Lookup(p)
		t.Log(p, a, err, h.Repr(a, 80))
	}
	th,_ := h.Threads()
	fr, err := h.Frames(th[0].Addr)
	t.Log(err)
	for _, f := range fr { t.Logf("%s %s %s:%d", f.Name, f.Qualname, f.File, f.Line); for _, l := range f.Locals { t.Logf("     %s = %s", l.Name, h.Repr(l.Value,50))}}
	ms, err := h.Modules()
	for i, m := range ms { if i%7==0 { t.Logf("%+v", m) }}
	b := time.Now(); n:=0
	for i := range h.view.segs { s:=&h.view.segs[i]; if s.write { for a:=s.start; a+8<=s.end; a+=8 { if w.IsData(Addr(a)) {n++} } } }
	t.Log(n, time.Since(b))
}

package tracer
import "time"
import "fmt"
var T []string
var last time.Time
func tick(s string) { T = append(T, fmt.Sprint(s, " ", time.Since(last))); last = time.Now() }

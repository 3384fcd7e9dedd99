package integration

import (
	endian "encoding/binary"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// clockFile names, in the environment of a process, the file that says by how
// many seconds its clock is wrong.
const clockFile = "AMGATE_TEST_CLOCK"

// wrongClock is what such a process has in the place of the package time's
// reading of the clock. As when a machine's clock is set, time.Now jumps and
// the monotonic clock, by which timers run, does not.
const wrongClock = `package time

import (
	"sync/atomic"
	"syscall"
	"unsafe"
)

var wrongBy *int64

func init() {
	name, ok := syscall.Getenv("` + clockFile + `")
	if !ok {
		return
	}
	fd, err := syscall.Open(name, syscall.O_RDONLY, 0)
	if err != nil {
		panic(err)
	}
	shared, err := syscall.Mmap(fd, 0, 8, syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		panic(err)
	}
	wrongBy = (*int64)(unsafe.Pointer(&shared[0]))
}

func readClock() (sec int64, nsec int32, mono int64) {
	sec, nsec, mono = runtimeNow()
	if wrongBy != nil {
		sec += atomic.LoadInt64(wrongBy)
	}
	return sec, nsec, mono
}
`

// buildWithClock makes an amgate whose clock can be set, by an overlay over
// the package time. That takes minutes: all packages are built anew.
func buildWithClock(t *testing.T) string {
	t.Helper()
	dir := newDir(t)
	out, err := exec.Command("go", "env", "GOROOT").Output()
	must(t, err)
	source := filepath.Join(strings.TrimSpace(string(out)), "src", "time", "time.go")
	code, err := os.ReadFile(source)
	must(t, err)
	const reading = "func Now() Time {\n\tsec, nsec, mono := runtimeNow()\n"
	changed := strings.Replace(string(code), reading, strings.Replace(reading, "runtimeNow", "readClock", 1), 1)
	if changed == string(code) {
		t.Fatalf("%s has another Now than this test knows", source)
	}
	writeFile(t, filepath.Join(dir, "time.go"), changed)
	writeFile(t, filepath.Join(dir, "clock.go"), wrongClock)
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {
		source: filepath.Join(dir, "time.go"),
		filepath.Join(filepath.Dir(source), "wrongclock.go"): filepath.Join(dir, "clock.go"),
	}})
	must(t, err)
	writeFile(t, filepath.Join(dir, "overlay.json"), string(overlay))
	binary := filepath.Join(dir, "amgate")
	cmd := exec.Command("go", "build", "-overlay", filepath.Join(dir, "overlay.json"), "-o", binary, "./cmd/amgate")
	cmd.Dir = root
	must(t, buildError(cmd.CombinedOutput()))
	return binary
}

// setClock makes a process's clock wrong. It must run with a file for that.
func (p *process) setClock(by time.Duration) {
	p.t.Helper()
	var seconds [8]byte
	endian.NativeEndian.PutUint64(seconds[:], uint64(int64(by/time.Second)))
	f, err := os.OpenFile(filepath.Join(p.dir, "clock"), os.O_WRONLY|os.O_CREATE, 0o600)
	must(p.t, err)
	defer f.Close()
	_, err = f.WriteAt(seconds[:], 0)
	must(p.t, err)
}

package image

import (
	"bytes"
	"debug/pe"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/klauspost/compress/zstd"
)

func TestLayout(t *testing.T) {
	l, err := NewLayout(192*MiB, 1024*MiB)
	if err != nil {
		t.Fatal(err)
	}
	end := MiB
	for i, want := range []string{"airlock-esp", "airlock-root-a", "airlock-root-b", "airlock-data"} {
		p := l.Partitions[i]
		if p.Name != want || p.Start != end || p.Start%MiB != 0 {
			t.Errorf("partition %d = %+v, want %s at %d", i, p, want, end)
		}
		end = p.Start + p.Size
	}
	// The second table: 32 sectors of entries and one of header.
	if l.Size < end+33*sector {
		t.Errorf("disk of %d bytes has no room for the second partition table behind %d", l.Size, end)
	}
	a, _ := l.Find("airlock-root-a")
	b, _ := l.Find("airlock-root-b")
	if a.Size != b.Size {
		t.Errorf("the slots differ: %d and %d bytes", a.Size, b.Size)
	}
	if _, err := l.Find("airlock-root-c"); err == nil {
		t.Error("found a partition that is not there")
	}
	for _, sizes := range [][2]int64{{0, MiB}, {MiB, -MiB}, {MiB + 512, MiB}} {
		if _, err := NewLayout(sizes[0], sizes[1]); err == nil {
			t.Errorf("NewLayout(%d, %d) gave no error", sizes[0], sizes[1])
		}
	}
}

// sfdisk itself reads the table back.
func TestLayoutAsSfdiskReadsIt(t *testing.T) {
	sfdisk, err := lookTool("sfdisk")
	if err != nil {
		t.Skip("sfdisk is not installed (package fdisk)")
	}
	l, err := NewLayout(64*MiB, 64*MiB)
	if err != nil {
		t.Fatal(err)
	}
	disk := filepath.Join(t.TempDir(), "disk")
	if err := emptyFile(disk, l.Size); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(sfdisk, "--quiet", "--no-reread", "--no-tell-kernel", disk)
	cmd.Stdin = strings.NewReader(l.script())
	if err := quiet(cmd); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(sfdisk, "--dump", disk).Output()
	if err != nil {
		t.Fatal(err)
	}
	dump := strings.Join(strings.Fields(string(out)), " ")
	for _, want := range []string{
		`start= 2048, size= 196608, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B`,
		`start= 198656, size= 131072, type=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709`,
		`start= 329728, size= 131072, type=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709`,
		`start= 460800, size= 131072, type=0FC63DAF-8483-4772-8E79-3D69D8477DE4`,
		`name="airlock-esp"`, `name="airlock-root-a"`, `name="airlock-root-b"`, `name="airlock-data"`,
		strings.ToUpper(uuid("airlock-data")),
	} {
		if !strings.Contains(dump, want) {
			t.Errorf("sfdisk --dump lacks %s:\n%s", want, out)
		}
	}
}

func TestCopyIntoKeepsHoles(t *testing.T) {
	dir := t.TempDir()
	from, to := filepath.Join(dir, "from"), filepath.Join(dir, "to")
	content := append(make([]byte, 4*MiB), "the end"...)
	if err := os.WriteFile(from, content, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := emptyFile(to, 16*MiB); err != nil {
		t.Fatal(err)
	}
	if err := copyInto(to, 8*MiB, from); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(to)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got[8*MiB:8*MiB+int64(len(content))], content) || len(got) != int(16*MiB) {
		t.Error("the copy differs")
	}
	info, err := os.Stat(to)
	if err != nil {
		t.Fatal(err)
	}
	if occupied := info.Sys().(*syscall.Stat_t).Blocks * 512; occupied > MiB {
		t.Errorf("the copy occupies %d bytes, want hardly more than %d", occupied, 64*KiB)
	}
}

// stub makes an EFI program as small as it can be, with room for that many more sections.
func stub(t *testing.T, room int) []byte {
	t.Helper()
	const start, optional = 0x40, 240
	headers := start + 24 + optional + (1+room)*sectionHeaderSize
	program := make([]byte, 1024+512)
	copy(program, "MZ")
	binary.LittleEndian.PutUint32(program[peOffsetAt:], start)
	copy(program[start:], "PE\x00\x00")
	le := binary.LittleEndian
	le.PutUint16(program[start+4:], 0x8664)
	le.PutUint16(program[start+numberOfSections:], 1)
	le.PutUint16(program[start+20:], optional)
	oh := program[start+24:]
	le.PutUint16(oh, 0x20b)
	le.PutUint32(oh[32:], 4096) // section alignment
	le.PutUint32(oh[36:], 512)  // file alignment
	le.PutUint32(oh[60:], uint32(headers))
	le.PutUint32(oh[108:], 16)
	sh := program[start+24+optional:]
	copy(sh, ".text")
	le.PutUint32(sh[8:], 100)
	le.PutUint32(sh[12:], 4096)
	le.PutUint32(sh[16:], 512)
	le.PutUint32(sh[20:], 1024)
	return program
}

func TestAppendSections(t *testing.T) {
	kernel := bytes.Repeat([]byte("kernel"), 1000)
	out, err := appendSections(stub(t, 2), []section{{".cmdline", []byte("ro")}, {".linux", kernel}})
	if err != nil {
		t.Fatal(err)
	}
	f, err := pe.NewFile(bytes.NewReader(out))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name    string
		address uint32
		content string
	}{{".cmdline", 8192, "ro"}, {".linux", 12288, string(kernel)}} {
		s := f.Section(c.name)
		if s == nil {
			t.Fatalf("section %s is missing", c.name)
		}
		data, err := s.Data()
		if err != nil || s.VirtualAddress != c.address || !strings.HasPrefix(string(data), c.content) || s.VirtualSize != uint32(len(c.content)) {
			t.Errorf("section %s = address %d, size %d, %v, want %d, %d", c.name, s.VirtualAddress, s.VirtualSize, err, c.address, len(c.content))
		}
		if s.Offset%512 != 0 || s.Size%512 != 0 {
			t.Errorf("section %s lies at %d with %d bytes, not aligned to 512", c.name, s.Offset, s.Size)
		}
	}
	if size := f.OptionalHeader.(*pe.OptionalHeader64).SizeOfImage; size != 12288+8192 {
		t.Errorf("SizeOfImage = %d, want %d", size, 12288+8192)
	}
	if _, err := appendSections(stub(t, 1), []section{{".a", nil}, {".b", nil}}); err == nil || !strings.Contains(err.Error(), "no room") {
		t.Errorf("without room for the headers: %v, want an error", err)
	}
	if _, err := appendSections([]byte("no program"), nil); err == nil {
		t.Error("something that is no EFI program was taken")
	}
}

// cpio(1) itself reads the initrd.
func TestInitrdAsCpioReadsIt(t *testing.T) {
	c := cpio{}
	c.add("bin", modeDir|0o755, nil)
	c.add("bin/sh", modeFile|0o755, []byte("12345"))
	c.add("init", modeFile|0o755, []byte("1234567"))
	packed, err := compress(c.bytes())
	if err != nil {
		t.Fatal(err)
	}
	r, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	plain, err := r.DecodeAll(packed, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(plain)%4 != 0 || !bytes.HasPrefix(plain, []byte("070701")) {
		t.Errorf("archive of %d bytes starts with %q", len(plain), plain[:6])
	}
	if _, err := exec.LookPath("cpio"); err != nil {
		t.Log("cpio is not installed: the listing was not compared")
		return
	}
	cmd := exec.Command("cpio", "--list", "--quiet")
	cmd.Stdin = bytes.NewReader(plain)
	if out, err := cmd.CombinedOutput(); err != nil || string(out) != "bin\nbin/sh\ninit\n" {
		t.Errorf("cpio --list = %q, %v", out, err)
	}
}

package image

import (
	"crypto/sha256"
	"fmt"
	"strings"
)

// Units of size, in bytes.
const (
	KiB int64 = 1 << 10
	MiB int64 = 1 << 20
)

// sector is what the partition table counts in.
const sector = 512

// espSize holds two unified kernel images and a third while one is replaced.
const espSize = 96 * MiB

// Types of partitions (UAPI group: Discoverable Partitions Specification).
const (
	typeESP   = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B"
	typeRoot  = "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709" // x86-64
	typeLinux = "0FC63DAF-8483-4772-8E79-3D69D8477DE4"
)

// Partition is one partition of the disk.
type Partition struct {
	Name  string // in the GPT; the initrd and udev find it by this
	Type  string
	Start int64 // bytes
	Size  int64 // bytes
}

// Layout is the disk: where each partition lies.
type Layout struct {
	Partitions []Partition
	Size       int64 // bytes, both partition tables included
}

// NewLayout places the partitions one behind the other, each at a multiple of 1 MiB, which suits every
// erase block and every sector size.
func NewLayout(slot, data int64) (Layout, error) {
	l := Layout{Size: MiB}
	for _, p := range []Partition{
		{Name: "airlock-esp", Type: typeESP, Size: espSize},
		{Name: "airlock-root-a", Type: typeRoot, Size: slot},
		{Name: "airlock-root-b", Type: typeRoot, Size: slot},
		{Name: "airlock-data", Type: typeLinux, Size: data},
	} {
		if p.Size <= 0 || p.Size%MiB != 0 {
			return Layout{}, fmt.Errorf("lay out disk: %s would have %d bytes; take a positive multiple of 1 MiB", p.Name, p.Size)
		}
		p.Start = l.Size
		l.Size += p.Size
		l.Partitions = append(l.Partitions, p)
	}
	// The second partition table takes the last 33 sectors.
	l.Size += MiB
	return l, nil
}

// Find returns the partition of a name.
func (l Layout) Find(name string) (Partition, error) {
	for _, p := range l.Partitions {
		if p.Name == name {
			return p, nil
		}
	}
	return Partition{}, fmt.Errorf("the disk has no partition %s", name)
}

// script is the layout as sfdisk reads it.
func (l Layout) script() string {
	s := &strings.Builder{}
	fmt.Fprintf(s, "label: gpt\nlabel-id: %s\nunit: sectors\nfirst-lba: 2048\n", uuid("disk"))
	for _, p := range l.Partitions {
		fmt.Fprintf(s, "start=%d, size=%d, type=%s, uuid=%s, name=%q\n", p.Start/sector, p.Size/sector, p.Type, uuid(p.Name), p.Name)
	}
	return s.String()
}

// uuid is the same for the same name in every build, so that images can be compared (RFC 9562, version 8).
func uuid(name string) string {
	h := sha256.Sum256([]byte("airlock image: " + name))
	h[6], h[8] = h[6]&0x0f|0x80, h[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", h[0:4], h[4:6], h[6:8], h[8:10], h[10:16])
}

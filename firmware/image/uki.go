package image

import (
	"bytes"
	"debug/pe"
	"encoding/binary"
	"fmt"
)

// section is one part of a unified kernel image (UAPI group specification UKI).
type section struct {
	name    string // at most 8 bytes
	content []byte
}

// Fields of the PE format (Microsoft PE/COFF specification): offsets from the PE signature and sizes.
const (
	peOffsetAt        = 0x3c // in the DOS header: where the PE signature lies
	numberOfSections  = 4 + 2
	optionalHeader    = 4 + 20
	sizeOfImage       = optionalHeader + 56
	checkSum          = optionalHeader + 64
	sectionHeaderSize = 40
	readOnlyData      = 0x40000040 // IMAGE_SCN_CNT_INITIALIZED_DATA | IMAGE_SCN_MEM_READ
)

// appendSections adds sections behind those that an EFI program has. The program finds them by name.
func appendSections(program []byte, sections []section) ([]byte, error) {
	f, err := pe.NewFile(bytes.NewReader(program))
	if err != nil {
		return nil, fmt.Errorf("read EFI program: %w", err)
	}
	header, ok := f.OptionalHeader.(*pe.OptionalHeader64)
	if !ok {
		return nil, fmt.Errorf("read EFI program: it is not for 64 bit")
	}
	start := int(binary.LittleEndian.Uint32(program[peOffsetAt:]))
	table := start + optionalHeader + int(f.FileHeader.SizeOfOptionalHeader)
	next := table + len(f.Sections)*sectionHeaderSize
	if next+len(sections)*sectionHeaderSize > int(header.SizeOfHeaders) {
		return nil, fmt.Errorf("add %d sections: the EFI program has no room for their headers", len(sections))
	}
	address := uint32(0)
	for _, s := range f.Sections {
		address = max(address, align(s.VirtualAddress+s.VirtualSize, header.SectionAlignment))
	}
	out := bytes.Clone(program)
	for _, s := range sections {
		if len(s.name) > 8 {
			return nil, fmt.Errorf("add section %s: its name is longer than 8 bytes", s.name)
		}
		out = append(out, make([]byte, align(uint32(len(out)), header.FileAlignment)-uint32(len(out)))...)
		raw := align(uint32(len(s.content)), header.FileAlignment)
		h := out[next : next+sectionHeaderSize]
		clear(h)
		copy(h, s.name)
		binary.LittleEndian.PutUint32(h[8:], uint32(len(s.content)))
		binary.LittleEndian.PutUint32(h[12:], address)
		binary.LittleEndian.PutUint32(h[16:], raw)
		binary.LittleEndian.PutUint32(h[20:], uint32(len(out)))
		binary.LittleEndian.PutUint32(h[36:], readOnlyData)
		out = append(out, s.content...)
		out = append(out, make([]byte, raw-uint32(len(s.content)))...)
		address = align(address+uint32(len(s.content)), header.SectionAlignment)
		next += sectionHeaderSize
	}
	binary.LittleEndian.PutUint16(out[start+numberOfSections:], uint16(len(f.Sections)+len(sections)))
	binary.LittleEndian.PutUint32(out[start+sizeOfImage:], address)
	// Zero means "not computed", which UEFI allows.
	binary.LittleEndian.PutUint32(out[start+checkSum:], 0)
	return out, nil
}

// align rounds n up to a multiple of a power of two.
func align(n, to uint32) uint32 { return (n + to - 1) &^ (to - 1) }

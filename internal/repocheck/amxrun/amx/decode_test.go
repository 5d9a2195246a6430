package amx

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestDecodeReadsWhatGasWrites: testdata/gas.txt holds instructions as the GNU
// assembler encodes them, with all tiles and registers, and displacements of
// every width.
func TestDecodeReadsWhatGasWrites(t *testing.T) {
	for _, tt := range fromGas(t) {
		in, ok := Decode(append(bytes.Clone(tt.code), 0xc3, 0x90, 0x90)) // what follows does not matter
		if !ok || in.Len != len(tt.code) {
			t.Errorf("% x: got %+v, %v, want %d bytes of %s", tt.code, in, ok, len(tt.code), tt.text)
			continue
		}
		if got := gas(in); got != tt.text {
			t.Errorf("% x: got %s, want %s", tt.code, got, tt.text)
		}
		for n := range tt.code {
			if in, ok := Decode(tt.code[:n]); ok {
				t.Errorf("%s, cut to %d bytes, is taken for %s", tt.text, n, gas(in))
			}
		}
	}
}

// TestDecodeRefusesItsNeighbours: encodings one field away from one that is
// there, by what they are or why they are nothing.
func TestDecodeRefusesItsNeighbours(t *testing.T) {
	for what, code := range map[string]string{
		"sttilecfg (%rax)":                 "c4 e2 79 49 00",
		"tileloaddt1 (%rsi,%r8,1), %tmm4":  "c4 a2 79 4b 24 06",
		"tdpbssd %tmm6, %tmm4, %tmm0":      "c4 e2 4b 5e c4",
		"TDPFP16PS":                        "c4 e2 4b 5c c4",
		"TDPBF16PS with W":                 "c4 e2 ca 5c c4",
		"TDPBF16PS with L":                 "c4 e2 4e 5c c4",
		"TDPBF16PS of tile 8 by R":         "c4 62 4a 5c c4",
		"TDPBF16PS of tile 12 by B":        "c4 c2 4a 5c c4",
		"TDPBF16PS of tile 14 by vvvv":     "c4 e2 0a 5c c4",
		"TDPBF16PS of memory":              "c4 e2 4a 5c 04 06",
		"TILELOADD without SIB":            "c4 e2 7b 4b 20",
		"TILELOADD of a tile":              "c4 a2 7b 4b e4",
		"TILELOADD with vvvv":              "c4 a2 73 4b 24 06",
		"LDTILECFG with vvvv":              "c4 e2 70 49 00",
		"LDTILECFG with another extension": "c4 e2 78 49 08",
		"TILERELEASE with another ModRM":   "c4 e2 78 49 c1",
		"TILEZERO with another ModRM":      "c4 e2 7b 49 c1",
		"another map":                      "c4 e3 78 49 c0",
		"a prefix before it":               "65 c4 e2 78 49 00",
		"EVEX":                             "62 f2 7c 08 49 c0",
		"ud2":                              "0f 0b 90 90 90",
	} {
		if in, ok := Decode(unhex(t, code)); ok {
			t.Errorf("%s (%s) is taken for %s", what, code, gas(in))
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, tt := range fromGas(f) {
		f.Add(tt.code)
	}
	f.Fuzz(func(t *testing.T, code []byte) {
		in, ok := Decode(code)
		if !ok {
			return
		}
		if in.Len < 5 || in.Len > len(code) || in.Len > 10 {
			t.Errorf("% x: %d bytes", code, in.Len)
		}
		if again, ok := Decode(code[:in.Len]); !ok || again != in {
			t.Errorf("% x: %+v depends on what follows: %+v, %v", code, in, again, ok)
		}
		if n := max(in.Tile, in.Src1, in.Src2); n >= tiles || max(in.Mem.Base, in.Mem.Index) > RIP {
			t.Errorf("% x: %+v has registers that do not exist", code, in)
		}
	})
}

type encoded struct {
	code []byte
	text string
}

func fromGas(t testing.TB) []encoded {
	t.Helper()
	file, err := os.ReadFile("testdata/gas.txt")
	if err != nil {
		t.Fatal(err)
	}
	var all []encoded
	for line := range strings.Lines(string(file)) {
		code, text, ok := strings.Cut(strings.TrimSpace(line), "\t")
		if !ok {
			t.Fatalf("testdata/gas.txt: %q", line)
		}
		all = append(all, encoded{unhex(t, code), text})
	}
	return all
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// gas writes in in the GNU assembler's syntax.
func gas(in Instruction) string {
	tmm := func(n int) string { return fmt.Sprintf("%%tmm%d", n) }
	switch in.Op {
	case LDTILECFG:
		return "ldtilecfg " + gasOperand(in.Mem)
	case TILERELEASE:
		return "tilerelease"
	case TILEZERO:
		return "tilezero " + tmm(in.Tile)
	case TILELOADD:
		return "tileloadd " + gasOperand(in.Mem) + ", " + tmm(in.Tile)
	case TILESTORED:
		return "tilestored " + tmm(in.Tile) + ", " + gasOperand(in.Mem)
	case TDPBF16PS:
		return "tdpbf16ps " + tmm(in.Src2) + ", " + tmm(in.Src1) + ", " + tmm(in.Tile)
	}
	return "nothing"
}

func gasOperand(o Operand) string {
	register := func(n int) string {
		return "%" + strings.Fields("rax rcx rdx rbx rsp rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15 rip")[n]
	}
	var disp, base string
	if o.Disp != 0 {
		disp = fmt.Sprintf("%#x", int64(o.Disp))
	}
	if o.Base != None {
		base = register(o.Base)
	}
	switch {
	case o.Index != None:
		return fmt.Sprintf("%s(%s,%s,%d)", disp, base, register(o.Index), 1<<o.Shift)
	case o.Base != None:
		return disp + "(" + base + ")"
	}
	return disp
}

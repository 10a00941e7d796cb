// The other side of tests/system/test_tlog.py: notes, trees and proofs as the Go project's own
// packages make and check them (golang.org/x/mod/sumdb; Debian golang-golang-x-mod-dev). Nothing
// in here was written by looking at ours.
//
//	tlog make DIR SIZE               a log of SIZE entries, with proofs; SIZE >= 1
//	tlog note VKEY FILE              a signed note: prints its text
//	tlog proof VKEY FILE [ENTRY]     a .tlog-proof
//	tlog consistency VKEY OLD NEW HASHES
//	tlog tiles VKEY DIR              checkpoint, hash tiles and entry bundles below DIR
package main

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	height = 8
	width  = 1 << height
	origin = "oracle.example/log"
	header = "c2sp.org/tlog-proof@v1\n"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("oracle: ")
	args := append(os.Args[1:], "", "", "", "", "")
	switch args[0] {
	case "make":
		size, err := strconv.ParseInt(args[2], 10, 64)
		must(err)
		makeLog(args[1], size)
	case "note":
		fmt.Print(open(args[1], args[2]).Text)
	case "proof":
		checkProof(args[1], args[2], args[3])
	case "consistency":
		checkConsistency(args[1], args[2], args[3], args[4])
	case "tiles":
		checkTiles(args[1], args[2])
	default:
		log.Fatalf("no such command: %q", args[0])
	}
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func read(path string) []byte {
	data, err := os.ReadFile(path)
	must(err)
	return data
}

func write(data []byte, parts ...string) {
	path := filepath.Join(parts...)
	must(os.MkdirAll(filepath.Dir(path), 0o755))
	must(os.WriteFile(path, data, 0o644))
}

// ---- checking ----

func openBytes(vkey string, data []byte) *note.Note {
	verifier, err := note.NewVerifier(vkey)
	must(err)
	opened, err := note.Open(data, note.VerifierList(verifier))
	must(err)
	return opened
}

func open(vkey, path string) *note.Note {
	return openBytes(vkey, read(path))
}

func checkpoint(opened *note.Note) tlog.Tree {
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[3] != "" {
		log.Fatalf("not three lines: %q", opened.Text)
	}
	if lines[0] != opened.Sigs[0].Name {
		log.Fatalf("origin %q is not the key's name %q", lines[0], opened.Sigs[0].Name)
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	must(err)
	if strconv.FormatInt(size, 10) != lines[1] {
		log.Fatalf("size %q", lines[1])
	}
	hash, err := tlog.ParseHash(lines[2])
	must(err)
	return tlog.Tree{N: size, Hash: hash}
}

func parseHashes(text string) []tlog.Hash {
	var hashes []tlog.Hash
	for _, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		if line == "" {
			continue
		}
		hash, err := tlog.ParseHash(line)
		must(err)
		hashes = append(hashes, hash)
	}
	return hashes
}

func checkProof(vkey, path, entryPath string) {
	text := string(read(path))
	head, signed, found := strings.Cut(text, "\n\n")
	if !strings.HasPrefix(text, header) || !found {
		log.Fatal("not a tlog-proof")
	}
	lines := strings.SplitN(strings.TrimPrefix(head, header), "\n", 3)
	var leaf []byte
	if extra := strings.TrimPrefix(lines[0], "extra "); extra != lines[0] {
		var err error
		leaf, err = base64.StdEncoding.Strict().DecodeString(extra)
		must(err)
		lines = lines[1:]
	} else {
		lines = strings.SplitN(strings.TrimPrefix(head, header), "\n", 2)
	}
	if entryPath != "" {
		leaf = read(entryPath)
	}
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[0], "index "), 10, 64)
	must(err)
	if "index "+strconv.FormatInt(index, 10) != lines[0] {
		log.Fatalf("not an index: %q", lines[0])
	}
	var hashes []tlog.Hash
	if len(lines) > 1 {
		hashes = parseHashes(lines[1])
	}
	tree := checkpoint(openBytes(vkey, []byte(signed)))
	must(tlog.CheckRecord(tlog.RecordProof(hashes), tree.N, tree.Hash, index,
		tlog.RecordHash(leaf)))
	fmt.Printf("index %d of %d\n", index, tree.N)
}

func checkConsistency(vkey, oldPath, newPath, hashesPath string) {
	older, newer := checkpoint(open(vkey, oldPath)), checkpoint(open(vkey, newPath))
	proof := tlog.TreeProof(parseHashes(string(read(hashesPath))))
	must(tlog.CheckTree(proof, newer.N, newer.Hash, older.N, older.Hash))
	fmt.Printf("%d continues %d\n", newer.N, older.N)
}

// tilePath is C2SP's name of a tile; Go's begins with the height.
func tilePath(tile tlog.Tile) string {
	path := strings.TrimPrefix(tile.Path(), fmt.Sprintf("tile/%d/", height))
	return "tile/" + strings.Replace(path, "data/", "entries/", 1)
}

type directory string

func (dir directory) Height() int { return height }

func (dir directory) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var out [][]byte
	for _, tile := range tiles {
		data, err := os.ReadFile(filepath.Join(string(dir), tilePath(tile)))
		if err != nil {
			return nil, err
		}
		out = append(out, data)
	}
	return out, nil
}

func (dir directory) SaveTiles([]tlog.Tile, [][]byte) {}

// checkTiles reads each leaf hash through Go's verifying reader, which proves every tile that it
// touches against the signed root, and compares it with the entry of the bundle.
func checkTiles(vkey, dir string) {
	tree := checkpoint(open(vkey, filepath.Join(dir, "checkpoint")))
	reader := tlog.TileHashReader(tree, directory(dir))
	for first := int64(0); first < tree.N; first += width {
		count := tree.N - first
		if count > width {
			count = width
		}
		var indexes []int64
		for i := int64(0); i < count; i++ {
			indexes = append(indexes, tlog.StoredHashIndex(0, first+i))
		}
		hashes, err := reader.ReadHashes(indexes)
		must(err)
		tile := tlog.Tile{H: height, L: -1, N: first / width, W: int(count)}
		rest := read(filepath.Join(dir, tilePath(tile)))
		for i := int64(0); i < count; i++ {
			if len(rest) < 2 || len(rest)-2 < int(rest[0])<<8|int(rest[1]) {
				log.Fatalf("bundle %d ends within entry %d", first/width, i)
			}
			length := int(rest[0])<<8 | int(rest[1])
			if tlog.RecordHash(rest[2:2+length]) != hashes[i] {
				log.Fatalf("entry %d is not the one of its hash", first+i)
			}
			rest = rest[2+length:]
		}
		if len(rest) > 0 {
			log.Fatalf("bundle %d has more than %d entries", first/width, count)
		}
	}
	fmt.Printf("%d entries\n", tree.N)
}

// ---- making ----

type store []tlog.Hash

func (s store) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	var out []tlog.Hash
	for _, index := range indexes {
		out = append(out, s[index])
	}
	return out, nil
}

// entryAt: of all lengths, the empty one too, and bytes of all values.
func entryAt(index int64) []byte {
	entry := make([]byte, index*7%300)
	for i := range entry {
		entry[i] = byte(int64(i)*31 + index)
	}
	return entry
}

func hashLines(hashes []tlog.Hash) string {
	var out strings.Builder
	for _, hash := range hashes {
		out.WriteString(base64.StdEncoding.EncodeToString(hash[:]) + "\n")
	}
	return out.String()
}

func makeLog(dir string, size int64) {
	skey, vkey, err := note.GenerateKey(rand.Reader, origin)
	must(err)
	signer, err := note.NewSigner(skey)
	must(err)
	_, otherKey, err := note.GenerateKey(rand.Reader, origin)
	must(err)
	write([]byte(vkey), dir, "vkey")
	write([]byte(otherKey), dir, "other-vkey")
	var hashes store
	for i := int64(0); i < size; i++ {
		more, err := tlog.StoredHashes(i, entryAt(i), hashes)
		must(err)
		hashes = append(hashes, more...)
	}
	sign := func(n int64) []byte {
		root, err := tlog.TreeHash(n, hashes)
		must(err)
		text := fmt.Sprintf("%s\n%d\n%s\n", origin, n, root)
		signed, err := note.Sign(&note.Note{Text: text}, signer)
		must(err)
		return signed
	}
	write(sign(size), dir, "checkpoint")
	for _, tile := range tlog.NewTiles(height, 0, size) {
		if tile.W != width && tile.W != int(size>>(height*tile.L)%width) {
			continue // one that an earlier checkpoint had
		}
		data, err := tlog.ReadTileData(tile, hashes)
		must(err)
		write(data, dir, tilePath(tile))
		if tile.L != 0 {
			continue
		}
		var bundle bytes.Buffer
		for i := int64(0); i < int64(tile.W); i++ {
			entry := entryAt(tile.N*width + i)
			bundle.Write([]byte{byte(len(entry) >> 8), byte(len(entry))})
			bundle.Write(entry)
		}
		tile.L = -1
		write(bundle.Bytes(), dir, tilePath(tile))
	}
	for _, index := range some(size - 1) {
		proof, err := tlog.ProveRecord(size, index, hashes)
		must(err)
		text := header
		if len(entryAt(index)) > 0 {
			text += "extra " + base64.StdEncoding.EncodeToString(entryAt(index)) + "\n"
		}
		text += fmt.Sprintf("index %d\n%s\n%s", index, hashLines(proof), sign(size))
		name := strconv.FormatInt(index, 10)
		write([]byte(text), dir, "proofs", name+".tlog-proof")
		write(entryAt(index), dir, "proofs", name+".entry")
	}
	for _, older := range some(size) {
		if older == 0 {
			continue // Go proves nothing about the empty tree
		}
		proof, err := tlog.ProveTree(size, older, hashes)
		must(err)
		name := strconv.FormatInt(older, 10)
		write(sign(older), dir, "older", name+".checkpoint")
		write([]byte(hashLines(proof)), dir, "older", name+".hashes")
	}
}

// some numbers from 0 to last, both of them, and those around powers of two.
func some(last int64) []int64 {
	seen := map[int64]bool{}
	var out []int64
	add := func(n int64) {
		if n >= 0 && n <= last && !seen[n] {
			seen[n] = true
			out = append(out, n)
		}
	}
	add(0)
	add(last)
	for power := int64(1); power <= last; power *= 2 {
		add(power - 1)
		add(power)
		add(power + 1)
		add(last - power)
	}
	return out
}

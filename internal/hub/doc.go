// Package hub finds the small files of a repository of the Hugging Face Hub,
// such as a model's tokenizer: in the cache that the Hub's own tools keep, or at
// the Hub. What comes from there joins that cache, in their layout, so that it is
// fetched once for all programs in whatever language.
//
// It knows nothing of what the files hold. Large files, with checksums, progress
// and a resumed download, are package catalog's, which takes from here where the
// Hub is and what the environment says of it.
package hub

// Package receipt is an answer as a small JSON file that can be held against
// the same answer computed again.
//
// A [Receipt] says what an answer depends on (the arithmetic, the weights, the
// request, the seed) and what the answer is, by the bits of its numbers.
// [Parse] and [Receipt.Encode] are its JSON form, which docs/receipts.md
// describes member by member; [Compare] says in what two receipts differ.
//
// Requests and results are those of package wire, so that a receipt holds
// whatever the API can ask and answer. Package server makes receipts of samples
// and replays them; this package computes nothing, reads no files and knows no
// engine.
package receipt

package engine

// Info describes a loaded model. It does not change.
type Info struct {
	Architecture  string  // "llama"
	Quantization  string  // the type of most weights, such as "Q4_1"
	Parameters    int64   // number of weights
	ContextLength int     // the most tokens that a sequence may have, prompt included
	VocabSize     int     // token ids are 0 <= id < VocabSize
	Heads         int     // query heads of a layer
	KVHeads       int     // heads of a layer that have keys and values
	HeadDim       int     // dimensions of a head
	Work          Work    // what a step costs
	Threads       int     // that compute
	EOS           []int32 // ids that end a sequence unless Stop.IgnoreEOS
	BOS           int32   // -1: the model has none
	Kernels       string  // the instruction set that computes: "avx512", "portable"
	KernelFault   error   // why it is not the one that was chosen; nil: it is
}

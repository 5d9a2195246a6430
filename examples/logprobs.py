"""Prints how probable each token of a sentence is. Go: examples/logprobs."""

import sys

import tinker
from tinker import types

model = sys.argv[1] if len(sys.argv) > 1 else "Qwen/Qwen3-8B"
service_client = tinker.ServiceClient()
sampling_client = service_client.create_sampling_client(base_model=model).result()
tokenizer = sampling_client.get_tokenizer()
tokens = tokenizer.encode("The capital of France is Paris.")
logprobs = sampling_client.compute_logprobs(types.ModelInput.from_ints(tokens)).result()
for i, logprob in enumerate(logprobs):
    if logprob is not None:
        print(f"{logprob:9.4f}{tokenizer.decode(tokens[i])}")
service_client.close("success").result()

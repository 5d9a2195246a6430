"""Continues a sentence. Go: examples/generate."""

import sys

import tinker
from tinker import types

model = sys.argv[1] if len(sys.argv) > 1 else "Qwen/Qwen3-8B"
service_client = tinker.ServiceClient()
sampling_client = service_client.create_sampling_client(base_model=model).result()
tokenizer = sampling_client.get_tokenizer()
prompt = types.ModelInput.from_ints(tokenizer.encode("The weather today is"))
params = types.SamplingParams(max_tokens=20, temperature=0.7, seed=1)
future = sampling_client.sample(prompt=prompt, sampling_params=params, num_samples=2)
result = future.result()
for sequence in result.sequences:
    print(f"{sequence.stop_reason}, {sum(sequence.logprobs):.3f}:{tokenizer.decode(sequence.tokens)}")
service_client.close("success").result()

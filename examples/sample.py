import tinker
from tinker import types

with tinker.ServiceClient() as service:
    client = service.create_sampling_client(base_model="HuggingFaceTB/SmolLM2-135M-Instruct").result()
    tokenizer = client.get_tokenizer()
    prompt = types.ModelInput.from_ints(tokenizer.encode("The weather today is"))
    params = types.SamplingParams(max_tokens=16, temperature=0.7, seed=1)
    result = client.sample(prompt, num_samples=4, sampling_params=params).result()
    for sequence in result.sequences:
        print(f"{sum(sequence.logprobs):8.2f} {tokenizer.decode(sequence.tokens)!r}")

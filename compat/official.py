"""What the official Tinker client gets from a server, held against the protocol's promises.

usage: TINKER_BASE_URL=... TINKER_API_KEY=... official.py MODEL

Exits with 1 at the first difference, and if the client logged a warning.
"""

import asyncio
import logging
import struct
import sys
import warnings

import tinker
from tinker import types


class Collect(logging.Handler):
    """Keeps what the client logs at WARNING and above."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.records = []

    def emit(self, record):
        self.records.append(f"{record.levelname} {record.name}: {record.getMessage()}")


def same(what, got, want):
    if got != want:
        raise AssertionError(f"{what}: got {got!r}, want {want!r}")


def holds(what, condition):
    if not condition:
        raise AssertionError(what)


def bits(logprobs):
    """The float32 bits of log probabilities, None where there is none."""
    return [None if x is None else struct.pack("<f", x) for x in logprobs]


def params(**fields):
    fields.setdefault("max_tokens", 12)
    return types.SamplingParams(**fields)


def sample(client, ids, n=1, **fields):
    extra = {k: fields.pop(k) for k in list(fields) if "_logprobs" in k or "prompt_alt" in k}
    return client.sample(types.ModelInput.from_ints(ids), n, params(**fields), **extra).result()


def groups(client, prompt):
    """num_samples sequences come back, each complete and with its own id."""
    result = sample(client, prompt, n=8, seed=5)
    same("sequences", len(result.sequences), 8)
    for sequence in result.sequences:
        holds("1 to 12 tokens", 1 <= len(sequence.tokens) <= 12)
        same("log probabilities per token", len(sequence.logprobs), len(sequence.tokens))
        holds("log probabilities are at most 0", all(x <= 0 for x in sequence.logprobs))
        holds("a stop reason", sequence.stop_reason in ("length", "stop"))
    same("distinct sequence ids", len({s.sequence_id for s in result.sequences}), 8)
    holds("samples differ", len({tuple(s.tokens) for s in result.sequences}) > 1)


def seeds(client, prompt):
    """A seed gives the same tokens and bits again; four samples are the first four of eight."""
    four, again, eight = (sample(client, prompt, n=n, seed=7) for n in (4, 4, 8))
    for name, other in (("again", again), ("of eight", eight)):
        for i, (a, b) in enumerate(zip(four.sequences, other.sequences)):
            same(f"sample {i}, {name}", list(b.tokens), list(a.tokens))
            same(f"bits of sample {i}, {name}", bits(b.logprobs), bits(a.logprobs))


def filters(client, prompt):
    """top_k = 1 and temperature 0 are greedy; top_p near 0 is, too."""
    greedy = list(sample(client, prompt, temperature=0.0, max_tokens=16).sequences[0].tokens)
    for fields in (dict(top_k=1), dict(top_p=1e-6), dict(temperature=0.0, seed=3)):
        got = sample(client, prompt, max_tokens=16, **fields).sequences[0]
        same(f"greedy tokens with {fields}", list(got.tokens), greedy)
    sample(client, prompt, top_k=40, top_p=0.9, temperature=0.7)


def stops(client, tokenizer, prompt):
    """All forms of stop: none, a string, strings, token ids, and the empty list."""
    plain = sample(client, prompt, temperature=0.0, max_tokens=24, stop=[]).sequences[0]
    same("tokens without any stop", len(plain.tokens), 24)
    same("stop reason at max_tokens", plain.stop_reason, "length")

    third = plain.tokens[2]
    want = list(plain.tokens[: list(plain.tokens).index(third) + 1])
    by_id = sample(client, prompt, temperature=0.0, max_tokens=24, stop=[third]).sequences[0]
    same("tokens up to the stop token", list(by_id.tokens), want)
    same("stop reason at a stop token", by_id.stop_reason, "stop")

    text = tokenizer.decode([third])
    for stop in (text, [text], ["no such text", text]):
        got = sample(client, prompt, temperature=0.0, max_tokens=24, stop=stop).sequences[0]
        same(f"stop reason with stop={stop!r}", got.stop_reason, "stop")
        holds("the stop string ends the text", text in tokenizer.decode(list(got.tokens)))
        same("tokens with stop strings", list(got.tokens), list(plain.tokens[: len(got.tokens)]))


def logprobs(client, prompt):
    """What sampling reports for a token is what computing reports for it, bit for bit."""
    result = sample(client, prompt, n=4, seed=11, max_tokens=24)
    for sequence in result.sequences:
        whole = types.ModelInput.from_ints(prompt + list(sequence.tokens))
        computed = client.compute_logprobs(whole).result()
        same("log probabilities", len(computed), len(prompt) + len(sequence.tokens))
        same("the first token's log probability", computed[0], None)
        same("computed bits", bits(computed[len(prompt) :]), bits(sequence.logprobs))


def prompt_logprobs(client, prompt):
    """Prompt log probabilities and their top k, beside sampling."""
    result = sample(client, prompt, include_prompt_logprobs=True, topk_prompt_logprobs=5)
    alone = client.compute_logprobs(types.ModelInput.from_ints(prompt)).result()
    same("prompt log probabilities", bits(result.prompt_logprobs), bits(alone))
    top = result.topk_prompt_logprobs
    same("rows of the top k", len(top), len(prompt))
    holds("no top k at the first position", not top[0])
    for position in range(1, len(prompt)):
        row = top[position]
        same("width of a top k row", len(row), 5)
        values = [value for _, value in row]
        same("likeliest first", values, sorted(values, reverse=True))
        for token, value in row:
            if token == prompt[position]:
                same("the prompt token in its own top k", bits([value]), bits([alone[position]]))


def prompt_scores(client, prompt):
    """Targets, dense and sparse, alternatives and the last n are what scoring gives; again, from the cache."""
    alone = client.compute_logprobs(types.ModelInput.from_ints(prompt)).result()
    rows = len(prompt) - 1
    dense = types.TensorData(data=[x for token in prompt[1:] for x in (token, -1)], dtype="int64", shape=[rows, 2])
    sparse = types.TensorData(data=[prompt[-1]], dtype="int64", shape=[rows, 3],
                              sparse_crow_indices=[0] * rows + [1], sparse_col_indices=[2])
    result = sample(client, prompt, target_prompt_logprobs=dense, prompt_alt_tokens_k=3, seed=3,
                    include_prompt_logprobs=True, topk_prompt_logprobs=2, prompt_logprobs_last_n=2)
    same("shape of the targets", list(result.target_prompt_logprobs.shape), [rows, 2])
    same("targets", bits(result.target_prompt_logprobs.data[0::2]), bits(alone[1:]))
    same("targets that ask nothing", list(result.target_prompt_logprobs.data[1::2]), [0.0] * rows)
    same("the last 2", bits(result.prompt_logprobs), bits([None] * (rows - 1) + alone[-2:]))
    same("rows of the top k", [row is None for row in result.topk_prompt_logprobs], [True] * (rows - 1) + [False] * 2)
    alternatives = result.prompt_alt_tokens
    same("shape of the alternatives", list(alternatives.tokens.shape), [rows, 3])
    for i, token in enumerate(alternatives.tokens.data):
        text = prompt[: i // 3 + 1] + [token]
        scored = client.compute_logprobs(types.ModelInput.from_ints(text), prompt_logprobs_last_n=1).result()
        same("an alternative", bits([alternatives.logprobs.data[i]]), bits(scored[-1:]))
    listed = sample(client, prompt, target_prompt_logprobs=sparse)
    same("the sparse target", bits(listed.target_prompt_logprobs.data), bits(alone[-1:]))
    same("its place", list(listed.target_prompt_logprobs.sparse_col_indices), [2])
    same("prompt tokens from the cache", listed.prompt_cache_hit_tokens, len(prompt))


def handles(client, prompt):
    """A handle, as other processes get it, samples what its client samples."""
    other = tinker.SamplingClient.from_sampler_handle(client.get_sampler_handle())
    a, b = (sample(c, prompt, seed=9).sequences[0] for c in (client, other))
    same("tokens through a handle", list(b.tokens), list(a.tokens))
    same("bits through a handle", bits(b.logprobs), bits(a.logprobs))


async def concurrently(client, prompt):
    """Many futures at once; each gives what its request gives alone."""
    alone = {seed: sample(client, prompt, seed=seed).sequences[0] for seed in (1, 2)}
    async def one(i):
        ids = prompt[: 1 + i % len(prompt)]
        return await client.sample(types.ModelInput.from_ints(ids), 1, params(seed=i))
    async def seeded(seed):
        return await client.sample(types.ModelInput.from_ints(prompt), 1, params(seed=seed))
    results = await asyncio.gather(*(one(i) for i in range(48)), *(seeded(seed) for seed in alone))
    for seed, result in zip(alone, results[48:]):
        same(f"tokens of seed {seed} in company", list(result.sequences[0].tokens), list(alone[seed].tokens))
        same(f"bits of seed {seed} in company", bits(result.sequences[0].logprobs), bits(alone[seed].logprobs))


def refusals(service, client, prompt, model):
    """What cannot be honoured is refused at once, and by name."""
    try:
        service.create_sampling_client(base_model="no/such-model").result()
        raise AssertionError("an unknown model was accepted")
    except tinker.NotFoundError as e:
        for part in (model, "--model", "no/such-model"):
            holds(f"the refusal of an unknown model names {part}: {e}", part in str(e))
    for what, call in {
        "temperature": lambda: sample(client, prompt, temperature=-1.0),
        "top_p": lambda: sample(client, prompt, top_p=2.0),
        "num_samples": lambda: sample(client, prompt, n=0),
        "prompt": lambda: sample(client, [10_000_000]),
    }.items():
        try:
            call()
            raise AssertionError(f"a bad {what} was accepted")
        except (tinker.APIStatusError, tinker.RequestFailedError) as e:
            holds(f"the refusal names {what}: {e}", what in str(e))


def main():
    model = sys.argv[1]
    collect = Collect()
    logging.getLogger("tinker").addHandler(collect)
    warnings.filterwarnings("error", message="DEPRECATED")

    service = tinker.ServiceClient()
    client = service.create_sampling_client(base_model=model).result()
    same("base model", client.get_base_model(), model)
    tokenizer = client.get_tokenizer()
    text = "The weather today is"
    prompt = tokenizer.encode(text)
    same("decoded prompt", tokenizer.decode(prompt), text)
    holds("the tokenizer has a chat template", tokenizer.chat_template)

    for check in (groups, seeds, filters, logprobs, prompt_logprobs, prompt_scores, handles):
        check(client, prompt)
        print("ok", check.__name__)
    stops(client, tokenizer, prompt)
    print("ok stops")
    asyncio.run(concurrently(client, prompt))
    print("ok concurrently")
    refusals(service, client, prompt, model)
    print("ok refusals")
    service.close("success").result()
    # The client logs each call that the server refuses, which the last check is about.
    refused = "non-retryable error: BadRequestError"
    same("what the client logged", [r for r in collect.records if refused not in r], [])


if __name__ == "__main__":
    main()

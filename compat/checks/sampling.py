"""Samples: groups, seeds, filters, and all forms of stop."""

from . import sdk
from .expect import holds, same
from .sdk import answer, sample


def groups(client, prompt):
    """num_samples sequences come back, each complete and with its own id."""
    result = sample(client, prompt, n=8, seed=5)
    same("sequences", len(result.sequences), 8)
    for sequence in result.sequences:
        holds("1 to 12 tokens", 1 <= len(sequence.tokens) <= 12)
        same("log probabilities per token", len(sequence.logprobs), len(sequence.tokens))
        holds("log probabilities are at most 0", all(x <= 0 for x in sequence.logprobs))
        holds("a stop reason", sequence.stop_reason in ("length", "stop"))
    if sdk.has("sequence_id"):
        same("distinct sequence ids", len({s.sequence_id for s in result.sequences}), 8)
    holds("samples differ", len({tuple(s.tokens) for s in result.sequences}) > 1)


def seeds(client, prompt):
    """A seed gives the same tokens and bits again; four samples are the first four of eight."""
    four, again, eight = (sample(client, prompt, n=n, seed=7) for n in (4, 4, 8))
    for name, other in (("again", again), ("of eight", eight)):
        for i, (a, b) in enumerate(zip(four.sequences, other.sequences)):
            same(f"sample {i}, {name}", answer(b), answer(a))
    largest = 2**63 - 1
    a, b = (sample(client, prompt, seed=largest).sequences[0] for _ in range(2))
    same("a seed of 63 bits", answer(b), answer(a))


def filters(client, prompt):
    """top_k = 1 and temperature 0 are greedy; top_p near 0 is, too."""
    greedy = list(sample(client, prompt, temperature=0.0, max_tokens=16).sequences[0].tokens)
    for fields in (dict(top_k=1), dict(top_p=1e-6), dict(temperature=0.0, seed=3)):
        got = sample(client, prompt, max_tokens=16, **fields).sequences[0]
        same(f"greedy tokens with {fields}", list(got.tokens), greedy)
    sample(client, prompt, top_k=40, top_p=0.9, temperature=0.7)


def stops(client, prompt, tokenizer):
    """None, a string, strings, token ids, and the empty list, which stops at nothing."""
    plain = sample(client, prompt, temperature=0.0, max_tokens=24, stop=[]).sequences[0]
    same("tokens without any stop", len(plain.tokens), 24)
    same("stop reason at max_tokens", plain.stop_reason, "length")

    third = plain.tokens[2]
    want = list(plain.tokens[: list(plain.tokens).index(third) + 1])
    for stop in ([third], [0, third]):
        got = sample(client, prompt, temperature=0.0, max_tokens=24, stop=stop).sequences[0]
        same(f"tokens up to the stop token, stop={stop}", list(got.tokens), want)
        same("stop reason at a stop token", got.stop_reason, "stop")

    text = tokenizer.decode([third])
    for stop in (text, [text], ["no such text", text]):
        got = sample(client, prompt, temperature=0.0, max_tokens=24, stop=stop).sequences[0]
        same(f"stop reason with stop={stop!r}", got.stop_reason, "stop")
        holds("the stop string ends the text", text in tokenizer.decode(list(got.tokens)))
        same("tokens with stop strings", list(got.tokens), list(plain.tokens[: len(got.tokens)]))

    # A turn of a chat ends by itself: with the model's own stop token if stop is left out, not if it is [].
    chat = tokenizer.encode("<|im_start|>user\nSay yes.<|im_end|>\n<|im_start|>assistant\nYes.")
    ended, endless = (sample(client, chat, temperature=0.0, max_tokens=24, **fields).sequences[0] for fields in ({}, {"stop": []}))
    same("stop reason at the end of a turn", ended.stop_reason, "stop")
    same("the last token of a turn", ended.tokens[-1], tokenizer.eos_token_id)
    same("tokens beyond the end of the turn", len(endless.tokens), 24)
    same("tokens up to it", list(endless.tokens[: len(ended.tokens)]), list(ended.tokens))

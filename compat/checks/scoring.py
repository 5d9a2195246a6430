"""Log probabilities of prompts, and what else is asked about a text beside its samples."""

from tinker import types

from . import sdk
from .expect import bits, holds, same
from .sdk import sample, score


def logprobs(client, prompt):
    """What sampling reports for a token is what computing reports for it, bit for bit."""
    result = sample(client, prompt, n=4, seed=11, max_tokens=24)
    for sequence in result.sequences:
        computed = score(client, prompt + list(sequence.tokens))
        same("log probabilities", len(computed), len(prompt) + len(sequence.tokens))
        same("the first token's log probability", computed[0], None)
        same("computed bits", bits(computed[len(prompt) :]), bits(sequence.logprobs))


def prompt_logprobs(client, prompt):
    """Prompt log probabilities and their top k, beside sampling."""
    result = sample(client, prompt, include_prompt_logprobs=True, topk_prompt_logprobs=5)
    alone = score(client, prompt)
    same("prompt log probabilities", bits(result.prompt_logprobs), bits(alone))
    top = result.topk_prompt_logprobs
    same("rows of the top k", len(top), len(prompt))
    holds("no top k at the first position", not top[0])
    for position in range(1, len(prompt)):
        _likeliest(top[position], 5, prompt[position], alone[position])
    plain = sample(client, prompt)
    same("prompt log probabilities that were not asked for", plain.prompt_logprobs, None)
    same("a top k that was not asked for", plain.topk_prompt_logprobs, None)
    if sdk.has("prompt_cache_hit_tokens"):
        same("prompt tokens from the cache", plain.prompt_cache_hit_tokens, len(prompt))


def _likeliest(row, k, token, logprob):
    """row is the k likeliest tokens of a position, where token has logprob."""
    same("width of a top k row", len(row), k)
    values = [value for _, value in row]
    same("likeliest first", values, sorted(values, reverse=True))
    holds("nothing outside of it is likelier", dict(row).get(token) is not None or logprob <= values[-1])
    for other, value in row:
        if other == token:
            same("the token in its own top k", bits([value]), bits([logprob]))


def sampled_top_k(client, prompt):
    """The top k at each sampled token, where the version has it."""
    for sequence in sample(client, prompt, n=2, seed=4, topk_sample_logprobs=4).sequences:
        same("rows of the sampled top k", len(sequence.topk_logprobs), len(sequence.tokens))
        for row, token, logprob in zip(sequence.topk_logprobs, sequence.tokens, sequence.logprobs):
            _likeliest(row, 4, token, logprob)


def targets(client, prompt):
    """Log probabilities of other tokens than the prompt's, dense and sparse."""
    alone, rows = score(client, prompt), len(prompt) - 1
    dense = types.TensorData(data=[x for token in prompt[1:] for x in (token, -1)], dtype="int64", shape=[rows, 2])
    result = sample(client, prompt, target_prompt_logprobs=dense)
    same("shape of the targets", list(result.target_prompt_logprobs.shape), [rows, 2])
    same("targets", bits(result.target_prompt_logprobs.data[0::2]), bits(alone[1:]))
    same("targets that ask nothing", list(result.target_prompt_logprobs.data[1::2]), [0.0] * rows)
    sparse = types.TensorData(data=[prompt[-1]], dtype="int64", shape=[rows, 3],
                              sparse_crow_indices=[0] * rows + [1], sparse_col_indices=[2])
    listed = sample(client, prompt, target_prompt_logprobs=sparse).target_prompt_logprobs
    same("the sparse target", bits(listed.data), bits(alone[-1:]))
    same("its place", list(listed.sparse_col_indices), [2])


def alternatives(client, prompt):
    """Drawn alternatives to the prompt's tokens have the log probabilities that scoring gives them."""
    rows = len(prompt) - 1
    drawn = sample(client, prompt, prompt_alt_tokens_k=2, seed=3).prompt_alt_tokens
    same("shape of the alternatives", list(drawn.tokens.shape), [rows, 2])
    for i, token in enumerate(drawn.tokens.data):
        scored = score(client, prompt[: i // 2 + 1] + [token])
        same("an alternative", bits([drawn.logprobs.data[i]]), bits(scored[-1:]))


def last_n(client, prompt):
    """Only the last n log probabilities of a prompt."""
    alone, rows = score(client, prompt), len(prompt) - 1
    want = bits([None] * (rows - 1) + alone[-2:])
    result = sample(client, prompt, include_prompt_logprobs=True, topk_prompt_logprobs=2, prompt_logprobs_last_n=2)
    same("the last 2", bits(result.prompt_logprobs), want)
    same("rows of the top k", [row is None for row in result.topk_prompt_logprobs], [True] * (rows - 1) + [False] * 2)
    same("the last 2, computed", bits(score(client, prompt, prompt_logprobs_last_n=2)), want)


def checks():
    """Those of the checks above that this version of the SDK can ask for."""
    yield logprobs
    yield prompt_logprobs
    for feature, check in (("topk_sample_logprobs", sampled_top_k), ("target_prompt_logprobs", targets),
                           ("prompt_alt_tokens_k", alternatives), ("prompt_logprobs_last_n", last_n)):
        if sdk.has(feature):
            yield check

"""The official SDK in the version that is installed: what it has, and one way to call all of them."""

import asyncio
import importlib.metadata
import inspect
import os

import tinker
from tinker import types

from .expect import bits, same

VERSION = tuple(int(part) for part in importlib.metadata.version("tinker").split("."))

_sample = inspect.signature(tinker.SamplingClient.sample).parameters
_parts = {cls: set(inspect.signature(cls).parameters) for cls in (types.SampledSequence, types.SampleResponse)}

# What not every version has: since when, until before which, and whether this one does.
_FEATURES = {
    "protobuf results": ((0, 18, 1), None, "prompt_logprobs_np" in _parts[types.SampleResponse]),
    "prompt_cache_hit_tokens": ((0, 23), None, "prompt_cache_hit_tokens" in _parts[types.SampleResponse]),
    "sequence_id": ((0, 26), None, "sequence_id" in _parts[types.SampledSequence]),
    "subprocess sampling": ((0, 15), (0, 27), hasattr(tinker, "SidecarError")),
    "close": ((0, 27), None, hasattr(tinker.ServiceClient, "close")),
    "topk_sample_logprobs": ((0, 29), None, "topk_sample_logprobs" in _sample),
    "target_prompt_logprobs": ((0, 30), None, "target_prompt_logprobs" in _sample),
    "prompt_alt_tokens_k": ((0, 31), None, "prompt_alt_tokens_k" in _sample),
    "handles": ((0, 32), None, hasattr(tinker.SamplingClient, "from_sampler_handle")),
    "prompt_logprobs_last_n": ((0, 33), None, "prompt_logprobs_last_n" in _sample),
    "capabilities without a session": ((0, 38), None, hasattr(getattr(tinker, "RestClient", None), "get_server_capabilities")),
    "futures of clients": ((0, 38), None, "Future" in str(inspect.signature(tinker.ServiceClient.create_sampling_client).return_annotation)),
}
for _name, (_since, _until, _found) in _FEATURES.items():
    if _found != (_since <= VERSION and (_until is None or VERSION < _until)):
        raise SystemExit(f"compat/checks/sdk.py: {_name}: wrong about tinker {VERSION}: found {_found}")


def has(feature):
    """Whether this version has one of the features above."""
    return _FEATURES[feature][2]


def lacks():
    """The features that this version does not have."""
    return [name for name, (_, _, found) in _FEATURES.items() if not found]


# Whether the client samples in a process of its own, as the environment may ask of it.
SUBPROCESS = has("subprocess sampling") and os.environ.get("TINKER_SUBPROCESS_SAMPLING") == "1"


def create(service, **model):
    """A sampling client, whether the call gives it or a future of it."""
    made = service.create_sampling_client(**model)
    return made.result() if has("futures of clients") else made


def awaitable(future):
    """A call's future as asyncio takes it."""
    return future if hasattr(future, "__await__") else asyncio.wrap_future(future)


def concurrent(future):
    """A call's future as concurrent.futures takes it."""
    return future.future() if hasattr(future, "future") else future


def capabilities(service):
    """What the server says that it serves."""
    if has("capabilities without a session"):
        return tinker.RestClient().get_server_capabilities().result()
    return service.get_server_capabilities()


def text(ids):
    return types.ModelInput.from_ints(list(ids))


def submit(client, ids, n=1, *, max_tokens=12, **fields):
    """A sample's future. Fields of sample() and of SamplingParams may be mixed."""
    beside = {name: fields.pop(name) for name in list(fields) if name in _sample}
    same("fields that SamplingParams would drop", set(fields) - set(types.SamplingParams.model_fields), set())
    return client.sample(text(ids), n, types.SamplingParams(max_tokens=max_tokens, **fields), **beside)


def sample(client, ids, n=1, **fields):
    """What submit's future gives."""
    return submit(client, ids, n, **fields).result()


def score(client, ids, **fields):
    """compute_logprobs of ids."""
    return client.compute_logprobs(text(ids), **fields).result()


def answer(sequence):
    """Tokens and bits of a sequence, for comparing."""
    return list(sequence.tokens), bits(sequence.logprobs)

"""What cannot be honoured is refused at once, and by name."""

import os
import unittest.mock

import tinker

from . import sdk
from .expect import holds, same
from .sdk import sample


def _refused(what, call, kinds, *parts):
    """call raises one of kinds, and its text has the parts."""
    try:
        call()
    except kinds as e:
        for part in parts:
            holds(f"the refusal of {what} says {part!r}: {e}", part in str(e))
        return
    raise AssertionError(f"{what} was accepted")


def models(service, model):
    """A model that is not served is refused where the client is made, with what to write instead."""
    def named(**fields):
        return lambda: sdk.create(service, **fields)

    _refused("an unknown model", named(base_model="no/such-model"), tinker.NotFoundError, "no/such-model", model, "--model")
    _refused("a name without organisation", named(base_model=model.split("/")[-1]), tinker.NotFoundError, f'write "{model}"')
    _refused("a variant", named(base_model=model + ":peft:262144"), tinker.BadRequestError, "peft:262144", model)
    _refused("saved weights", named(model_path="tinker://run/sampler_weights/name"), tinker.BadRequestError, "model_path", "base_model")


def fields(client, prompt, collect):
    """A bad field of a sample is refused by its name; the client logs that, and nothing else."""
    same("what the client logged before", collect.take(), [])
    bad = {
        "temperature": dict(temperature=-1.0),
        "top_p": dict(top_p=2.0),
        "top_k": dict(top_k=-5),
        "max_tokens": dict(max_tokens=-1),
        "num_samples": dict(n=0),
        "stop": dict(stop=[10_000_000]),
        "topk_prompt_logprobs": dict(topk_prompt_logprobs=-1),
        "context": dict(max_tokens=1_000_000),
        "prompt": dict(prompt=[10_000_000]),
    }
    for name, changed in bad.items():
        ids = changed.pop("prompt", prompt)
        _refused(f"a bad {name}", lambda: sample(client, ids, **changed), (tinker.BadRequestError, tinker.RequestFailedError), name)
        if not sdk.SUBPROCESS:  # where it is the other process that logs
            records = collect.take()
            holds(f"what the client logged of a bad {name}: {records}", len(records) <= 1 and all("non-retryable error" in r for r in records))


def keys(wrong):
    """Another key than the server's is refused at once, and so is what is none."""
    def keyed(key):
        def call():
            # By the environment: older clients prefer it to their argument.
            with unittest.mock.patch.dict(os.environ, TINKER_API_KEY=key):
                sdk.create(tinker.ServiceClient(), base_model="any")
        return call

    _refused("a wrong key", keyed(wrong), tinker.AuthenticationError, "401", "X-API-Key: not the key of this server")
    _refused("what is no key", keyed("sk-none"), (tinker.TinkerError, ValueError), "tml-")

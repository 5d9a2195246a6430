"""Prints the public names of the official client that have to do with sampling,
one a line: for the page docs/python.md and the test that it has them all.

    python names.py > ../tinker/testdata/python-names.txt
"""

import inspect
import os
import re

import pydantic
import tinker
from tinker import types
from tinker.lib.retry_handler import RetryConfig


def own(cls):
    """Public members that are not those of a base class from elsewhere."""
    common = set(dir(pydantic.BaseModel)) | set(dir(Exception)) | set(dir(str))
    mine = set(dir(cls)) | set(getattr(cls, "__annotations__", {}))
    return [n for n in mine - common if not n.startswith("_") and n != "type"]


def fields(cls):
    return [n for n in getattr(cls, "model_fields", None) or getattr(cls, "__dataclass_fields__", {}) if not n.startswith("_")]


def parameters(function):
    return [n for n, p in inspect.signature(function).parameters.items() if n != "self" and p.kind is not p.VAR_KEYWORD]


# Methods whose parameters are listed, too: those that lead to samples.
detailed = {
    tinker.SamplingClient: own(tinker.SamplingClient),
    tinker.ServiceClient: ["create_sampling_client", "create_lora_training_client", "close"],
    tinker.TrainingClient: ["save_weights_and_get_sampling_client", "save_weights_for_sampler", "create_sampling_client"],
    tinker.APIFuture: own(tinker.APIFuture),
}

names = {f"ServiceClient({p})" for p in parameters(tinker.ServiceClient.__init__)}
for cls, methods in detailed.items():
    names |= {f"{cls.__name__}.{n}" for n in (methods if cls is tinker.TrainingClient else own(cls))}
    for method in methods:
        function = getattr(cls, method)
        if callable(function) and not method.endswith("_async"):
            names |= {f"{cls.__name__}.{method}({p})" for p in parameters(function)}

for cls in (
    RetryConfig,
    types.ModelInput, types.EncodedTextChunk, types.ImageChunk, types.ImageAssetPointerChunk, types.DmelChunk,
    types.SamplingParams, types.SampleRequest, types.SampleResponse, types.SampledSequence, types.TensorData,
    types.PromptAltTokens, types.GetServerCapabilitiesResponse, types.SupportedModel, types.RequestErrorCategory,
    types.GetSamplerResponse,
):  # fmt: skip
    names |= {cls.__name__} | {f"{cls.__name__}.{n}" for n in fields(cls) + own(cls) if n != "type"}
for alias in ("ModelInputChunk", "StopReason", "TensorDtype", "SamplingClientKind"):
    assert hasattr(types, alias)
    names.add(alias)

for name, value in list(vars(tinker).items()):
    if inspect.isclass(value) and issubclass(value, Exception):
        names.add(name)
        names |= {f"{name}.{n}" for n in own(value)}

root = os.path.dirname(tinker.__file__)
for folder, _, files in os.walk(root):
    for file in files:
        if file.endswith(".py"):
            with open(os.path.join(folder, file)) as f:
                names |= set(re.findall(r"[\"']((?:TINKER|CLOUDFLARE)_[A-Z_]+)[\"']", f.read()))

print("\n".join(sorted(names)))

"""Passes sampler handles between the official Python client and package tinker.

    python handles.py PROGRAM MODEL

PROGRAM is the command of this folder, built. Server and key come from the
environment. It ends with an error where one side cannot open the other's handle,
changes it, or samples something else from it.
"""

import json
import os
import struct
import subprocess
import sys

import tinker
from tinker import types

program, model = sys.argv[1:]


def sample(client):
    result = client.sample(
        prompt=types.ModelInput.from_ints([504, 2, 17, 9]),
        num_samples=1,
        sampling_params=types.SamplingParams(max_tokens=6, seed=7),
    ).result()
    return list(result.sequences[0].tokens), float32(result.sequences[0].logprobs)


def float32(values):
    return [struct.pack("<f", v) for v in values]


def check(what, got, want):
    if got != want:
        sys.exit(f"handles.py: {what}: got {got}, want {want}")


# Python's, opened in Go.
service = tinker.ServiceClient()
client = service.create_sampling_client(base_model=model).result()
want = sample(client)
opened = subprocess.run(
    [program, "open"], input=client.get_sampler_handle(), stdout=subprocess.PIPE, text=True, timeout=120, check=True
)
answer = json.loads(opened.stdout)
check("Go's sample from Python's handle", (answer["tokens"], float32(answer["logprobs"])), want)
check("Go hands Python's handle on unchanged", answer["same_handle"], True)

# Go's, opened in Python.
with subprocess.Popen([program, "make", model], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as maker:
    handle = maker.stdout.readline().strip()
    copy = tinker.SamplingClient.from_sampler_handle(handle)
    check("Python's sample from Go's handle", sample(copy), want)
    check("Python hands Go's handle on unchanged", copy.get_sampler_handle(), handle)
    maker.stdin.close()
    check("the exit code of the program that made a handle", maker.wait(timeout=60), 0)

service.close("success").result()
print("handles travel both ways", flush=True)
os._exit(0)  # the copy has no close, without which an interpreter that shuts down can abort (../README.md)

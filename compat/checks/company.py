"""Many calls at once, calls that are given up, and other processes that sample."""

import asyncio
import concurrent.futures
import multiprocessing
import warnings

import tinker

from . import sdk
from .expect import Collect, bits, holds, same
from .sdk import answer, awaitable, sample, score, submit

FUTURES = 300


def futures(client, prompt):
    """Hundreds of futures, in the order in which they end, give what their requests give alone."""
    alone = {seed: answer(sample(client, prompt, seed=seed, max_tokens=3).sequences[0]) for seed in range(4)}
    scored = bits(score(client, prompt))
    scores = [client.compute_logprobs(sdk.text(prompt)) for _ in range(8)]
    samples = {sdk.concurrent(submit(client, prompt, seed=i % 4, max_tokens=3)): i % 4 for i in range(FUTURES)}
    done = 0
    for future in concurrent.futures.as_completed(samples, timeout=300):
        seed = samples[future]
        same(f"seed {seed} in company", answer(future.result().sequences[0]), alone[seed])
        done += 1
    same("futures that ended", done, FUTURES)
    for future in scores:
        same("a score in company", bits(future.result()), scored)


async def _gathered(client, prompt):
    async def one(i):
        return await awaitable(submit(client, prompt[: 1 + i % len(prompt)], seed=i, max_tokens=4))

    results = await asyncio.gather(*(one(i) for i in range(48)), one(47))
    same("twice the same seed", answer(results[48].sequences[0]), answer(results[47].sequences[0]))


async def _by_async_methods(client, prompt):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="DEPRECATED")  # since 0.38
        parameters = tinker.SamplingParams(max_tokens=4, seed=2)
        sampled = await client.sample_async(sdk.text(prompt), 1, parameters)
        scored = await client.compute_logprobs_async(sdk.text(prompt))
    same("sample_async", answer(sampled.sequences[0]), answer((await awaitable(submit(client, prompt, max_tokens=4, seed=2))).sequences[0]))
    same("compute_logprobs_async", bits(scored), bits(await awaitable(client.compute_logprobs(sdk.text(prompt)))))


def coroutines(client, prompt):
    """The same from asyncio, by futures and by the methods with _async."""
    asyncio.run(_gathered(client, prompt))
    asyncio.run(_by_async_methods(client, prompt))


def timeouts(client, prompt):
    """A wait that ends too early takes nothing from the future."""
    future = submit(client, prompt, seed=8, max_tokens=64, stop=[])
    try:
        future.result(timeout=0.001)
        raise AssertionError("64 tokens within 1 ms")
    except (TimeoutError, concurrent.futures.TimeoutError):
        pass
    same("after a timeout", answer(future.result().sequences[0]),
         answer(sample(client, prompt, seed=8, max_tokens=64, stop=[]).sequences[0]))


async def _given_up(client, prompt):
    async def wait(future):
        return await awaitable(future)

    tasks = [asyncio.ensure_future(wait(submit(client, prompt, seed=i, max_tokens=128, stop=[]))) for i in range(16)]
    kept = asyncio.ensure_future(wait(submit(client, prompt, seed=1, max_tokens=8)))
    await asyncio.sleep(0.05)
    for task in tasks[:8]:
        task.cancel()
    for outcome in await asyncio.gather(*tasks[:8], return_exceptions=True):
        holds(f"a cancelled call ends as such, not with {outcome!r}", isinstance(outcome, asyncio.CancelledError))
    for task in tasks[8:]:
        try:
            await asyncio.wait_for(task, 0.001)
            raise AssertionError("128 tokens within 50 ms")
        except (TimeoutError, asyncio.TimeoutError):
            pass
    return answer((await kept).sequences[0])


def cancellation(client, prompt):
    """Calls that are cancelled, or timed out in asyncio, disturb none of the others."""
    want = answer(sample(client, prompt, seed=1, max_tokens=8).sequences[0])
    same("beside cancelled calls", asyncio.run(_given_up(client, prompt)), want)
    same("after cancelled calls", answer(sample(client, prompt, seed=1, max_tokens=8).sequences[0]), want)


def _work(client, prompt):
    """What client, or one made of a handle, gets in this process, and what its loggers say."""
    collect = Collect()
    if isinstance(client, str):
        client = tinker.SamplingClient.from_sampler_handle(client)
    sampled = [answer(s) for s in sample(client, prompt, n=2, seed=9).sequences]
    return sampled, bits(score(client, prompt)), client.get_base_model(), collect.stop()


def workers(client, prompt):
    """A pickled client and a handle sample in spawned processes what their client samples here."""
    want = _work(client, prompt)
    same("what the client logged", want[-1], [])
    given = [client, client]
    if sdk.has("handles"):
        given.append(client.get_sampler_handle())
        same("through a handle in this process", _work(given[-1], prompt), want)
    with concurrent.futures.ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        for got in pool.map(_work, given, [prompt] * len(given)):
            same("in a worker", got, want)

"""2,000 concurrent samples of the official client over a network that fails, and what they leave behind.

usage: python storm.py TINSMITH [--processes P] [--samples N] [--seed S]

Starts TINSMITH serve with the default model, and P processes with the official
client, which together ask for N samples at once through a proxy. The proxy cuts
every connection after a random while, in the middle of whatever it carries. A
part of the samples is cancelled, at random times. The script fails if

- a sample that was not cancelled has no result, or one of another number of
  sequences, tokens or log probabilities, or a sequence id that another one has;
- the server sampled more often than it was asked to;
- any result differs, in a token or a bit, from what the same request gives
  alone, afterwards (of every twentieth sample);
- within 10 s after the clients have gone, the server has more goroutines or open
  files than before, or any session, sample or result;
- its resident memory, weights included, was ever more than the KV cache's budget
  plus 300 MB.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import random
import socket
import struct
import subprocess
import sys
import threading
import time
import urllib.request

MODEL = "HuggingFaceTB/SmolLM2-135M-Instruct"
MEMORY = 1 << 30  # of the KV cache
ALLOWANCE = 300 * 10**6
CANCELLED = 0.2  # of the samples
SETTLE = 10  # seconds


class Failed(Exception):
    pass


def demand(condition, text):
    if not condition:
        raise Failed(text)


# What is asked: a function of the sample's number alone.


def request(types, i):
    draw = random.Random(i)
    prompt = [draw.randrange(100, 40_000) for _ in range(draw.randrange(4, 40))]
    parameters = types.SamplingParams(max_tokens=draw.randrange(2, 13), seed=i, temperature=1.0, stop=[])
    return types.ModelInput.from_ints(prompt), draw.choice([1, 1, 1, 2]), parameters


def numbers(result):
    """A result's tokens, and the bits of its log probabilities."""
    return [(list(s.tokens), [struct.pack("<f", x) for x in s.logprobs]) for s in result.sequences]


# One process with the official client.


async def one(client, types, i, draw, delay):
    await asyncio.sleep(delay)
    prompt, n, parameters = request(types, i)
    call = client.sample(prompt, n, parameters)
    cancel = draw.random() < CANCELLED

    async def wait():
        return await call

    task = asyncio.ensure_future(wait())
    if cancel:
        await asyncio.sleep(draw.random() * 10)
        task.cancel()
    try:
        result = await task
    except asyncio.CancelledError:
        return i, None
    demand(len(result.sequences) == n, f"sample {i}: {len(result.sequences)} sequences, want {n}")
    for s in result.sequences:
        demand(len(s.tokens) == len(s.logprobs) == parameters.max_tokens, f"sample {i}: {len(s.tokens)} tokens of {parameters.max_tokens}")
    return i, (numbers(result), [s.sequence_id for s in result.sequences])


def client_process(first, last, url, seed, barrier, out):
    os.environ["TINKER_BASE_URL"] = url
    os.environ["TINKER_API_KEY"] = "tml-storm"
    os.environ["TINKER_TELEMETRY"] = "0"
    import tinker
    from tinker import types

    async def run():
        draw = random.Random(f"{seed} {first}")
        service = tinker.ServiceClient()
        client = await service.create_sampling_client(base_model=MODEL)
        barrier.wait()
        calls = [one(client, types, i, random.Random(f"{seed} {i}"), draw.random()) for i in range(first, last)]
        got = await asyncio.gather(*calls)
        await service.close("success")
        return got

    try:
        out.put(asyncio.run(run()))
    except BaseException as e:  # told by the parent, which counts it as a failure
        out.put(f"{type(e).__name__}: {e}")
        raise


def alone(numbers_wanted, url, out):
    """What some of the samples give one after the other."""
    os.environ["TINKER_BASE_URL"] = url
    os.environ["TINKER_API_KEY"] = "tml-alone"
    import tinker
    from tinker import types

    service = tinker.ServiceClient()
    client = service.create_sampling_client(base_model=MODEL).result()
    out.put({i: numbers(client.sample(*request(types, i)).result()) for i in numbers_wanted})
    service.close("success").result()


# The network.


class Proxy(threading.Thread):
    """Passes connections on, and cuts each at a random time. None is cut once calm is set."""

    def __init__(self, host, port, seed):
        super().__init__(daemon=True)
        self.target, self.draw = (host, port), random.Random(seed)
        self.cut = self.passed = 0
        self.calm = False
        self.ready = threading.Event()

    def run(self):
        asyncio.run(self.serve())

    async def serve(self):
        server = await asyncio.start_server(self.connection, "127.0.0.1", 0, backlog=4096)
        self.url = "http://127.0.0.1:%d" % server.sockets[0].getsockname()[1]
        self.ready.set()
        await server.serve_forever()

    async def connection(self, reader, writer):
        try:
            there, back = await asyncio.open_connection(*self.target)
        except OSError:
            writer.transport.abort()
            return
        self.passed += 1

        async def copy(source, sink):
            while data := await source.read(1 << 16):
                sink.write(data)
                await sink.drain()

        async def fail():
            while True:
                await asyncio.sleep(self.draw.expovariate(1 / 8))
                if not self.calm:
                    self.cut += 1
                    return

        tasks = [asyncio.ensure_future(t) for t in (copy(reader, back), copy(there, writer), fail())]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for end in (writer, back):  # a reset, as of a network that has gone
            with_linger = end.get_extra_info("socket")
            if with_linger is not None and not self.calm:
                with_linger.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            end.transport.abort()
        for t in tasks:
            t.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


# The server, seen from outside.


class Server:
    def __init__(self, binary):
        self.process = subprocess.Popen(
            [binary, "serve", "--addr", "127.0.0.1:0", "--debug-addr", "127.0.0.1:0", "--memory", f"{MEMORY >> 20}MiB"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for line in self.process.stderr:
            if line.startswith("debug: "):
                self.debug = line.split()[1]
                break
        threading.Thread(target=self.listen, daemon=True).start()
        self.complaints = []
        self.url = self.process.stdout.readline().strip().split("=")[1]
        self.peak = 0

    def listen(self):
        for line in self.process.stderr:
            if "level=" in line:
                self.complaints.append(line.strip())

    def counts(self):
        with urllib.request.urlopen(self.debug, timeout=60) as answer:
            return json.load(answer)

    def files(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def resident(self):
        with open(f"/proc/{self.process.pid}/status") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmRSS:"))

    def watch(self, ended):
        while not ended.wait(0.1):
            self.peak = max(self.peak, self.resident())

    def state(self):
        """Goroutines and files, those of the question itself included, and what it has."""
        c = self.counts()
        return c["goroutines"], self.files(), c["sessions"], c["samples"], c["results"]


def storm(options, server, proxy):
    context = multiprocessing.get_context("spawn")
    barrier, out = context.Barrier(options.processes), context.Queue()
    share = options.samples // options.processes
    workers = [
        context.Process(target=client_process, args=(k * share, (k + 1) * share, proxy.url, options.seed, barrier, out))
        for k in range(options.processes)
    ]
    for w in workers:
        w.start()
    got = {}
    for _ in workers:
        answer = out.get(timeout=options.timeout)
        demand(not isinstance(answer, str), f"a client ended with {answer}")
        got.update(dict(answer))
    for w in workers:
        w.join()
    return got


def check_results(options, got, counts):
    demand(len(got) == options.samples, f"{len(got)} of {options.samples} samples ended")
    done = {i: r for i, r in got.items() if r is not None}
    ids = [x for _, sequence_ids in done.values() for x in sequence_ids]
    demand(len(set(ids)) == len(ids), "two sequences have one id")
    demand(len(done) <= counts["started"] <= options.samples, f"{counts['started']} samples were started, for {options.samples} calls with {len(done)} results")
    return done


def settled(server, before):
    """Waits until nothing is left, and returns how long that took."""
    end = time.monotonic()
    while True:
        now = server.state()
        if all(a <= b for a, b in zip(now, before)):
            return time.monotonic() - end
        demand(time.monotonic() - end < SETTLE, f"goroutines, files, sessions, samples, results: {now} after {SETTLE} s, {before} before")
        time.sleep(0.2)


def run(options):
    server = Server(options.tinsmith)
    try:
        host, port = server.url.removeprefix("http://").split(":")
        proxy = Proxy(host, int(port), options.seed)
        proxy.start()
        proxy.ready.wait()
        server.counts()
        time.sleep(0.5)
        before, loaded = server.state(), server.resident()
        ended = threading.Event()
        watcher = threading.Thread(target=server.watch, args=(ended,))
        watcher.start()

        started = time.monotonic()
        got = storm(options, server, proxy)
        took = time.monotonic() - started
        left = settled(server, before)
        counts = server.counts()
        done = check_results(options, got, counts)
        ended.set()
        watcher.join()

        some = sorted(done)[::20]
        context = multiprocessing.get_context("spawn")
        out = context.Queue()
        reference = context.Process(target=alone, args=(some, server.url, out))
        reference.start()
        want = out.get(timeout=options.timeout)
        reference.join()
        for i in some:
            demand(done[i][0] == want[i], f"sample {i} has other tokens or bits than alone")
        settled(server, before)

        budget = MEMORY + ALLOWANCE
        print(f"{options.samples} samples of {options.processes} processes in {took:.1f} s: {len(done)} results, {len(got) - len(done)} cancelled")
        print(f"connections: {proxy.passed}, of which {proxy.cut} were cut; samples started: {counts['started']}, requests for one again: {counts['repeated']}")
        print(f"bits compared with those alone: of {len(some)} samples")
        print(f"goroutines, files, sessions, samples, results before: {before}; reached again {left:.1f} s after the end")
        print(f"resident memory: {loaded / 1e6:.0f} MB loaded, {server.peak / 1e6:.0f} MB at most; allowed are {budget / 1e6:.0f} MB")
        demand(server.peak <= budget, "too much memory")
        demand(not server.complaints, "the server complained: " + "; ".join(server.complaints[:3]))
    finally:
        server.process.send_signal(2)
        server.process.wait(30)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("tinsmith")
    parser.add_argument("--processes", type=int, default=5)
    parser.add_argument("--samples", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--timeout", type=float, default=900)
    options = parser.parse_args()
    try:
        run(options)
    except Failed as e:
        sys.exit(f"storm: {e}")


if __name__ == "__main__":
    main()

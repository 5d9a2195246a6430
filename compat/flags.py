"""Which paths the official Tinker client takes by the server's flags, and that it works on each.

usage: flags.py PATH/TO/tinsmith [off | NAME=VALUE ...]

Starts the server once with its defaults, once with each flag the other way, and
once with all of them off; or with the latter, or the given flags, alone. Each time a client in a
fresh process samples with hundreds of futures, gives some of them up, and hands
pickled copies of itself to spawned processes. What the server was asked is in its
log. Exits with 1 at the first difference, and if a client logged a warning.
"""

import asyncio
import collections
import faulthandler
import logging
import multiprocessing
import os
import pickle
import re
import signal
import subprocess
import sys
import tempfile

MODEL = "HuggingFaceTB/SmolLM2-135M-Instruct"
PROMPT = [504, 6588, 1834, 314]
FUTURES, CLONES, FUTURES_OF_CLONE, GIVEN_UP = 400, 3, 40, 8


def collected():
    """The list that fills with what the client logs at WARNING and above."""
    records = []

    class Collect(logging.Handler):
        def emit(self, record):
            records.append(f"{record.levelname} {record.name}: {record.getMessage()}")

    logging.getLogger("tinker").addHandler(Collect(logging.WARNING))
    return records


def samples(client, seeds, max_tokens=2):
    from tinker import types

    prompt = types.ModelInput.from_ints(PROMPT)
    futures = [client.sample(prompt, 1, types.SamplingParams(max_tokens=max_tokens, seed=seed)) for seed in seeds]
    return [list(future.result(timeout=300).sequences[0].tokens) for future in futures]


def clone(pickled, seeds, queue):
    """One spawned process: a copy of the client samples there."""
    records = collected()
    client = pickle.loads(pickled)
    queue.put((samples(client, seeds), records))
    queue.close()
    queue.join_thread()
    os._exit(0)  # a copy has no close, without which an interpreter that shuts down can abort (README.md)


async def give_up(client):
    """Waits that time out, on samples that would take long."""
    from tinker import types

    params = types.SamplingParams(max_tokens=4000, stop=[])
    futures = [client.sample(types.ModelInput.from_ints(PROMPT), 1, params) for _ in range(GIVEN_UP)]

    async def wait(future):
        try:
            await asyncio.wait_for(future.result_async(), 1)
            raise AssertionError("a long sample was done within a second")
        except asyncio.TimeoutError:
            pass

    await asyncio.gather(*(wait(future) for future in futures))
    await asyncio.sleep(2)


def client():
    """The client's process."""
    import tinker

    faulthandler.dump_traceback_later(200, exit=True)  # a client that hangs says where
    records = collected()
    service = tinker.ServiceClient()
    sampler = service.create_sampling_client(base_model=MODEL).result()
    seeds = list(range(FUTURES_OF_CLONE))
    want = samples(sampler, range(FUTURES))
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    processes = [context.Process(target=clone, args=(pickle.dumps(sampler), seeds, queue)) for _ in range(CLONES)]
    for process in processes:
        process.start()
    for _ in processes:
        got, theirs = queue.get(timeout=300)
        assert got == want[:FUTURES_OF_CLONE], "a clone got other samples"
        records += theirs
    for process in processes:
        process.join(60)
        assert process.exitcode == 0, f"a clone ended with {process.exitcode}"
    asyncio.run(give_up(sampler))
    session = sampler.holder.get_session_id()
    rest = tinker.RestClient()
    assert session in rest.list_sessions().result().sessions, "the session is not listed"
    assert len(rest.get_session(session).result().sampler_ids) == 1, "the session has not one sampler"
    service.close("success").result()
    assert not records, records


def run(binary, flags):
    """One server with these flags, and one client; checks which paths were taken."""
    with tempfile.TemporaryFile("w+") as log:
        options = [f"--flag={name}={value}" for name, value in flags.items()]
        server = subprocess.Popen([binary, "serve", "-v", "--addr=127.0.0.1:0", *options], stdout=subprocess.PIPE, stderr=log, text=True)
        try:
            settings = dict(re.match(r"export (\w+)=(.*)", server.stdout.readline()).groups() for _ in range(2))
            done = subprocess.run([sys.executable, __file__, "--client"], env=os.environ | settings, timeout=600)
            assert done.returncode == 0, f"the client failed with {flags}"
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(60)
            log.seek(0)
            text = log.read()
    asked = collections.Counter(re.findall(r"msg=request method=\w+ path=/api/v1/(\S+) status=200", text))
    # A process that ends in the middle of a request gets no answer that it could see.
    refused = [line for line in re.findall(r'msg="request refused" (.*)', text) if "the body broke off" not in line]
    counts = f"{asked['asample']} asample, {asked['retrieve_future']} retrieve_future, {asked['retrieve_futures']} retrieve_futures, " \
        f"{asked['join_sampling_session']} join_sampling_session, {asked['cancel_future']} cancel_future, refused: {refused}"
    on = lambda name: flags.get(name, "true") == "true"
    samples_in_all = FUTURES + CLONES * FUTURES_OF_CLONE + GIVEN_UP
    assert not refused, counts
    assert "level=WARN" not in text and "level=ERROR" not in text, text
    assert asked["asample"] == samples_in_all, counts
    assert (asked["retrieve_futures"] > 0) == on("sample_use_retrieve_futures"), counts
    assert asked["join_sampling_session"] == CLONES * on("sample_join_sampling_session"), counts
    assert (asked["cancel_future"] == GIVEN_UP) if on("sample_cancel_enabled") else (asked["cancel_future"] == 0), counts
    print("ok", " ".join(f"{name}={value}" for name, value in flags.items()) or "defaults", "-", counts, flush=True)


def main():
    binary, given = sys.argv[1], sys.argv[2:]
    on = ["sample_use_retrieve_futures", "sample_join_sampling_session", "sample_cancel_enabled",
          "sample_enable_stuck_detection", "use_pyqwest_transport"]
    off = dict.fromkeys(on, "false")
    if given == ["off"]:
        runs = [off]
    elif given:
        runs = [dict(setting.split("=", 1) for setting in given)]
    else:
        runs = [{}, *({name: "false"} for name in on), {"sample_no_retries": "true"}, off]
    for flags in runs:
        run(binary, flags)


if __name__ == "__main__":
    client() if sys.argv[1:] == ["--client"] else main()

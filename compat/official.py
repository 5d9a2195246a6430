"""What the official Tinker client gets from a server, held against the protocol's promises.

Exits with 1 at the first difference, and if the client logged a warning. Works
with any version of the client since 0.16; checks/sdk.py has what tells them apart.
"""

import argparse
import json
import os
import warnings

import tinker

from checks import company, refusals, sampling, scoring, sdk
from checks.expect import Collect, bits, holds, same


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0],
                                     epilog="TINKER_BASE_URL and TINKER_API_KEY say which server.")
    parser.add_argument("model", metavar="MODEL", help="the model to sample")
    parser.add_argument("--sdk", help="the version of the client that this has to be")
    parser.add_argument("--wrong-key", metavar="KEY", help="a key that the server must refuse")
    parser.add_argument("--answers", metavar="FILE", help="keeps seeded answers, or compares with those of another run, of any version")
    return parser.parse_args()


def answers(client, prompt, file):
    """Seeded answers and scores are those of every other version and process."""
    seeded = [sdk.sample(client, prompt, n=2, seed=seed, **fields) for seed in (1, 2) for fields in ({}, {"temperature": 0.5, "top_k": 40})]
    got = {"answers": [sdk.answer(s) for result in seeded for s in result.sequences], "score": bits(sdk.score(client, prompt))}
    got = json.loads(json.dumps(got))
    if os.path.exists(file):
        with open(file) as earlier:
            same("answers of another run", got, json.load(earlier))
        return
    with open(file, "w") as new:
        json.dump(got, new)


def main():
    args = arguments()
    if args.sdk:
        same("the client's version", tinker.__version__, args.sdk)
    where = "in a subprocess" if sdk.SUBPROCESS else "in process"
    print(f"tinker {tinker.__version__}, sampling {where}; this version has no: {', '.join(sdk.lacks()) or '-'}", flush=True)
    collect = Collect()
    warnings.filterwarnings("error", message="DEPRECATED")

    service = tinker.ServiceClient()
    offered = {m.model_name: m for m in sdk.capabilities(service).supported_models}
    holds(f"{args.model} is among the supported models {list(offered)}", args.model in offered)
    client = sdk.create(service, base_model=args.model)
    same("base model", client.get_base_model(), args.model)
    tokenizer = client.get_tokenizer()
    text = "The weather today is"
    prompt = list(tokenizer.encode(text))
    same("decoded prompt", tokenizer.decode(prompt), text)
    holds("the tokenizer has a chat template", tokenizer.chat_template)

    def run(check, *given):
        check(*given)
        print("ok", check.__name__, flush=True)

    for check in (sampling.groups, sampling.seeds, sampling.filters, *scoring.checks()):
        run(check, client, prompt)
    run(sampling.stops, client, prompt, tokenizer)
    for check in (company.futures, company.coroutines, company.timeouts, company.cancellation, company.workers):
        run(check, client, prompt)
    if args.answers:
        run(answers, client, prompt, args.answers)
    run(refusals.models, service, args.model)
    run(refusals.fields, client, prompt, collect)
    if args.wrong_key:
        run(refusals.keys, args.wrong_key)
    if sdk.has("close"):
        service.close("success").result()
    same("what the client logged", collect.records, [])


if __name__ == "__main__":
    main()

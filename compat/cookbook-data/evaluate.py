"""The cookbook's evaluator and its rollouts over a local data set, without training.

usage: evaluate.py MODEL RENDERER
"""

import asyncio
import json
import struct
import sys
from pathlib import Path

import tinker
from tinker_cookbook import renderers
from tinker_cookbook.completers import TinkerTokenCompleter
from tinker_cookbook.eval.custom_evaluators import CustomEvaluator, grader_fn
from tinker_cookbook.rl.problem_env import ProblemEnv, ProblemGroupBuilder
from tinker_cookbook.rl.rollouts import do_group_rollout
from tinker_cookbook.tokenizer_utils import get_tokenizer


class Capital(ProblemEnv):
    """Asks for a capital, and rewards an answer that has it."""

    def __init__(self, renderer, row):
        super().__init__(renderer)
        self.row = row

    def get_question(self):
        return self.row["input"]

    def check_answer(self, sample_str):
        return grader_fn(sample_str, self.row["target"])

    def check_format(self, sample_str):
        return sample_str.strip() != ""

    def get_reference_answer(self):
        return self.row["target"]


def bits(logprobs):
    return [struct.pack("<f", x) for x in logprobs]


async def main():
    model, renderer_name = sys.argv[1:]
    rows = [json.loads(line) for line in Path("capitals.jsonl").read_text().splitlines()]
    service = tinker.ServiceClient()
    client = await service.create_sampling_client(base_model=model)

    examples = [{"input": row["input"], "output": row["target"]} for row in rows]
    evaluator = CustomEvaluator(examples, grader_fn, model_name=model, renderer_name=renderer_name)
    print("evaluator:", await evaluator(client))

    renderer = renderers.get_renderer(renderer_name, get_tokenizer(model))
    policy = TinkerTokenCompleter(client, max_tokens=32)
    for row in rows:
        group = await do_group_rollout(ProblemGroupBuilder(lambda: Capital(renderer, row), num_envs=4), policy)
        for trajectory in group.trajectories_G:
            for step in trajectory.transitions:
                # What training goes by: the sampler's log probabilities are those of scoring.
                prompt = step.ob.to_ints()
                scored = await client.compute_logprobs(tinker.ModelInput.from_ints(prompt + step.ac.tokens))
                if bits(scored[len(prompt):]) != bits(step.ac.logprobs):
                    raise AssertionError(f"{row}: sampled {step.ac.logprobs}, computed {scored[len(prompt):]}")
        print("rollouts:", row["input"], "rewards", [round(reward, 2) for reward in group.get_total_rewards()])
    await service.close("success")


asyncio.run(main())

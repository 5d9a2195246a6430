"""A task for inspect-ai with a local data set: capitals, as the cookbook's evaluations take it."""

from pathlib import Path

from inspect_ai import Task, task
from inspect_ai.dataset import json_dataset
from inspect_ai.scorer import includes
from inspect_ai.solver import generate


@task
def capitals() -> Task:
    return Task(
        dataset=json_dataset(str(Path(__file__).with_suffix(".jsonl")), name="capitals"),
        solver=generate(),
        scorer=includes(),
    )

import pytest
import torch
from tiny import tiny_inputs


def labelled_batches(model, count=3):
    batches = []
    for i in range(count):
        batch = tiny_inputs(model)
        batch["input_ids"] = batch["input_ids"].roll(i, 1)
        is_lm = type(model).__name__.endswith(("LMHeadModel", "CausalLM"))
        batches.append({**batch, "labels": batch["input_ids"] if is_lm else torch.tensor([0, 1, i % 2])})
    return batches


@pytest.fixture
def labelled():
    """A function: batches with labels for a model of `tiny`."""
    return labelled_batches

import gc

import pytest


@pytest.fixture(autouse=True)
def quick_garbage_collection():
    """Every start of a Trainer collects garbage, which takes longer than the training of a tiny model; let it look at
    the objects of the test only."""
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(autouse=True)
def environment_as_before(monkeypatch):
    """`TrainingArguments(torch_compile=True)` would make every later Trainer of the process compile."""
    monkeypatch.setenv("ACCELERATE_DYNAMO_BACKEND", "no")

"""Files that take seconds to make, and that several tests only read: made once per run, by the first test that asks.

A test module takes the fixture `onnx_files`, which `conftest.py` has from here.
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from filelock import FileLock
from tiny import logits_of, quantized, tiny_model
from transformers import PreTrainedModel

KINDS = ("float", "dynamic", "static", "sparse")


def model_of(name: str, kind: str) -> PreTrainedModel:
    """The tiny model of that name as one of `KINDS`; `sparse` is dynamic, with zeros in blocks of 4 x 1."""
    from inc_hf.compression.pruner import prepare_pruning

    if kind == "float":
        return tiny_model(name)
    if kind != "sparse":
        return quantized(name, kind).model
    model = tiny_model(name)
    prepare_pruning(model, {"pruning_type": "magnitude", "pattern": "4x1", "target_sparsity": 0.5}, dataloader=[])
    return quantized(model).model


def made_once(folder: Path, make: Callable[[Path], object]) -> Path:
    """`folder`, which `make` fills unless this or another process of the run has done so."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock"):
        if not folder.exists():
            unfinished = folder.with_name(f"{folder.name}.unfinished")
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir()
            make(unfinished)
            unfinished.rename(folder)
    return folder


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory) -> Path:
    """The same folder in all processes of a run."""
    base = tmp_path_factory.getbasetemp()
    return (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "shared"


@pytest.fixture(scope="session")
def onnx_files(shared_folder) -> Callable[[str, str], list[Path]]:
    """`onnx_files(name, kind)`: what `export_model` wrote of `model_of(name, kind)`; to be read only."""

    def files(name: str, kind: str) -> list[Path]:
        folder = made_once(shared_folder / f"{name}-{kind}", lambda folder: write(name, kind, folder))
        return sorted(folder.iterdir(), reverse=True)  # the encoder first

    return files


def write(name: str, kind: str, folder: Path) -> None:
    """Export a model, which must come back as it was, and leave nothing else in the folder."""
    from inc_hf.export import export_model

    model = model_of(name, kind)
    before = logits_of(model)
    paths = export_model(model, folder)
    assert torch.equal(logits_of(model), before)
    assert sorted(folder.iterdir(), reverse=True) == paths

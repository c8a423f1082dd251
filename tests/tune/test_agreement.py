"""How far candidates are from the float model, and what "auto" takes."""

import pytest
import torch
from fitting import assert_unchanged, snapshot
from tiny import tiny_inputs, tiny_model
from torch import nn

from inc_hf.config import PostTrainingQuantConfig
from inc_hf.quantization import fit
from inc_hf.quantize.nn import quantized_modules
from inc_hf.tune.agreement import output_errors
from inc_hf.tune.calibration import Calibration
from inc_hf.tune.quantization_space import QuantizationSpace


def space_of(model: nn.Module, batches: list, **config) -> QuantizationSpace:
    return QuantizationSpace(model, PostTrainingQuantConfig(**config), Calibration(batches), batches)


@pytest.mark.parametrize("name", ["bert", "gpt2", "t5"])
def test_errors_of_candidates(name):
    model = tiny_model(name)
    batches = [tiny_inputs(model)]
    coarse = {"op_type_dict": {"Linear|Conv1D": {"weight": {"bits": 3}}}}
    candidates = [space_of(model, batches, **config).candidates()[0] for config in ({}, coarse)]
    before = snapshot(model)
    fine, rough = output_errors(model, space_of(model, batches), candidates, batches)
    assert 0 < fine < rough / 3
    assert_unchanged(model, before)


def test_padding_does_not_count():
    model = tiny_model("gpt2")
    batch = tiny_inputs(model)
    mask = torch.ones_like(batch["input_ids"])
    mask[:, 6:] = 0
    padded = {"input_ids": batch["input_ids"], "attention_mask": mask}
    short = {name: value[:, :6] for name, value in padded.items()}
    space = space_of(model, [short])
    errors = [output_errors(model, space, space.candidates()[:1], [each]) for each in (padded, short)]
    assert errors[0] == pytest.approx(errors[1], rel=1e-3)


def with_outliers(x: torch.Tensor) -> torch.Tensor:
    x[::8] *= 100
    return x


DATA = {
    "some rows much larger": (with_outliers, "dynamic"),
    "all positive": (torch.abs, "static"),  # where symmetric scales waste half of their integers
}


@pytest.mark.parametrize("change, taken", DATA.values(), ids=DATA)
def test_auto_takes_what_agrees_best(change, taken):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(32, 32))
    x = change(torch.randn(64, 32))
    result = fit(model, PostTrainingQuantConfig(approach="auto"), calib_dataloader=[x])
    assert result.model is model
    assert all(m.scheme.is_static is (taken == "static") for m in quantized_modules(model).values())
    assert f"approach='auto' took {taken}, which agrees best with FP32" in result.notes[0]
    assert f"INT8 {taken}" in repr(result) and result.summary()["quantization"]["in_words"] == f"INT8 {taken}"


def test_auto_with_a_function_that_calibrates():
    results = []
    for by_function in (False, True):
        model = tiny_model("bert")
        inputs = tiny_inputs(model)
        calibrate = {"calib_func": lambda model, inputs=inputs: model(**inputs)}
        data = calibrate if by_function else {"calib_dataloader": [inputs]}
        results.append(fit(model, PostTrainingQuantConfig(approach="auto"), **data))
    assert results[0].notes == results[1].notes and len(results[0].notes) == 1

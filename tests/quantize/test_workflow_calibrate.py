from collections import UserDict

import pytest
import torch
from single_layers import IDS, NET, STATIC, Net, every_scheme, linears
from tiny import tiny_model
from torch import nn

from inc_hf.errors import UsageError
from inc_hf.quantize import calibrate, convert, prepare
from inc_hf.quantize.workflow import evaluating, run
from inc_hf.tune.space import reached_by

BATCHES = {
    "tensor": torch.ones(2, 4),
    "tuple": (torch.ones(2, 4), torch.full((2, 4), 5.0)),
    "list": [torch.ones(2, 4), torch.full((2, 4), 5.0)],
    "dict": {"x": torch.ones(2, 4), "bias": torch.full((2, 4), 5.0)},
    "user dict": UserDict(x=torch.ones(2, 4), bias=torch.full((2, 4), 5.0)),
}


class Biased(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 2)

    def forward(self, x, bias=None):
        return self.linear(input=x if bias is None else x + bias)


@pytest.mark.parametrize("batch", BATCHES.values(), ids=BATCHES)
def test_forms_of_a_batch(batch):
    model = prepare(Biased(), {"linear": STATIC})
    calibrate(model, [batch], progress=False)
    value = 1 if isinstance(batch, torch.Tensor) else 6
    assert model.linear.quantization_plan.observer.range() == (value, value)
    assert torch.equal(run(model, batch), model.linear(torch.full((2, 4), float(value))))


def test_any_iterable_calibrates_and_is_taken_once():
    batches = (torch.full((1, 4), float(i)) for i in range(4))
    model = calibrate(prepare(linears(4, 2), {"0": STATIC}), batches, progress=False)
    assert model[0].quantization_plan.observer.range() == (0, 3)
    assert next(batches, None) is None


@pytest.mark.parametrize("batches", [[], iter(()), {}], ids=["list", "iterator", "dict"])
@every_scheme
def test_calibration_without_data_is_refused(scheme, batches):
    model = prepare(linears(4, 2), {"0": scheme})
    with pytest.raises(ValueError, match="Calibration got no data: the dataset is empty"):
        calibrate(model, batches, progress=False)


def test_calibration_data_that_is_not_finite_is_refused():
    model = prepare(linears(4, 2).train(), {"0": STATIC})
    with pytest.raises(ValueError, match="An input of `0` has NaN or infinite values"):
        calibrate(model, [torch.full((1, 4), float("nan"))], progress=False)
    assert model.training and model[0].training


@pytest.mark.parametrize(
    ("name", "batch", "message"),
    [
        ("bert", {"input_ids": torch.ones(1, 600, dtype=torch.long)}, "does not fit the model: The expanded size"),
        ("clip", {"input_ids": torch.ones(1, 4, dtype=torch.long)}, "does not fit the model: AttributeError"),
        ("t5", {"input_ids": torch.ones(1, 4, dtype=torch.long)}, "which may need `labels` or `decoder_input_ids`"),
    ],
)
def test_calibration_data_that_a_model_of_transformers_does_not_take(name, batch, message):
    for verb in (lambda model: calibrate(model, [batch], progress=False), lambda model: reached_by(model, [batch])):
        with pytest.raises(UsageError, match=message):
            verb(tiny_model(name))


def test_calibration_keeps_no_gradients():
    model = prepare(linears(4, 2), {"0": STATIC})
    outputs = []
    model.register_forward_hook(lambda module, args, y: outputs.append(y))
    calibrate(model, [torch.randn(1, 4, requires_grad=True)], progress=False)
    assert not outputs[0].requires_grad


def test_calibration_runs_in_evaluation_mode():
    model = prepare(nn.Sequential(nn.Dropout(0.5), nn.BatchNorm1d(4), nn.Linear(4, 2)).train(), {"2": STATIC})
    calibrate(model, [torch.ones(64, 4)], progress=False)
    # Neither dropped (0 or 2) nor normalized by the statistics of the batch (0).
    low, high = model[2].quantization_plan.observer.range()
    assert 0.99 < low == high < 1
    assert model[1].num_batches_tracked == 0


def modes(model):
    return {name: module.training for name, module in model.named_modules()}


def partly_training(model):
    model.train()
    model.norm.eval()
    model.head.eval()
    return model


@pytest.mark.parametrize("mode", [nn.Module.train, nn.Module.eval, partly_training], ids=["train", "eval", "mixed"])
def test_training_modes_stay(mode):
    model = mode(Net())
    before = modes(model)
    with evaluating(model) as inside:
        assert inside is model and not any(modes(model).values())
    assert modes(model) == before
    prepare(model, NET)
    calibrate(model, [IDS], progress=False)
    assert modes(model) == before
    assert modes(convert(model)) == before


def test_evaluating_restores_the_mode_after_an_error():
    model = partly_training(Net())
    before = modes(model)
    with pytest.raises(ZeroDivisionError), evaluating(model):
        1 / 0  # noqa: B018
    assert modes(model) == before

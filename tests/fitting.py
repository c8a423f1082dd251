"""Models, evaluations and configs that the tests of `quantization.fit` share."""

import torch
from tiny import logits_of, tiny_inputs, tiny_model
from torch import nn

from inc_hf import AccuracyCriterion, PostTrainingQuantConfig, TuningCriterion

FP32 = {"weight": {"dtype": "fp32"}}


# Met by the tiny models with all modules quantized, missed by far if one of them is destroyed.
ERROR_GOAL = AccuracyCriterion(higher_is_better=False, criterion="absolute", tolerable_loss=0.02)


NEVER_MET = AccuracyCriterion(higher_is_better=False, criterion="absolute", tolerable_loss=0)


DAMAGED = "bert.encoder.layer.0.output.dense"


class Net(nn.Module):
    """A plain module: an image of 3 x 8 x 8 to 4 classes; its first channel is always zero after the ReLU."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
        self.hidden = nn.Linear(8 * 36, 16)
        self.head = nn.Linear(16, 4)
        self.float()

    def forward(self, x):
        return self.head(self.hidden(self.conv(x).relu().flatten(1)).relu())


def net() -> Net:
    torch.manual_seed(1)
    return Net().eval()


def images(count: int = 6) -> torch.Tensor:
    return torch.randn(count, 3, 8, 8, generator=torch.Generator().manual_seed(2))


def damaged_bert():
    """A Bert with a module that integers destroy: one huge weight in each row, for an input that is always zero."""
    model = tiny_model("bert")
    layer = model.bert.encoder.layer[0]
    with torch.no_grad():
        layer.intermediate.dense.weight[0] = 0
        layer.intermediate.dense.bias[0] = -100  # gelu(-100) is 0
        layer.output.dense.weight.mul_(4)
        layer.output.dense.weight[:, 0] = 1e4
    return model


class ErrorAgainstFloat:
    """Evaluation: mean squared difference from the float logits over their variance. Counts its calls."""

    def __init__(self, model: nn.Module, inputs=None):
        self.inputs = inputs
        self.expected = self.logits(model)
        self.calls = 0

    @torch.no_grad()
    def logits(self, model: nn.Module) -> torch.Tensor:
        return model(self.inputs) if self.inputs is not None else logits_of(model)

    def __call__(self, model: nn.Module) -> float:
        self.calls += 1
        error = (self.logits(model) - self.expected).square().mean()
        return float(error / self.expected.var())


def snapshot(model: nn.Module) -> dict:
    """Everything about a model that `fit` could change: its modules, their attributes and hooks, its tensors."""
    return {
        "modules": dict(model.named_modules(remove_duplicate=False)),
        "attributes": {name: set(vars(module)) for name, module in model.named_modules()},
        "hooks": {
            name: [len(hooks) for key, hooks in vars(module).items() if "hooks" in key and hooks is not None]
            for name, module in model.named_modules()
        },
        "training": {name: module.training for name, module in model.named_modules()},
        "state": {key: value.clone() for key, value in model.state_dict().items()},
    }


def assert_unchanged(model: nn.Module, before: dict) -> None:
    after = snapshot(model)
    assert all(after["modules"][name] is module for name, module in before["modules"].items())
    for key in ("attributes", "hooks", "training"):
        assert after[key] == before[key]
    assert after["state"].keys() == before["state"].keys()
    assert all(after["state"][key].equal(value) for key, value in before["state"].items())


def config(approach: str = "dynamic", goal: AccuracyCriterion | None = None, max_trials: int = 100, **settings):
    tuning = TuningCriterion("basic", max_trials=max_trials, timeout=settings.pop("timeout", 0))
    return PostTrainingQuantConfig(approach=approach, accuracy_criterion=goal, tuning_criterion=tuning, **settings)


def data_of(model: nn.Module) -> list:
    return [images()] if isinstance(model, Net) else [tiny_inputs(model)]


def models(kind: str) -> nn.Module:
    return net() if kind == "net" else tiny_model("bert")

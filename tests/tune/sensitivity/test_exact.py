import copy

import pytest
import torch
from tiny import tiny_inputs, tiny_model
from torch import nn

from inc_hf.quantize import Scheme, WeightScheme, convert, prepare
from inc_hf.quantize.nn import op_type
from inc_hf.tune import rank_by_damage
from inc_hf.tune.sensitivity import first_output

EIGHT_BITS = Scheme(WeightScheme(8))


def quantized_copy(model: nn.Module, names: list[str] | None = None) -> nn.Module:
    twin = copy.deepcopy(model)
    names = names or [name for name, module in model.named_modules() if op_type(module)]
    return convert(prepare(twin, dict.fromkeys(names, EIGHT_BITS)))


def destroy(quantized: nn.Module, name: str) -> None:
    """Set the scales of one quantized module a hundred times too large."""
    quantized.get_submodule(name).weight_scale.mul_(100)


def modules_of(model: nn.Module) -> dict[str, nn.Module]:
    return dict(model.named_modules(remove_duplicate=False))


@pytest.mark.parametrize(
    "name",
    ["bert.embeddings.word_embeddings", "bert.encoder.layer.0.attention.self.value", "classifier"],
    ids=["embedding", "value", "classifier"],
)
def test_destroyed_module_comes_first(name):
    model = tiny_model("bert")
    quantized = quantized_copy(model)
    destroy(quantized, name)
    ranking = rank_by_damage(model, quantized, [tiny_inputs(model)], progress=False)
    assert ranking[0][0] == name
    assert ranking[0][1] > 10 * ranking[1][1]
    assert sorted(name for name, _ in ranking) == sorted(n for n, m in model.named_modules() if op_type(m))
    damages = [damage for _, damage in ranking]
    assert damages == sorted(damages, reverse=True)


def test_damage_is_the_error_over_the_variance():
    model = nn.Sequential(nn.Linear(3, 2, bias=False))
    x = torch.randn(5, 3)
    quantized = quantized_copy(model)
    destroy(quantized, "0")
    with torch.no_grad():
        reference, output = model(x), quantized(x)
    expected = float((output - reference).square().sum() / (reference - reference.mean()).square().sum())
    [(name, damage)] = rank_by_damage(model, quantized, [x], progress=False)
    assert name == "0" and damage == pytest.approx(expected, rel=1e-5)


def test_model_is_left_bit_equal():
    model = tiny_model("bert").train()
    modules, state = modules_of(model), copy.deepcopy(model.state_dict())
    rank_by_damage(model, quantized_copy(model), [tiny_inputs(model)], progress=False)
    after = modules_of(model)
    assert list(after) == list(modules) and all(after[name] is module for name, module in modules.items())
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    assert all(module.training for module in after.values())


def test_model_is_restored_after_an_error():
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 2))
    modules = modules_of(model)
    quantized = quantized_copy(model)
    quantized[1].bias = nn.Parameter(torch.zeros(7))
    with pytest.raises(RuntimeError, match="must match the existing size"):
        rank_by_damage(model, quantized, [torch.randn(4, 3)], progress=False)
    assert all(modules_of(model)[name] is module for name, module in modules.items())


def test_a_module_that_gives_nan_is_the_most_harmful():
    class Root(nn.Module):
        def forward(self, x):
            return x.sqrt()

    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4), Root())
    for linear in model[:2]:
        nn.init.uniform_(linear.weight, 0.5, 1)
        nn.init.zeros_(linear.bias)
    quantized = quantized_copy(model)
    quantized[1].bias = nn.Parameter(torch.full((4,), -100.0), requires_grad=False)
    ranking = rank_by_damage(model, quantized, [torch.rand(6, 4)], progress=False)
    assert [name for name, _ in ranking] == ["1", "0"]
    assert ranking[0][1] == float("inf")


def test_only_quantized_modules_are_ranked():
    model = tiny_model("bert")
    names = ["classifier", "bert.pooler.dense"]
    ranking = rank_by_damage(model, quantized_copy(model, names), [tiny_inputs(model)], progress=False)
    assert {name for name, _ in ranking} == set(names)


def test_batches_may_be_an_iterator():
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 2))
    quantized = quantized_copy(model)
    batches = [torch.randn(2, 3), torch.randn(5, 3)]
    assert rank_by_damage(model, quantized, iter(batches), progress=False) == rank_by_damage(
        model, quantized, batches, progress=False
    )


class TestFirstOutput:
    values = torch.arange(6.0).reshape(2, 3)

    @pytest.mark.parametrize(
        "output",
        [
            values,
            values.double(),
            {"loss": torch.tensor(1.0), "logits": values},
            {"hidden": torch.ones(1, 2), "logits": values},
            {"loss": torch.tensor(1.0), "start": values, "end": torch.ones(2, 3)},
            (torch.tensor(1.0), values, torch.ones(2, 3)),
            [torch.ones(2, 2, dtype=torch.long), values],
        ],
        ids=["tensor", "double", "logits", "logits not first", "no logits", "tuple", "list after integers"],
    )
    def test_is_found(self, output):
        found = first_output(output)
        assert torch.equal(found, self.values) and found.dtype == torch.float32

    def test_of_a_transformers_model(self):
        model = tiny_model("bert")
        output = model(**tiny_inputs(model), labels=torch.zeros(3, dtype=torch.long))
        assert output.loss is not None and torch.equal(first_output(output), output.logits)

    @pytest.mark.parametrize(
        "output",
        [{"loss": torch.tensor(1.0)}, (), (torch.ones(2, 2, dtype=torch.long),)],
        ids=["loss", "empty", "integers"],
    )
    def test_nothing_to_compare(self, output):
        with pytest.raises(ValueError, match="without a float tensor"):
            first_output(output)

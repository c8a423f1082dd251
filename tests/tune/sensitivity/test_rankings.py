"""Every ranking puts what integers destroy first, and leaves the model as it was."""

import copy

import pytest
import torch
from fitting import assert_unchanged, snapshot
from planted import PLANTED, planted_bert
from tiny import tiny_inputs, tiny_model
from torch import nn

from inc_hf.config import PostTrainingQuantConfig
from inc_hf.quantize import Scheme, WeightScheme, convert, prepare, resolve_schemes
from inc_hf.quantize.nn import op_type, quantized_modules
from inc_hf.tune.sensitivity import RANKINGS
from inc_hf.tune.sensitivity.hessian import hessian_traces
from inc_hf.tune.sensitivity.mixture import Mixture


def twins_of(model: nn.Module, bits: int = 8) -> dict[str, nn.Module]:
    names = [name for name, module in model.named_modules() if op_type(module)]
    schemes = dict.fromkeys(names, Scheme(WeightScheme(bits)))
    return quantized_modules(convert(prepare(copy.deepcopy(model), schemes)))


@pytest.mark.parametrize(
    "name", ["bert.encoder.layer.0.attention.self.value", "classifier"], ids=["value", "classifier"]
)
@pytest.mark.parametrize("by", ["gradients", "exact", "hessian"])
def test_a_destroyed_module_comes_first(by, name):
    model = tiny_model("bert").eval()
    before, twins = snapshot(model), twins_of(model)
    twins[name].weight_scale.mul_(100)
    ranking = RANKINGS[by](model, twins, [tiny_inputs(model)])
    assert ranking[0][0] == name and ranking[0][1] > 5 * ranking[1][1]
    assert {name for name, _ in ranking} == set(twins)
    assert [harm for _, harm in ranking] == sorted((harm for _, harm in ranking), reverse=True)
    assert_unchanged(model, before)


@pytest.mark.parametrize("frozen", [False, True], ids=["trained", "frozen"])
@pytest.mark.parametrize("by", ["gradients", "hessian"])
def test_weights_may_be_frozen_and_gradients_off(by, frozen):
    model = tiny_model("bert").eval().requires_grad_(not frozen)
    twins, inputs = twins_of(model), [tiny_inputs(model)]
    with torch.no_grad():
        ranking = RANKINGS[by](model, twins, inputs)
    assert ranking == RANKINGS[by](model, twins, inputs) and ranking[0][1] > 0
    assert all(p.requires_grad is not frozen and p.grad is None for p in model.parameters())


def test_activations_are_compared_without_their_scale():
    """INC brings both to [0, 1]: what is turned around counts, what is a hundred times as large does not."""
    torch.manual_seed(0)
    model, x = nn.Sequential(nn.Linear(12, 16), nn.Linear(16, 16)).eval(), torch.randn(40, 12)
    twins = twins_of(model)
    twins["0"].weight_scale.mul_(100)
    twins["0"].bias.mul_(100)
    assert dict(RANKINGS["activations"](model, twins, [x]))["0"] < 1e-4
    twins["1"].weight_scale.mul_(-1)
    name, error = RANKINGS["activations"](model, twins, [x])[0]
    assert name == "1" and error > 0.01


class TestGradients:
    def test_equal_to_the_error_of_each_module_alone(self):
        """Where the model is linear, first order is all there is; 64 directions leave a tenth of noise."""
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(12, 16), nn.Linear(16, 16), nn.Linear(16, 3)).eval()
        x = torch.randn(40, 12)
        twins = twins_of(model, 4)
        found = dict(RANKINGS["gradients"](model, twins, [x], probes=64))
        with torch.no_grad():
            reference = model(x)
            total = float((reference - reference.mean()).square().sum())
        for name, error in RANKINGS["exact"](model, twins, [x]):
            assert found[name] == pytest.approx(error * total, rel=0.2)

    def test_what_is_planted_comes_first(self):
        model = planted_bert()
        twins = quantized_modules(convert(prepare(planted_bert(), _dynamic(model))))
        ranking = [name for name, _ in RANKINGS["gradients"](model, twins, [tiny_inputs(model)])]
        assert set(ranking[: len(PLANTED) + 1]) >= set(PLANTED)

    def test_calls_of_one_module_add_up(self):
        """Two calls whose errors cancel do no harm; first order sees it as the output does."""

        class Twice(nn.Module):
            def __init__(self):
                super().__init__()
                self.inner = nn.Linear(8, 8)

            def forward(self, x):
                return self.inner(x) - self.inner(x)

        model = Twice().eval()
        assert RANKINGS["gradients"](model, twins_of(model, 3), [torch.randn(5, 8)]) == [("inner", 0.0)]

    def test_without_gradients_each_module_is_measured(self, caplog):
        class Detached(nn.Module):
            def __init__(self):
                super().__init__()
                self.inner = nn.Linear(8, 8)

            def forward(self, x):
                return self.inner(x).detach()

        model, x = Detached().eval(), torch.randn(5, 8)
        twins = twins_of(model, 3)
        assert RANKINGS["gradients"](model, twins, [x]) == RANKINGS["exact"](model, twins, [x])


def _dynamic(model: nn.Module) -> dict[str, Scheme]:
    return resolve_schemes(model, PostTrainingQuantConfig(approach="dynamic"))


class TestHessian:
    def test_trace_of_a_quadratic(self):
        """Half the squared output has the Hessian x x^T for each of its rows."""
        torch.manual_seed(0)
        model, x = nn.Sequential(nn.Linear(6, 4, bias=False)).eval(), torch.randn(50, 6)
        weights = {"0": model[0].weight}
        traces = hessian_traces(model, weights, [x], lambda y, _: y.square().sum(1).mean() / 2, 400, 0)
        assert traces["0"] == pytest.approx(4 * float(x.square().sum(1).mean()), rel=0.15)

    def test_the_loss_of_the_user(self):
        model = tiny_model("bert").eval()
        ranking = RANKINGS["hessian"](model, twins_of(model), [tiny_inputs(model)], loss=nn.CrossEntropyLoss())
        assert ranking == RANKINGS["hessian"](model, twins_of(model), [tiny_inputs(model)])


class TestMixture:
    def test_nothing_and_everything_in_float(self):
        model = tiny_model("bert").eval()
        before, twins = snapshot(model), twins_of(model)
        mixture = Mixture(model, twins, [tiny_inputs(model)])
        one = dict(RANKINGS["exact"](model, twins, [tiny_inputs(model)]))
        assert mixture.error(list(twins)) == 0 < mixture.error([])
        assert mixture.error([name for name in twins if name != "classifier"]) == one["classifier"]
        assert_unchanged(model, before)

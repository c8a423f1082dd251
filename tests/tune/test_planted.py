"""Each strategy finds the modules that integers destroy, and leaves at most one other in float."""

import copy

import pytest
from fitting import ERROR_GOAL, ErrorAgainstFloat
from planted import PLANTED, planted_bert
from tiny import tiny_inputs

from inc_hf import PostTrainingQuantConfig, TuningCriterion
from inc_hf.quantization import fit
from inc_hf.quantize import convert, prepare
from inc_hf.quantize.nn import quantized_modules

pytest_plugins = ["workspace_fixture"]
pytestmark = pytest.mark.usefixtures("workspace")

STRATEGIES = {
    "auto": {},
    "basic": {},
    "basic, exact": {"sensitivity": "exact"},
    "basic, one by one": {"fallback": "one_by_one"},
    "mse": {},
    "mse_v2": {},
    "hawq_v2": {},
}


@pytest.fixture(scope="module")
def model():
    return planted_bert()


@pytest.mark.parametrize("name", PLANTED)
def test_each_alone_misses_the_goal(model, name):
    twin = copy.deepcopy(model)
    result = fit(copy.deepcopy(model), PostTrainingQuantConfig(approach="dynamic"))
    schemes = {other: module.scheme for other, module in quantized_modules(result.model).items() if other == name}
    assert ErrorAgainstFloat(model)(convert(prepare(twin, schemes))) > 2 * ERROR_GOAL.tolerable_loss


@pytest.mark.parametrize("name", STRATEGIES)
@pytest.mark.parametrize("approach", ["dynamic", "static"])
def test_these_stay_in_float(model, approach, name):
    strategy = TuningCriterion(name.partition(",")[0], strategy_kwargs=STRATEGIES[name], objective="modelsize")
    conf = PostTrainingQuantConfig(approach=approach, accuracy_criterion=ERROR_GOAL, tuning_criterion=strategy)
    result = fit(model, conf, calib_dataloader=[tiny_inputs(model)], eval_func=ErrorAgainstFloat(model))
    everything = set(quantized_modules(fit(planted_bert(), PostTrainingQuantConfig(approach="dynamic")).model))
    assert result.met_criterion
    in_float = everything - set(quantized_modules(result.model))
    assert in_float >= set(PLANTED) and len(in_float) <= len(PLANTED) + 1

"""Modules that share a weight change together, whatever strategy searches: split, the model could not be saved."""

import pytest
from tiny import tiny_inputs, tiny_model
from transformers import BertForMaskedLM

from inc_hf import AccuracyCriterion, MixedPrecisionConfig, PostTrainingQuantConfig, TuningCriterion
from inc_hf.mix_precision import fit as mix
from inc_hf.quantization import fit
from inc_hf.quantize.bf16 import bf16_modules
from inc_hf.quantize.nn import quantized_modules

pytest_plugins = ["workspace_fixture"]
pytestmark = pytest.mark.usefixtures("workspace")

TIED = {"bert.embeddings.word_embeddings", "cls.predictions.decoder"}
# 0 is what the float model has
GOAL = AccuracyCriterion(higher_is_better=False, criterion="absolute", tolerable_loss=0)


class TiedInFloat:
    """The number of the tied modules that were changed."""

    def __init__(self, changed):
        self.changed, self.seen = changed, []

    def __call__(self, model) -> float:
        model(**tiny_inputs(model))
        self.seen.append(len(TIED & set(self.changed(model))))
        return float(self.seen[-1])


@pytest.fixture
def model():
    return BertForMaskedLM(tiny_model("bert").config).eval()


@pytest.mark.parametrize("strategy", ["auto", "conservative", "basic", "mse_v2", "random", "tpe"])
def test_in_integers(model, strategy, tmp_path):
    evaluate = TiedInFloat(quantized_modules)
    tuning = TuningCriterion(strategy, max_trials=40)
    conf = PostTrainingQuantConfig(approach="dynamic", accuracy_criterion=GOAL, tuning_criterion=tuning)
    result = fit(model, conf, eval_func=evaluate)
    assert result.met_criterion and set(evaluate.seen) <= {0, 2} and quantized_modules(result.model)
    result.save_pretrained(tmp_path / "out")


@pytest.mark.parametrize("level", [0, 1, "auto"])
def test_in_bfloat16(model, level):
    evaluate = TiedInFloat(bf16_modules)
    result = mix(model, MixedPrecisionConfig(quant_level=level, accuracy_criterion=GOAL), eval_func=evaluate)
    assert result.met_criterion and set(evaluate.seen) == {0, 2}
    assert bf16_modules(result.model), "the others still are"

"""`MixedPrecision`: the YAML of 1.X, the attribute and the code of 2.X give the same model."""

import pytest
import torch
from experimenting import LOADER, accuracy, conf_of, net, same

from inc_hf import mix_precision
from inc_hf.config import AccuracyCriterion, MixedPrecisionConfig
from inc_hf.experimental import MixedPrecision, common
from inc_hf.quantize.bf16 import bf16_modules
from inc_hf.results.mixed import MixedModel

pytest_plugins = ["workspace_fixture"]


def converter_of(tmp_path, **sections):
    converter = MixedPrecision(conf_of(tmp_path, **sections))
    converter.model = common.Model(net())
    return converter


@pytest.mark.parametrize("precisions", ["bf16", "bf16, fp32", ["bf16", "fp32"]], ids=str)
@pytest.mark.parametrize("section", ["mixed_precision", "graph_optimization"])
def test_the_same_bits_as_2x(section, precisions, tmp_path):
    op = {"weight": {"dtype": ["fp32"]}, "activation": {"dtype": ["fp32"]}}
    found = converter_of(tmp_path, **{section: {"precisions": precisions, "op_wise": {"hidden": op}}})()
    expected = mix_precision.fit(net(), MixedPrecisionConfig(op_name_dict={"hidden": op}))
    assert isinstance(found, MixedModel) and same(found.model, expected.model)
    assert set(bf16_modules(found.model)) == {"head"}


@pytest.mark.parametrize("precisions", ["bf16", "fp32,bf16", ["bf16"]], ids=str)
def test_precisions_in_code(precisions):
    converter = MixedPrecision()
    converter.precisions = precisions
    converter.model = net()
    assert "bf16" in converter.precisions
    assert same(converter.fit().model, mix_precision.fit(net()).model)


def test_a_search(tmp_path, workspace):
    converter = converter_of(
        tmp_path, mixed_precision={"precisions": "bf16"}, tuning={"accuracy_criterion": {"absolute": 0.01}}
    )
    converter.eval_func = accuracy
    found = converter.fit()
    goal = AccuracyCriterion(criterion="absolute", tolerable_loss=0.01)
    expected = mix_precision.fit(net(), MixedPrecisionConfig(accuracy_criterion=goal), eval_func=accuracy)
    assert same(found.model, expected.model) and found.met_criterion == expected.met_criterion
    assert converter.model.model.head.weight.dtype is torch.float32


class Rows:
    def reset(self):
        self.rows = 0

    def update(self, predictions, labels):
        self.rows += len(labels)

    def result(self):
        return self.rows


def test_a_metric_of_the_users_own(workspace):
    converter = MixedPrecision()
    converter.precisions, converter.model = "bf16", net()
    converter.metric, converter.eval_dataloader = Rows(), LOADER
    assert converter.fit().score == 16


def test_refused(tmp_path):
    with pytest.raises(ValueError, match="MixedPrecision has no model: set `.model`"):
        MixedPrecision().fit()
    converter = converter_of(tmp_path, mixed_precision={"precisions": "fp16"})
    with pytest.raises(ValueError, match="Only bf16 on the CPU is converted"):
        converter.fit()
    converter = converter_of(tmp_path, mixed_precision={"precisions": "fp32"})
    with pytest.raises(ValueError, match="only fp32"):
        converter.fit()
    with pytest.raises(ValueError, match="has 'quantization'; use Quantization"):
        MixedPrecision(conf_of(tmp_path, quantization={"approach": "post_training_dynamic_quant"}))

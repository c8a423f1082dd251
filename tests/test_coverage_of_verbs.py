"""Every verb says how much it changed, and why not the rest."""

import json
import logging

import pytest
import torch
import transformers
from tiny import ENCODER, tiny_inputs, tiny_model
from torch import nn

from inc_hf import PostTrainingQuantConfig, mix_precision
from inc_hf.commands.describe import describe_checkpoint
from inc_hf.config import MixedPrecisionConfig, QuantizationAwareTrainingConfig, WeightPruningConfig
from inc_hf.prune.oneshot import prune_oneshot
from inc_hf.quantization import fit
from inc_hf.training import prepare_compression

FLOAT = {"weight": {"dtype": "fp32"}, "activation": {"dtype": "fp32"}}


def moe():
    config = transformers.MixtralConfig(**ENCODER, vocab_size=32, num_key_value_heads=2, num_local_experts=4)
    return transformers.MixtralForCausalLM(config).eval()


def quantize(model, **settings):
    data = {"calib_dataloader": [tiny_inputs(model)]} if settings.get("approach") == "static" else {}
    return fit(model, PostTrainingQuantConfig(**{"approach": "dynamic", **settings}), **data).coverage


def halve(model):
    return mix_precision.fit(model, MixedPrecisionConfig()).coverage


def prune(model):
    config = WeightPruningConfig(pruning_type="magnitude", op_names=["proj"])
    return prune_oneshot(model, config, None, progress=False).coverage


def reasons(coverage):
    return {left.reason: (left.modules, left.asked) for left in coverage.left}


@pytest.mark.parametrize("verb", [quantize, halve, prune], ids=lambda verb: verb.__name__)
def test_experts_are_named_and_a_warning(verb, caplog):
    model = moe()
    deep = sum(p.numel() for p in model.parameters() if p.ndim == 3)
    coverage = verb(model)
    (experts,) = [left for left in coverage.left if "three dimensions" in left.reason]
    assert experts.weights == deep and experts.examples == ["model.layers.0.mlp.experts"]
    assert coverage.is_low
    assert [r.levelname for r in caplog.records if "three dimensions" in r.getMessage()] == ["WARNING"]


def test_a_model_that_is_quantized_as_a_whole(caplog):
    with caplog.at_level(logging.INFO):
        coverage = quantize(tiny_model("bert"))
    assert coverage.share == 1 and coverage.left == []
    assert [r.levelname for r in caplog.records if r.getMessage().startswith("Quantized")] == ["NOTICE"]


class TestReasons:
    def test_asked_for_is_no_warning(self, caplog):
        coverage = quantize(tiny_model("bert"), op_name_dict={".*(query|embeddings).*": FLOAT})
        assert list(reasons(coverage).values()) == [(4, True)] and coverage.share < 0.9
        assert not [record for record in caplog.records if record.levelname == "WARNING"]

    def test_never_called(self):
        model = tiny_model("bert")
        model.spare = nn.Linear(16, 16)
        assert reasons(quantize(model)) == {"never called by the model on this data": (1, False)}

    def test_not_calibrated(self):
        """The first sample reaches one way, and only one sample is asked for."""
        model = tiny_model("bert")
        model.spare = nn.Linear(16, 16)
        forward = model.forward

        def routed(input_ids, **inputs):
            output = forward(input_ids, **inputs)
            if len(input_ids) == 3:
                model.spare(output.logits.new_zeros(1, 16))
            return output

        model.forward = routed
        batches = [{"input_ids": torch.ones(size, 4, dtype=torch.long)} for size in (2, 3)]
        conf = PostTrainingQuantConfig(approach="static", calibration_sampling_size=[2, 5])
        assert reasons(fit(model, conf, calib_dataloader=batches).coverage) == {
            "not reached by the calibration data": (1, False)
        }

    def test_back_in_float_for_the_goal(self):
        def score(model):
            return float(isinstance(model.classifier, nn.Linear))

        result = fit(tiny_model("bert"), PostTrainingQuantConfig(approach="dynamic"), eval_func=score)
        assert result.met_criterion
        assert "back in float for the accuracy goal" in reasons(result.coverage)

    def test_tied_to_one_in_float(self):
        model = tiny_model("gpt2")
        coverage = quantize(model, op_name_dict={"lm_head": FLOAT})
        assert set(reasons(coverage).values()) == {(1, True)}

    def test_of_torchs_own_transformer_and_of_another_kind(self):
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.first, self.layer = nn.Linear(8, 8), nn.TransformerEncoderLayer(8, 2, 8)
                self.conv = nn.ConvTranspose1d(8, 8, 2)

            def forward(self, x):
                return self.conv(self.layer(self.first(x)).movedim(1, 2))

        words = " ".join(reasons(quantize(Net())))
        assert "torch's own transformer layers" in words and "ConvTranspose1d" in words

    def test_quantized_before(self):
        model = tiny_model("bert")
        partly = fit(model, PostTrainingQuantConfig(approach="dynamic", op_name_dict={".*query": FLOAT}))
        coverage = mix_precision.fit(partly).coverage
        assert reasons(coverage)["quantized before"][1] and not coverage.is_low

    def test_of_pruning(self):
        model = tiny_model("bert", num_labels=3)
        config = {"pruning_type": "magnitude", "pattern": "32x1", "excluded_op_names": ["value"]}
        found = reasons(prune_oneshot(model, WeightPruningConfig([config]), None, progress=False).coverage)
        assert found["excluded by the config"] == (1, True)
        assert found["of no type that is pruned (Embedding)"] == (3, True)
        assert found["of the model's head, which is pruned only if `op_names` names it"] == (1, False)
        assert found["whose shape the pattern does not fit"][0] == 5


class TestKept:
    def test_quantized(self, tmp_path):
        result = fit(moe(), PostTrainingQuantConfig(approach="dynamic"))
        result.save_pretrained(tmp_path / "out")
        self.check(tmp_path / "out", result.coverage)

    def test_mixed(self, tmp_path):
        result = mix_precision.fit(moe(), MixedPrecisionConfig())
        result.save_pretrained(tmp_path / "out")
        self.check(tmp_path / "out", result.coverage)

    @pytest.mark.parametrize("kind", ["qat", "pruning"])
    def test_compressed(self, kind, tmp_path):
        conf = {
            "qat": QuantizationAwareTrainingConfig(),
            "pruning": WeightPruningConfig(pruning_type="magnitude", end_step=0),
        }[kind]
        manager = prepare_compression(tiny_model("bert"), conf, max_steps=1)
        optimizer = torch.optim.SGD(manager.model.parameters(), 0.1)
        manager.on_train_begin(optimizer=optimizer)
        manager.on_step_begin(0)
        manager.model(**tiny_inputs(manager.model.model)).logits.sum().backward()
        manager.on_before_optimizer_step()
        optimizer.step()
        manager.on_after_optimizer_step()
        manager.on_train_end()
        manager.save(tmp_path / "out")
        self.check(tmp_path / "out", manager.model.coverage)

    def check(self, folder, coverage):
        assert json.loads((folder / "inc_config.json").read_text())["coverage"] == coverage.to_dict()
        assert describe_checkpoint(folder)["coverage"] == str(coverage)

    def test_of_a_checkpoint_without_a_summary(self, tmp_path):
        fit(tiny_model("bert"), PostTrainingQuantConfig(approach="dynamic")).save_pretrained(tmp_path / "out")
        (tmp_path / "out" / "inc_config.json").unlink()
        assert describe_checkpoint(tmp_path / "out")["coverage"].startswith("Quantized 100 % of")

    @pytest.mark.parametrize("value", [{"verb": ""}, [], {"weights": 1, "changed": 1, "verb": "", "left": [1]}])
    def test_damaged(self, value, tmp_path):
        fit(tiny_model("bert"), PostTrainingQuantConfig(approach="dynamic")).save_pretrained(tmp_path / "out")
        file = tmp_path / "out" / "inc_config.json"
        file.write_text(json.dumps({**json.loads(file.read_text()), "coverage": value}))
        with pytest.raises(ValueError, match="inc_config.json is damaged"):
            describe_checkpoint(tmp_path / "out")

"""A verb that fails, or is interrupted, leaves the model as it was."""

import pytest
import torch
import transformers
from pruning_trainer import Sentences, arguments
from safetensors.torch import load_file, save_file
from tiny import logits_of, quantized, tiny_inputs, tiny_model

from inc_hf import IncQuantizer, PostTrainingQuantConfig, mix_precision, optimize
from inc_hf.callbacks import PruningCallback, QuantizationAwareTrainingCallback
from inc_hf.config import MixedPrecisionConfig, QuantizationAwareTrainingConfig, WeightPruningConfig
from inc_hf.prune.oneshot import prune_oneshot
from inc_hf.prune.slim import model_slim
from inc_hf.quantization import fit
from inc_hf.training import prepare_compression

STATIC = PostTrainingQuantConfig(approach="static")
DYNAMIC = PostTrainingQuantConfig(approach="dynamic")


def state_of(model) -> list:
    """All that a verb could leave behind: modules, hooks, tensors, and the config."""
    modules = [
        (name, id(m), type(m), sorted(vars(m)), m.training, len(m._forward_pre_hooks), len(m._forward_hooks))
        for name, m in model.named_modules()
    ]
    tensors = [(name, id(t), t.tolist()) for name, t in [*model.named_parameters(), *model.named_buffers()]]
    return [modules, tensors, model.config.to_dict()]


def stops(error=ValueError):
    """A calibration that sees some data and then fails."""

    def calibrate(model):
        model(**tiny_inputs(model))
        raise error("stop")

    return calibrate


def calibrated(model):
    fit(model, STATIC, calib_func=stops())


def interrupted(model):
    fit(model, STATIC, calib_func=stops(KeyboardInterrupt))


def bad_data(model):
    fit(model, STATIC, calib_dataloader=[tiny_inputs(model), {"input_ids": torch.full((2, 4), 9999)}])


def unsaved(model, folder):
    class Tokenizer:
        def save_pretrained(self, directory):
            raise OSError("disk full")

    quantizer = IncQuantizer.from_pretrained(model, tokenizer=Tokenizer())
    try:
        quantizer.quantize(DYNAMIC, folder / "out")
    finally:
        assert quantizer.quantized_model is None and not (folder / "out").exists()


def slimmed(model, monkeypatch):
    """The config has no words, found when all is cut."""
    with torch.no_grad():
        model.bert.encoder.layer[0].intermediate.dense.weight[:16] = 0
        model.bert.encoder.layer[0].output.dense.weight[:, :16] = 0

    def refuse(*_):
        model.config.intermediate_size = 16
        raise ValueError("no words")

    monkeypatch.setattr("inc_hf.prune.slim.slim.write_config", refuse)
    before = state_of(model)
    with pytest.raises(ValueError, match="no words"):
        model_slim(model, round_multiplier=1)
    assert state_of(model) == before


def halved(model, monkeypatch):
    def twin(module, *rest, made=[]):  # noqa: B006 a count of calls
        made.append(module)
        if len(made) == 3:
            raise MemoryError
        return real(module, *rest)

    from inc_hf.quantize.bf16 import _twin as real

    monkeypatch.setattr("inc_hf.quantize.bf16._twin", twin)
    mix_precision.fit(model, MixedPrecisionConfig())


@pytest.mark.parametrize("verb", [calibrated, interrupted, bad_data], ids=lambda verb: verb.__name__)
def test_quantization(verb):
    model = tiny_model("bert").train()
    before = state_of(model)
    with pytest.raises((ValueError, KeyboardInterrupt)):
        verb(model)
    assert state_of(model) == before


def test_a_format_that_cannot_express_the_model(tmp_path):
    """A convolution that the format has no words for, found when all is converted."""
    model = tiny_model("vit")
    before = state_of(model)
    with pytest.raises(ValueError, match="compressed-tensors"):
        IncQuantizer.from_pretrained(model).quantize(DYNAMIC, tmp_path / "out", format="compressed-tensors")
    assert state_of(model) == before


def test_a_save_that_fails(tmp_path):
    model = tiny_model("bert")
    before = state_of(model)
    with pytest.raises(OSError, match="disk full"):
        unsaved(model, tmp_path)
    assert state_of(model) == before


def test_mixed_precision(monkeypatch):
    model = tiny_model("bert").train()
    before = state_of(model)
    with pytest.raises(MemoryError):
        halved(model, monkeypatch)
    assert state_of(model) == before


def test_slimming(monkeypatch):
    slimmed(tiny_model("bert"), monkeypatch)


@pytest.mark.parametrize("kinds", [["wanda"], ["sparse_gpt"], ["magnitude", "wanda"]], ids="+".join)
def test_one_shot_pruning_whose_second_block_gets_infinite_inputs(kinds):
    model = tiny_model("bert", num_hidden_layers=2)
    with torch.no_grad():
        model.bert.encoder.layer[0].output.LayerNorm.bias.fill_(torch.inf)
    layers = ["layer.0.*query", "encoder.*key"][-len(kinds) :]
    configs = [{"pruning_type": kind, "op_names": [name]} for kind, name in zip(kinds, layers, strict=True)]
    before = state_of(model)
    with pytest.raises(ValueError, match="NaN or infinite"):
        prune_oneshot(model, WeightPruningConfig(configs, pattern="1x1"), [tiny_inputs(model)], progress=False)
    assert state_of(model) == before


def test_optimize_of_a_model_with_a_damaged_scale(tmp_path):
    quantized("bert").save_pretrained(tmp_path / "int8")
    file = tmp_path / "int8" / "model.safetensors"
    tensors = load_file(file)
    tensors["classifier.weight_scale"].fill_(torch.nan)
    save_file(tensors, file, {"format": "pt"})
    model = transformers.BertForSequenceClassification.from_pretrained(tmp_path / "int8").eval()
    names = [(name, id(module)) for name, module in model.named_modules()]
    with pytest.raises(ValueError, match="classifier"):
        optimize(model)
    assert [(name, id(module)) for name, module in model.named_modules()] == names


class TestQuantizationAwareTraining:
    def test_the_end_fails(self, tmp_path, monkeypatch):
        def full(model):
            raise OSError("disk full")

        monkeypatch.setattr("inc_hf.callbacks.qat.attach_quantizer", full)
        trainer = transformers.Trainer(
            tiny_model("bert"),
            transformers.TrainingArguments(**arguments(tmp_path, max_steps=1)),
            train_dataset=Sentences(),
            callbacks=[QuantizationAwareTrainingCallback()],
        )
        with pytest.raises(OSError, match="disk full"):
            trainer.train()
        assert all(p.dtype == torch.float32 for p in trainer.model.parameters())
        assert logits_of(trainer.model.eval()).isfinite().all()

    def test_another_callback_refuses_to_begin(self):
        model = tiny_model("bert")
        before = state_of(model)
        confs = [QuantizationAwareTrainingConfig(), WeightPruningConfig(target_sparsity=0.5, end_step=2)]
        manager = prepare_compression(model, confs, max_steps=4)
        manager.callbacks_list[1].callback.config = WeightPruningConfig(op_names=["no such layer"])
        with pytest.raises(ValueError, match="no such layer"):
            manager.on_train_begin()
        assert isinstance(manager.callbacks_list[1].callback, PruningCallback)
        assert state_of(model) == before

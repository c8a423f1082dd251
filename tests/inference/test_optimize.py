"""`optimize` on what stock transformers has loaded."""

import pytest
import torch
from saved import TIED, address_of, same_state
from tiny import logits_of, tiny_model
from transformers import BertForSequenceClassification

from inc_hf import IncModelForSequenceClassification, optimize
from inc_hf.models.tasks import auto_class_of
from inc_hf.quantize.nn import QModule, quantized_modules
from inc_hf.utils.load_huggingface import OptimizedModel

pytest_plugins = ["checkpoint_fixture"]


class TestOptimize:
    @pytest.fixture(autouse=True)
    def _needs_compressed_tensors(self):
        pytest.importorskip("compressed_tensors")

    @pytest.mark.parametrize("when", ["before", "after"])
    @pytest.mark.parametrize("key", ["bert dynamic", "bert static", "bert weight_only", "opt dynamic", "t5 dynamic"])
    def test_around_the_first_forward(self, checkpoints, key, when):
        directory = checkpoints[f"{key} compressed-tensors"]
        inputs, logits = torch.load(directory / "inputs.pt"), torch.load(directory / "logits.pt")
        model = auto_class_of(directory).from_pretrained(directory)
        if when == "after":
            logits_of(model, inputs)
        assert optimize(model, encoder=False) is model
        assert torch.equal(logits_of(model, inputs), logits)
        assert same_state(model, OptimizedModel.from_pretrained(directory))

    @pytest.mark.parametrize("when", ["before", "after"])
    def test_saved_again(self, checkpoints, tmp_path, when):
        directory = checkpoints["bert static compressed-tensors"]
        model = BertForSequenceClassification.from_pretrained(directory)
        if when == "after":
            logits_of(model)
        optimize(model).save_pretrained(tmp_path / "out")
        assert (tmp_path / "out" / "model.safetensors").read_bytes() == (directory / "model.safetensors").read_bytes()
        loaded = IncModelForSequenceClassification.from_pretrained(tmp_path / "out")
        assert torch.equal(logits_of(loaded), torch.load(directory / "logits.pt"))

    def test_twice(self, checkpoints):
        model = BertForSequenceClassification.from_pretrained(checkpoints["bert dynamic compressed-tensors"])
        modules = quantized_modules(optimize(model))
        assert len(modules) == 11
        assert quantized_modules(optimize(model)) == modules

    @pytest.mark.parametrize("model", ["opt", "t5"])
    def test_tied_weights_stay_one(self, checkpoints, model):
        directory = checkpoints[f"{model} dynamic compressed-tensors"]
        loaded = optimize(auto_class_of(directory).from_pretrained(directory))
        assert isinstance(loaded.lm_head, QModule)
        assert len({address_of(loaded.get_submodule(name)) for name in TIED[model]}) == 1

    def test_what_it_does_not_take(self):
        model = tiny_model("bert")
        model.config.quantization_config = {"quant_method": "gptq", "bits": 4}
        with pytest.raises(ValueError, match="reads compressed-tensors models, got quant_method 'gptq'"):
            optimize(model)

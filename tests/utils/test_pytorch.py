"""INC's `utils.pytorch.load`."""

import json

import pytest
import torch
from fitting import config, images, net
from tiny import logits_of, quantized, tiny_model
from transformers import BertForSequenceClassification

from inc_hf import Model, QuantizationAwareTrainingConfig
from inc_hf.errors import UsageError
from inc_hf.quantization import fit
from inc_hf.training import prepare_compression
from inc_hf.utils.load_huggingface import OptimizedModel
from inc_hf.utils.pytorch import is_int8_model, load, load_weight_only


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A quantized Bert, and where `save` has put it."""
    q_model = quantized("bert", "static")
    return q_model.model, q_model.save(tmp_path_factory.mktemp("saved") / "out")


class TestForms:
    def test_of_transformers(self, saved):
        expected, directory = saved
        float_model = tiny_model("bert")
        for loaded in (
            load(directory),
            load(str(directory), float_model),
            load(directory / "model.safetensors", float_model, dataloader=[1], example_inputs=None),
            load(checkpoint_dir=str(directory), model=Model(float_model), layer_wise=False, weight_only=True),
            load_weight_only(directory, float_model),
        ):
            assert isinstance(loaded, BertForSequenceClassification) and is_int8_model(loaded) and not loaded.training
            assert torch.equal(logits_of(loaded), logits_of(expected))
        assert not is_int8_model(float_model) and not is_int8_model(Model(float_model))  # as it was

    def test_a_plain_module(self, tmp_path):
        expected = fit(net(), config())
        expected.save(tmp_path)
        loaded = load(tmp_path, net())
        with torch.no_grad():
            assert torch.equal(loaded(images()), expected(images()))
        with pytest.raises(UsageError, match=r"does not say the class of its model; pass a float one: `load\("):
            load(tmp_path)

    def test_what_training_has_saved(self, tmp_path):
        manager = prepare_compression(tiny_model("bert"), QuantizationAwareTrainingConfig())
        manager.on_train_begin()
        manager.on_train_end()
        manager.save(tmp_path)
        loaded = load(tmp_path, tiny_model("bert"))
        assert is_int8_model(loaded) and torch.equal(logits_of(loaded), logits_of(manager.model.model.eval()))

    def test_a_home_directory(self, saved, monkeypatch):
        monkeypatch.setenv("HOME", str(saved[1].parent))
        assert is_int8_model(load("~/out"))


class TestRefusals:
    @pytest.mark.parametrize("name", ["best_model.pt", "best_model_weights.pt", "pytorch_model.bin"])
    def test_pickles_of_inc(self, name, tmp_path):
        (tmp_path / name).write_bytes(b"cos\nsystem\n(S'touch /tmp/pickle_was_loaded'\ntR.")
        message = (
            f"{name}.* is a pickle.*, which is not read, since loading a pickle can run any code. Quantize the float"
        )
        for place in (tmp_path, tmp_path / name, str(tmp_path / name)):
            with pytest.raises(UsageError, match=message):
                load(place, tiny_model("bert"))
        with pytest.raises(UsageError, match="A state dict of INC's comes from a pickle"):
            load({"best_configure": {}}, tiny_model("bert"))
        with pytest.raises(UsageError, match="INC's `history.snapshot` is a pickle"):
            load(model=tiny_model("bert"), history_cfg={})

    @pytest.mark.parametrize("entry", [{"torch_dtype": "int8"}, {"dtype": "int8"}])
    def test_a_model_that_inc_has_saved_for_the_hub(self, entry, tmp_path):
        tiny_model("bert").config.save_pretrained(tmp_path)
        content = json.loads((tmp_path / "config.json").read_text()) | entry
        (tmp_path / "config.json").write_text(json.dumps(content))
        (tmp_path / "pytorch_model.bin").write_bytes(b"pickle")
        for call in (load, OptimizedModel.from_pretrained):
            with pytest.raises(UsageError, match="pytorch_model.bin is a pickle of INC's with INT8 weights"):
                call(tmp_path)

    def test_what_is_not_there(self, tmp_path):
        with pytest.raises(FileNotFoundError, match="There is no directory 'saved_results'; what is on the Hub"):
            load("saved_results", tiny_model("bert"))
        with pytest.raises(FileNotFoundError, match="nothing was saved there by `q_model.save`"):
            load(tmp_path, tiny_model("bert"))
        with pytest.raises(UsageError, match="`load` needs `checkpoint_dir`, a directory"):
            load()

    def test_wrong_arguments(self, saved):
        with pytest.raises(TypeError, match=r"`load` has no argument 'dataloder'; did you mean 'dataloader'\?"):
            load(saved[1], tiny_model("bert"), dataloder=[1])
        with pytest.raises(TypeError, match="`model` must be a torch.nn.Module, got str"):
            load(saved[1], "bert")
        with pytest.raises(TypeError, match="checkpoint_dir"):
            load(3)
        with pytest.raises(OSError, match="Use `OptimizedModel.from_pretrained"):
            OptimizedModel(saved[1])

    def test_a_model_of_another_class(self, saved):
        with pytest.raises(UsageError, match="has a model of the type 'bert', and `model` is a LlamaForCausalLM"):
            load(saved[1], tiny_model("llama"))
        with pytest.raises(UsageError, match="and `model` is a Net"):
            load(saved[1], net())

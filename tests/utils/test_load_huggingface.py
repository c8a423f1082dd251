"""INC's `save_for_huggingface_upstream` and `OptimizedModel`."""

import pytest
import torch
from saved import method_of
from tiny import logits_of, quantized, tiny_model, tiny_tokenizer
from transformers import AutoTokenizer, BertForSequenceClassification

from inc_hf.quantize.nn import quantized_modules
from inc_hf.utils.load_huggingface import OptimizedModel, save_for_huggingface_upstream


class TestLoadHuggingface:
    """INC's `save_for_huggingface_upstream` and `OptimizedModel`."""

    @pytest.mark.parametrize("what", ["QuantizedModel", "PreTrainedModel", "loaded"])
    def test_upstream(self, tmp_path, what):
        result = quantized("bert", "static")
        model = {"QuantizedModel": result, "PreTrainedModel": result.model}.get(what)
        if model is None:
            result.save_pretrained(tmp_path / "first", format="inc")
            model = OptimizedModel.from_pretrained(tmp_path / "first")
        directory = save_for_huggingface_upstream(model, tiny_tokenizer(), tmp_path / "out")
        assert directory == tmp_path / "out"
        assert method_of(directory) == ("inc" if what == "loaded" else "compressed-tensors")
        tokenizer = AutoTokenizer.from_pretrained(directory)
        assert tokenizer("the film")["input_ids"] == tiny_tokenizer()("the film")["input_ids"]
        loaded = OptimizedModel.from_pretrained(directory)
        assert isinstance(loaded, BertForSequenceClassification)
        assert torch.equal(logits_of(loaded), logits_of(result.model))

    def test_upstream_does_not_overwrite(self, tmp_path):
        (tmp_path / "mine.txt").write_text("")
        result = quantized("bert")
        for model in (result, result.model):
            with pytest.raises(FileExistsError):
                save_for_huggingface_upstream(model, tiny_tokenizer(), tmp_path)
            assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]
        save_for_huggingface_upstream(result.model, tiny_tokenizer(), tmp_path, overwrite=True)
        assert (tmp_path / "mine.txt").exists()
        assert (tmp_path / "tokenizer.json").exists()

    @pytest.mark.parametrize("what", ["QuantizedModel", "PreTrainedModel"])
    def test_a_script_that_runs_twice(self, tmp_path, what):
        """What this package has written is replaced; what lies beside it stays."""
        for approach in ("dynamic", "static"):
            result = quantized("bert", approach)
            model = result if what == "QuantizedModel" else result.model
            save_for_huggingface_upstream(model, tiny_tokenizer(), tmp_path / "out")
            (tmp_path / "out" / "notes.txt").write_text("mine")
        assert torch.equal(logits_of(OptimizedModel.from_pretrained(tmp_path / "out")), logits_of(result.model))
        assert (tmp_path / "out" / "notes.txt").read_text() == "mine"

    @pytest.mark.parametrize("config", ["", "{}", "[1]", '{"inc_version": "2.6"}'])
    def test_a_model_of_another_package_stays(self, tmp_path, config):
        (tmp_path / "inc_config.json").write_text(config)
        with pytest.raises(FileExistsError, match="not empty"):
            save_for_huggingface_upstream(quantized("bert"), None, tmp_path)

    def test_upstream_of_a_float_model(self, tmp_path):
        with pytest.raises(ValueError, match="not quantized"):
            save_for_huggingface_upstream(tiny_model("bert"), tiny_tokenizer(), tmp_path / "out")
        assert list(tmp_path.iterdir()) == []

    def test_optimized_model_loads_float_checkpoints(self, tmp_path):
        tiny_model("opt").save_pretrained(tmp_path)
        model = OptimizedModel.from_pretrained(tmp_path)
        assert type(model).__name__ == "OPTForCausalLM"
        assert not quantized_modules(model)

"""What `quantization.fit` gives back."""

import copy
import json
import pickle
from functools import partial
from pathlib import Path

import pytest
import torch
from fitting import ERROR_GOAL, ErrorAgainstFloat, config, data_of, images, models, net
from tiny import logits_of, quantized, tiny_inputs, tiny_model, tiny_tokenizer
from transformers import AutoModelForSequenceClassification

import inc_hf
from inc_hf import IncModelForSequenceClassification, QuantizedModel
from inc_hf.quantization import fit

pytest_plugins = ["workspace_fixture"]
pytestmark = pytest.mark.usefixtures("workspace")


class TestQuantizedModel:
    @pytest.fixture
    def converted(self):
        return fit(tiny_model("bert"), config())

    @pytest.fixture
    def tuned(self):
        model = tiny_model("bert")
        return fit(model, config("dynamic", ERROR_GOAL), eval_func=ErrorAgainstFloat(model))

    def test_repr(self, converted, tuned):
        assert repr(converted) == (
            "QuantizedModel(BertForSequenceClassification, approach='dynamic', 11 quantized modules, "
            "met_criterion=None)"
        )
        assert repr(tuned) == (
            "QuantizedModel(BertForSequenceClassification, approach='dynamic', 11 quantized modules, "
            f"score={tuned.score:.4f}, baseline=0.0000, met_criterion=True)"
        )

    def test_call(self, converted):
        inputs = tiny_inputs(converted.model)
        with torch.no_grad():
            assert torch.equal(converted(**inputs).logits, converted.model(**inputs).logits)
            by_position = converted(inputs["input_ids"], attention_mask=inputs["attention_mask"])
        assert torch.equal(by_position.logits, logits_of(converted.model))

    def test_unknown_attributes_are_those_of_the_model(self, converted):
        assert converted.classifier is converted.model.classifier
        assert converted.num_parameters() == converted.model.num_parameters()
        assert converted.device == torch.device("cpu")
        with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
            converted.nonsense  # noqa: B018
        assert not hasattr(converted, "__len__")

    @pytest.mark.parametrize(
        "duplicate", [copy.deepcopy, lambda result: pickle.loads(pickle.dumps(result))], ids=["deepcopy", "pickle"]
    )
    @pytest.mark.parametrize("kind", ["bert", "net"])
    def test_duplicate(self, kind, duplicate):
        model, inputs = models(kind), data_of(models(kind))
        result = fit(
            model,
            config("static", ERROR_GOAL),
            calib_dataloader=inputs,
            eval_func=ErrorAgainstFloat(model, images() if kind == "net" else None),
        )
        twin = duplicate(result)
        assert twin.model is not result.model
        assert repr(twin) == repr(result) and twin.q_config == result.q_config and twin.trials == result.trials
        states = twin.model.state_dict(), result.model.state_dict()
        assert all(value.equal(states[1][key]) for key, value in states[0].items())

    def test_an_empty_instance_does_not_recurse(self):
        empty = QuantizedModel.__new__(QuantizedModel)
        for name in ("model", "config", "anything"):
            with pytest.raises(AttributeError, match="^model$"):
                getattr(empty, name)

    def test_summary(self, tuned):
        summary = tuned.summary()
        assert summary["quantization"]["approach"] == "dynamic"
        assert summary["quantization"]["dataset_num_samples"] is None
        assert summary["quantization"]["quantized_modules"] == 11
        assert summary["tuning"] == {
            "met_criterion": True,
            "baseline": 0.0,
            "score": tuned.score,
            "trials": 1,
        }
        assert json.loads(json.dumps(summary)) == summary

    def test_save_pretrained(self, tuned, tmp_path):
        directory = tuned.save_pretrained(tmp_path / "a" / "out")
        assert directory == tmp_path / "a" / "out"
        assert sorted(path.name for path in directory.iterdir()) == [
            "README.md",
            "config.json",
            "deploy.json",
            "inc_card.svg",
            "inc_config.json",
            "model.safetensors",
        ]
        assert tuned.summary().items() <= json.loads((directory / "inc_config.json").read_text()).items()

    def test_a_directory_that_is_not_empty_is_kept(self, converted, tmp_path):
        (tmp_path / "notes.txt").write_text("mine")
        with pytest.raises(FileExistsError, match="is not empty; .*overwrite=True"):
            converted.save_pretrained(tmp_path)
        assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]

    def test_overwrite(self, converted, tmp_path):
        out = tmp_path / "out"
        converted.save_pretrained(out)
        (out / "model.safetensors").write_bytes(b"old")
        (out / "notes.txt").write_text("mine")
        with pytest.raises(FileExistsError):
            converted.save_pretrained(out)
        converted.save_pretrained(out, overwrite=True)
        assert (out / "model.safetensors").stat().st_size > 1000
        assert (out / "notes.txt").read_text() == "mine"

    def test_save_overwrites(self, converted, tmp_path):
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "config.json").write_text("{}")
        assert converted.save(tmp_path / "out") == tmp_path / "out"
        assert "quantization_config" in json.loads((tmp_path / "out" / "config.json").read_text())

    def test_a_file_in_the_place_of_the_directory(self, converted, tmp_path):
        (tmp_path / "out").write_text("mine")
        with pytest.raises(FileExistsError, match="is a file, not a directory"):
            converted.save(tmp_path / "out")
        assert (tmp_path / "out").read_text() == "mine"

    def test_unknown_format(self, converted, tmp_path):
        with pytest.raises(ValueError, match="`format` must be 'compressed-tensors', 'inc' or None, got 'onnx'"):
            converted.save_pretrained(tmp_path / "out", format="onnx")
        assert not (tmp_path / "out").exists()

    def test_plain_modules_cannot_be_uploaded(self, tmp_path):
        result = fit(net(), config())
        for upload in (partial(result.save_pretrained, tmp_path / "out", push_to_hub=True), result.push_to_hub):
            with pytest.raises(TypeError, match="PreTrainedModel or a SentenceTransformer can be uploaded, got Net"):
                upload(repo_id="me/net")
        assert list(Path(tmp_path).iterdir()) == []


class TestSave:
    def test_files(self, tmp_path):
        result = quantized("bert", "static")
        result.save_pretrained(tmp_path / "out", tiny_tokenizer())
        names = {p.name for p in (tmp_path / "out").iterdir()}
        assert {"config.json", "model.safetensors", "inc_config.json", "README.md", "tokenizer.json"} <= names
        summary = json.loads((tmp_path / "out" / "inc_config.json").read_text())
        assert summary["inc_hf_version"] == inc_hf.__version__
        assert summary["quantization"]["approach"] == "static"
        assert summary["quantization"]["is_static"] is True
        assert summary["quantization"]["quantized_modules"] == 11
        assert summary["tuning"] == {"met_criterion": None, "baseline": None, "score": None, "trials": 0}

    def test_overwrite(self, tmp_path):
        result = quantized("bert")
        result.save_pretrained(tmp_path / "out")
        with pytest.raises(FileExistsError):
            result.save_pretrained(tmp_path / "out")
        result.save(tmp_path / "out")
        loaded = IncModelForSequenceClassification.from_pretrained(tmp_path / "out")
        assert torch.equal(logits_of(loaded), logits_of(result.model))

    def test_plain_auto_class_in_this_process(self, tmp_path):
        result = quantized("bert")
        result.save_pretrained(tmp_path / "out", format="inc")
        model = AutoModelForSequenceClassification.from_pretrained(tmp_path / "out")
        assert torch.equal(logits_of(model), logits_of(result.model))

"""`IncQuantizer`: loaded, calibrated, saved."""

import json

import datasets
import pytest
import torch
from quantizing import DYNAMIC, STATIC, TEXTS
from tiny import logits_of, tiny_inputs, tiny_model
from torch.utils.data import DataLoader
from transformers import AutoTokenizer, BertForSequenceClassification, BertForTokenClassification

from inc_hf import IncModelForSequenceClassification, IncQuantizer, PostTrainingQuantConfig
from inc_hf.config import options, set_random_seed
from inc_hf.quantize.nn import quantized_modules
from inc_hf.quantize.workflow import planned_modules

pytest_plugins = ["workspace_fixture", "quantizer_fixture"]
pytestmark = pytest.mark.usefixtures("workspace", "data_cache")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory, tokenizer):
    """A float model with its tokenizer on disk."""
    directory = tmp_path_factory.mktemp("float") / "bert"
    tiny_model("bert").save_pretrained(directory)
    tokenizer.save_pretrained(directory)
    return directory


def scales(result) -> torch.Tensor:
    found = [module.input_scale for module in quantized_modules(result.model).values() if module.scheme.is_static]
    assert found
    return torch.cat(found)


class TestFromPretrained:
    def test_model(self, tokenizer):
        model = tiny_model("bert")
        quantizer = IncQuantizer.from_pretrained(model, tokenizer=tokenizer, task="text-classification")
        assert quantizer.model is model and quantizer.tokenizer is tokenizer
        assert repr(quantizer) == (
            "IncQuantizer(BertForSequenceClassification, task='text-classification', not quantized yet)"
        )

    @pytest.mark.parametrize("kind", [str, lambda path: path], ids=["str", "Path"])
    def test_directory(self, checkpoint, tokenizer, kind):
        quantizer = IncQuantizer.from_pretrained(kind(checkpoint))
        assert type(quantizer.model) is BertForSequenceClassification and not quantizer.model.training
        assert torch.equal(logits_of(quantizer.model), logits_of(tiny_model("bert")))
        assert quantizer.tokenizer(TEXTS).input_ids == tokenizer(TEXTS).input_ids

    def test_the_task_chooses_the_class(self, checkpoint):
        quantizer = IncQuantizer.from_pretrained(checkpoint, task="token-classification")
        assert type(quantizer.model) is BertForTokenClassification

    def test_another_tokenizer(self, checkpoint, tokenizer):
        assert IncQuantizer.from_pretrained(checkpoint, tokenizer=tokenizer).tokenizer is tokenizer

    @pytest.mark.parametrize("name", ["bert", "gpt2", "vit"])
    def test_directory_without_a_tokenizer(self, name, tmp_path):
        """transformers would make up an empty one, for which all words are unknown."""
        tiny_model(name).save_pretrained(tmp_path / "model")
        quantizer = IncQuantizer.from_pretrained(tmp_path / "model")
        assert quantizer.tokenizer is None
        quantizer.quantize(DYNAMIC, tmp_path / "out")
        assert not (tmp_path / "out" / "tokenizer.json").exists()

    def test_texts_for_a_directory_without_a_tokenizer(self, tmp_path):
        tiny_model("bert").save_pretrained(tmp_path / "model")
        quantizer = IncQuantizer.from_pretrained(tmp_path / "model")
        with pytest.raises(ValueError, match="pass `tokenizer=`"):
            quantizer.quantize(STATIC, calibration_dataset=TEXTS)

    @pytest.mark.parametrize("source", ["model", "directory"])
    def test_unknown_task(self, checkpoint, source):
        with pytest.raises(ValueError, match="Unknown task 'sentiment'; choose one of audio-classification"):
            IncQuantizer.from_pretrained(tiny_model("bert") if source == "model" else checkpoint, task="sentiment")

    def test_quantized_directory(self, checkpoint, tmp_path):
        IncQuantizer.from_pretrained(checkpoint).quantize(DYNAMIC, tmp_path / "out")
        quantizer = IncQuantizer.from_pretrained(tmp_path / "out")
        with pytest.raises(ValueError, match="already quantized"):
            quantizer.quantize(DYNAMIC)

    def test_missing_directory(self, tmp_path):
        with pytest.raises(OSError, match="missing"):
            IncQuantizer.from_pretrained(str(tmp_path / "missing"))


class TestCalibration:
    def quantized(self, data, tokenizer, **settings):
        quantizer = IncQuantizer.from_pretrained(tiny_model("bert"), tokenizer=tokenizer)
        return quantizer.quantize(STATIC, calibration_dataset=data, **{"batch_size": 3, **settings})

    def forms(self, tokenizer) -> dict:
        tokenized = [dict(tokenizer(text)) for text in TEXTS]
        dataset = datasets.Dataset.from_dict({"sentence": TEXTS, "label": [0, 1] * 4, "idx": range(8)})
        batches = [tokenizer(TEXTS[i : i + 3], padding=True, return_tensors="pt") for i in range(0, 8, 3)]
        return {
            "texts": TEXTS,
            "tuple of texts": tuple(TEXTS),
            "dicts": tokenized,
            "dicts of text": [{"text": text, "label": 1} for text in TEXTS],
            "dataset": dataset,
            "tokenized dataset": dataset.map(lambda row: tokenizer(row["sentence"])),
            "dataset of tensors": datasets.Dataset.from_list(tokenized).with_format("torch"),
            "dataloader": DataLoader(
                tokenized, batch_size=3, collate_fn=lambda rows: tokenizer.pad(rows, return_tensors="pt")
            ),
            "batches": batches,
            "generator of batches": (batch for batch in batches),
        }

    def test_every_form_gives_the_same(self, tokenizer):
        expected = scales(self.quantized(TEXTS, tokenizer))
        for form, data in self.forms(tokenizer).items():
            result = self.quantized(data, tokenizer)
            assert torch.equal(scales(result), expected), form
            assert result.q_config["calibration_samples"] == 8, form

    def test_two_text_columns(self, tokenizer):
        pairs = list(zip(TEXTS[:4], TEXTS[4:], strict=True))
        dataset = datasets.Dataset.from_list([{"sentence1": a, "sentence2": b, "label": 0} for a, b in pairs])
        expected = self.quantized([dict(tokenizer(a, b)) for a, b in pairs], tokenizer)
        assert torch.equal(scales(self.quantized(dataset, tokenizer)), scales(expected))
        assert not torch.equal(scales(expected), scales(self.quantized(TEXTS[:4], tokenizer)))

    def test_the_first_samples_are_used(self, tokenizer):
        config = PostTrainingQuantConfig(approach="static", calibration_sampling_size=5)
        quantizer = IncQuantizer.from_pretrained(tiny_model("bert"), tokenizer=tokenizer)
        result = quantizer.quantize(config, calibration_dataset=TEXTS, batch_size=5)
        assert result.q_config["calibration_samples"] == 5
        assert torch.equal(scales(result), scales(self.quantized(TEXTS[:5], tokenizer, batch_size=5)))

    def test_collator(self, tokenizer):
        def collate(samples):
            return tokenizer.pad(samples, padding="max_length", max_length=20, return_tensors="pt")

        result = self.quantized(TEXTS, tokenizer, data_collator=collate, batch_size=8)
        batch = tokenizer(TEXTS, padding="max_length", max_length=20, return_tensors="pt")
        assert torch.equal(scales(result), scales(self.quantized([batch], tokenizer)))

    def test_calibration_fn(self, tokenizer):
        batch = tokenizer(TEXTS, padding=True, return_tensors="pt")
        quantizer = IncQuantizer.from_pretrained(tiny_model("bert"), calibration_fn=lambda model: model(**batch))
        assert torch.equal(scales(quantizer.quantize(STATIC)), scales(self.quantized([batch], tokenizer)))

    def test_labels_do_not_reach_an_encoder(self, tokenizer):
        """They could be those of another task, which the model's loss would refuse."""
        data = [{"text": text, "label": 99} for text in TEXTS]
        assert torch.equal(scales(self.quantized(data, tokenizer)), scales(self.quantized(TEXTS, tokenizer)))

    def test_labels_of_a_decoder_become_its_inputs(self):
        model = tiny_model("t5", decoder_start_token_id=0)
        data = [{"input_ids": [5, 6, 7, 1], "labels": [8, 9, 1]}, {"input_ids": [9, 8, 7, 1], "labels": [5, 6, 1]}]
        result = IncQuantizer.from_pretrained(model).quantize(STATIC, calibration_dataset=data)
        assert any(name.startswith("decoder.block") for name in quantized_modules(result.model))

    @pytest.mark.parametrize(
        ("data", "message"),
        [
            ([], "at least one sample"),
            ([{"tokens": [1, 2], "score": 3}], r"\['score', 'tokens'\].*needs 'input_ids'"),
            (
                datasets.Dataset.from_dict({"tokens": [[1, 2]], "score": [3.0]}),
                r"\['score', 'tokens'\].*needs 'input_ids'",
            ),
        ],
        ids=["empty", "dicts", "dataset"],
    )
    def test_data_that_the_model_does_not_take(self, tokenizer, data, message, workspace):
        model = tiny_model("bert")
        with pytest.raises(ValueError, match=message):
            IncQuantizer.from_pretrained(model, tokenizer=tokenizer).quantize(STATIC, calibration_dataset=data)
        assert quantized_modules(model) == planned_modules(model) == {} and not workspace.exists()

    @pytest.mark.parametrize("data", [TEXTS, datasets.Dataset.from_dict({"text": TEXTS})], ids=["list", "dataset"])
    def test_texts_without_a_tokenizer(self, data):
        with pytest.raises(ValueError, match="pass `tokenizer=`"):
            IncQuantizer.from_pretrained(tiny_model("bert")).quantize(STATIC, calibration_dataset=data)

    def test_static_without_data(self, tmp_path):
        with pytest.raises(ValueError, match="`calibration_dataset` of IncQuantizer"):
            IncQuantizer.from_pretrained(tiny_model("bert")).quantize(STATIC, tmp_path / "out")
        assert not (tmp_path / "out").exists()


class TestOutput:
    def test_saved_with_its_tokenizer(self, checkpoint, tokenizer, tmp_path):
        result = IncQuantizer.from_pretrained(checkpoint).quantize(
            STATIC, tmp_path / "out", calibration_dataset=TEXTS, format="inc"
        )
        loaded = IncModelForSequenceClassification.from_pretrained(tmp_path / "out")
        assert torch.equal(logits_of(loaded), logits_of(result.model))
        assert loaded.config.quantization_config.to_dict()["quant_method"] == "inc"
        assert AutoTokenizer.from_pretrained(tmp_path / "out")(TEXTS).input_ids == tokenizer(TEXTS).input_ids
        stored = json.loads((tmp_path / "out" / "inc_config.json").read_text())["quantization"]
        assert stored["is_static"] is True and stored["dataset_num_samples"] == 8

    @pytest.mark.parametrize("is_directory", [True, False], ids=["directory", "file"])
    def test_an_output_that_exists_is_refused_before_any_work(self, is_directory, tmp_path, tokenizer, workspace):
        out, model = tmp_path / "out", tiny_model("bert")
        if is_directory:
            out.mkdir()
            (out / "notes.txt").write_text("mine")
        else:
            out.write_text("mine")
        worked = []

        def batches():
            worked.append("calibration")
            yield tiny_inputs(model)

        quantizer = IncQuantizer.from_pretrained(
            model, eval_fn=lambda model: worked.append("evaluation"), tokenizer=tokenizer
        )
        with pytest.raises(FileExistsError, match=str(out)):
            quantizer.quantize(STATIC, out, calibration_dataset=batches())
        assert worked == [] and quantized_modules(model) == {} and not workspace.exists()
        assert ((out / "notes.txt") if is_directory else out).read_text() == "mine"

    def test_unknown_format_is_refused_before_any_work(self, tmp_path):
        model, worked = tiny_model("bert"), []
        quantizer = IncQuantizer.from_pretrained(model, eval_fn=worked.append)
        with pytest.raises(ValueError, match="`format` must be one of compressed-tensors, inc or None, got 'onnx'"):
            quantizer.quantize(DYNAMIC, tmp_path / "out", format="onnx")
        assert worked == [] and quantized_modules(model) == {}

    def test_overwrite(self, tmp_path):
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "model.safetensors").write_bytes(b"old")
        IncQuantizer.from_pretrained(tiny_model("bert")).quantize(DYNAMIC, tmp_path / "out", overwrite=True)
        IncModelForSequenceClassification.from_pretrained(tmp_path / "out")

    def test_interrupt_saves_the_best_so_far(self, tmp_path):
        """Ctrl-C in the second trial: baseline, first trial, interrupt."""
        scores = iter([1.0, 0.5])

        def evaluate(model):
            score = next(scores, None)
            if score is None:
                raise KeyboardInterrupt
            return score

        quantizer = IncQuantizer.from_pretrained(tiny_model("bert"), eval_fn=evaluate)
        result = quantizer.quantize(DYNAMIC, tmp_path / "out")
        assert result.interrupted and result.met_criterion is False and result.score == 0.5
        loaded = IncModelForSequenceClassification.from_pretrained(tmp_path / "out")
        assert torch.equal(logits_of(loaded), logits_of(result.model))
        assert json.loads((tmp_path / "out" / "inc_config.json").read_text())["tuning"] == {
            "met_criterion": False,
            "baseline": 1.0,
            "score": 0.5,
            "trials": 1,
        }

    def test_interrupt_before_the_first_trial_saves_nothing(self, tmp_path):
        def evaluate(model):
            raise KeyboardInterrupt

        quantizer = IncQuantizer.from_pretrained(tiny_model("bert"), eval_fn=evaluate)
        with pytest.raises(KeyboardInterrupt):
            quantizer.quantize(DYNAMIC, tmp_path / "out")
        assert not (tmp_path / "out").exists() and quantizer.quantized_model is None

    def test_nothing_to_push(self):
        with pytest.raises(ValueError, match="nothing to upload yet; call `quantize` first"):
            IncQuantizer.from_pretrained(tiny_model("bert")).push_to_hub("user/int8")


class TestSeed:
    def random_scales(self, seed: int) -> torch.Tensor:
        def calibrate(model):
            model(torch.randint(5, 96, (2, 7)))

        return scales(
            IncQuantizer.from_pretrained(tiny_model("bert"), calibration_fn=calibrate, seed=seed).quantize(STATIC)
        )

    def test_two_runs_are_equal(self):
        assert torch.equal(self.random_scales(3), self.random_scales(3))
        assert not torch.equal(self.random_scales(3), self.random_scales(4))

    def test_the_option_of_the_process_stays(self):
        set_random_seed(17)
        self.random_scales(3)
        assert options.random_seed == 17
        with pytest.raises(ValueError, match="needs calibration data"):
            IncQuantizer.from_pretrained(tiny_model("bert"), seed=4).quantize(STATIC)
        assert options.random_seed == 17

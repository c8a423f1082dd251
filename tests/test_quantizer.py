import json
import sys

import datasets
import pytest
import torch
from tiny import logits_of, tiny_inputs, tiny_model, tiny_tokenizer
from torch.utils.data import DataLoader
from transformers import (
    AutoTokenizer,
    BertForQuestionAnswering,
    BertForSequenceClassification,
    BertForTokenClassification,
    DataCollatorForTokenClassification,
)

from inc_hf import (
    AccuracyCriterion,
    IncModelForSequenceClassification,
    IncQuantizer,
    PostTrainingQuantConfig,
    TuningCriterion,
)
from inc_hf.config import options, set_random_seed, set_resume_from, set_workspace
from inc_hf.quantize.nn import quantized_modules
from inc_hf.quantize.workflow import planned_modules
from inc_hf.quantizer import load_dataset_file_or_hub

TEXTS = [
    "the film was good",
    "a dull plot",
    "great actor but a very bad film",
    "not good",
    "bad",
    "the actor is great and the plot is dull",
    "a very good film",
    "is the film not bad",
]
STATIC = PostTrainingQuantConfig(approach="static")
DYNAMIC = PostTrainingQuantConfig(approach="dynamic")


@pytest.fixture(autouse=True)
def workspace(tmp_path, monkeypatch):
    """A workspace and a cache of data sets of its own; the options as they were, after the test."""
    before = options.to_dict()
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    set_workspace(tmp_path / "workspace")
    set_resume_from(None)
    yield tmp_path / "workspace"
    vars(options).update(before)


@pytest.fixture(scope="module")
def tokenizer():
    return tiny_tokenizer()


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory, tokenizer):
    """A float model with its tokenizer on disk."""
    directory = tmp_path_factory.mktemp("float") / "bert"
    tiny_model("bert").save_pretrained(directory)
    tokenizer.save_pretrained(directory)
    return directory


def predictions(model, texts, tokenizer) -> list[int]:
    inputs = tokenizer(texts, padding=True, return_tensors="pt")
    with torch.no_grad():
        return model(**inputs).logits.argmax(-1).tolist()


def balanced(tokenizer) -> BertForSequenceClassification:
    """A model that says 0 for one half of `TEXTS` and 1 for the other."""
    model = tiny_model("bert")
    inputs = tokenizer(TEXTS, padding=True, return_tensors="pt")
    with torch.no_grad():
        logits = model(**inputs).logits
        model.classifier.bias[0] += (logits[:, 1] - logits[:, 0]).sort().values[3:5].mean()
    assert sum(predictions(model, TEXTS, tokenizer)) == 4
    return model


def labelled(model, tokenizer, wrong: tuple[int, ...] = ()) -> list[dict]:
    """`TEXTS` with the model's own predictions as labels, some of them turned over."""
    labels = predictions(model, TEXTS, tokenizer)
    return [
        {"text": t, "label": 1 - y if i in wrong else y} for i, (t, y) in enumerate(zip(TEXTS, labels, strict=True))
    ]


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


class TestEvaluation:
    def test_labelled_data_and_a_task(self, tokenizer):
        model = balanced(tokenizer)
        quantizer = IncQuantizer.from_pretrained(model, task="text-classification", tokenizer=tokenizer)
        result = quantizer.quantize(DYNAMIC, eval_dataset=labelled(model, tokenizer, (0, 5)), batch_size=3)
        assert result.baseline == 0.75 and result.met_criterion
        assert result.model is not model and quantized_modules(model) == {}

    @pytest.mark.parametrize(
        ("metric", "wrong", "score"), [("sst2", (0, 5), 0.75), ("mrpc", (), 1.0), ("cola", (), 1.0)]
    )
    def test_glue_metric(self, tokenizer, metric, wrong, score):
        model = balanced(tokenizer)
        quantizer = IncQuantizer.from_pretrained(
            model, task="text-classification", tokenizer=tokenizer, metric_name=metric
        )
        data = datasets.Dataset.from_list(labelled(model, tokenizer, wrong))
        goal = AccuracyCriterion(criterion="absolute", tolerable_loss=2.0)
        result = quantizer.quantize(
            PostTrainingQuantConfig(approach="dynamic", accuracy_criterion=goal), eval_dataset=data
        )
        assert result.baseline == pytest.approx(score) and len(result.trials) == 1

    def test_f1_of_one_mistake(self, tokenizer):
        """4 of 8 are positive; one of them is labelled negative: 3 true positives, 1 false one."""
        model = balanced(tokenizer)
        first = predictions(model, TEXTS, tokenizer).index(1)
        quantizer = IncQuantizer.from_pretrained(
            model, task="text-classification", tokenizer=tokenizer, metric_name="mrpc"
        )
        result = quantizer.quantize(DYNAMIC, eval_dataset=labelled(model, tokenizer, (first,)))
        assert result.baseline == pytest.approx(6 / 7)

    def test_question_answering(self, tokenizer):
        model = BertForQuestionAnswering(tiny_model("bert").config).eval()
        inputs = tokenizer(TEXTS, padding=True, return_tensors="pt")
        with torch.no_grad():
            output = model(**inputs)
        data = [
            {"text": text, "start_positions": int(start), "end_positions": int(end)}
            for text, start, end in zip(
                TEXTS, output.start_logits.argmax(-1), output.end_logits.argmax(-1), strict=True
            )
        ]
        quantizer = IncQuantizer.from_pretrained(model, task="question-answering", tokenizer=tokenizer)
        assert quantizer.quantize(DYNAMIC, eval_dataset=data).baseline == 1.0

    def test_token_classification_with_a_collator(self, tokenizer):
        model = BertForTokenClassification(tiny_model("bert").config).eval()
        data = [{**tokenizer(text), "labels": [0] * len(tokenizer(text).input_ids)} for text in TEXTS]
        with torch.no_grad():
            zeros = [model(**tokenizer(text, return_tensors="pt")).logits.argmax(-1)[0] == 0 for text in TEXTS]
        quantizer = IncQuantizer.from_pretrained(model, task="token-classification", tokenizer=tokenizer)
        result = quantizer.quantize(
            PostTrainingQuantConfig(approach="dynamic", tuning_criterion=TuningCriterion(max_trials=1)),
            eval_dataset=data,
            data_collator=DataCollatorForTokenClassification(tokenizer),
        )
        assert result.baseline == pytest.approx(float(torch.cat(zeros).double().mean()))

    def test_eval_fn_comes_before_the_task(self, tokenizer):
        model = tiny_model("bert")
        quantizer = IncQuantizer.from_pretrained(
            model, eval_fn=lambda model: 0.125, task="text-classification", tokenizer=tokenizer
        )
        assert quantizer.quantize(DYNAMIC, eval_dataset=labelled(model, tokenizer)).baseline == 0.125

    def test_metric_name_of_a_dict(self):
        quantizer = IncQuantizer.from_pretrained(
            tiny_model("bert"), eval_fn=lambda model: {"accuracy": 0.5, "f1": 0.25}, metric_name="f1"
        )
        assert quantizer.quantize(DYNAMIC).baseline == 0.25

    def test_dict_without_a_name(self, workspace):
        quantizer = IncQuantizer.from_pretrained(tiny_model("bert"), eval_fn=lambda model: {"a": 0.5, "b": 0.25})
        with pytest.raises(ValueError, match='name the one that counts with `metric_name`, e.g. metric_name="a"'):
            quantizer.quantize(DYNAMIC)
        assert not workspace.exists()

    def test_without_evaluation_the_model_itself_is_converted(self):
        model = tiny_model("bert")
        quantizer = IncQuantizer.from_pretrained(model)
        result = quantizer.quantize()
        assert result.model is model and quantizer.quantized_model is result and result.score is None
        assert result.quantization_config.approach == "dynamic"
        assert repr(quantizer).endswith("task=None, quantized)")

    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({}, "`eval_dataset` needs `task`, one of audio-classification.*or pass `eval_fn`"),
            ({"task": "text-classification", "metric_name": "squad"}, "Unknown GLUE task 'squad'"),
        ],
        ids=["no task", "unknown metric"],
    )
    def test_bad_request(self, tokenizer, settings, message, tmp_path, workspace):
        model = tiny_model("bert")
        data = labelled(model, tokenizer)
        quantizer = IncQuantizer.from_pretrained(model, tokenizer=tokenizer, **settings)
        with pytest.raises(ValueError, match=message):
            quantizer.quantize(DYNAMIC, tmp_path / "out", eval_dataset=data)
        assert quantized_modules(model) == {} and not workspace.exists() and not (tmp_path / "out").exists()

    def test_data_without_labels(self, tokenizer, workspace):
        quantizer = IncQuantizer.from_pretrained(tiny_model("bert"), task="text-classification", tokenizer=tokenizer)
        with pytest.raises(ValueError, match="needs labels: the batches have .*'input_ids'"):
            quantizer.quantize(DYNAMIC, eval_dataset=TEXTS)
        assert not workspace.exists()

    def test_empty_generator(self, tokenizer):
        quantizer = IncQuantizer.from_pretrained(tiny_model("bert"), task="text-classification", tokenizer=tokenizer)
        with pytest.raises(ValueError, match="is empty"):
            quantizer.quantize(DYNAMIC, eval_dataset=(batch for batch in []))


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


class TestCalibrationDataset:
    ROWS = [{"text": f'"{i}" is, the film', "label": i % 2} for i in range(20)]

    def write(self, directory, ending: str):
        path = directory / f"train.{ending}"
        dataset = datasets.Dataset.from_list(self.ROWS)
        if ending == "csv":
            dataset.to_csv(path, index=False)
        elif ending == "tsv":
            lines = ["text\tlabel", *(f"{row['text']}\t{row['label']}" for row in self.ROWS)]
            path.write_text("\n".join(lines) + "\n")
        elif ending == "json":
            path.write_text(json.dumps(self.ROWS))
        elif ending == "jsonl":
            path.write_text("".join(json.dumps(row) + "\n" for row in self.ROWS))
        else:
            dataset.to_parquet(path)
        return path

    def quantizer(self, **settings):
        return IncQuantizer.from_pretrained(tiny_model("bert"), tokenizer=tiny_tokenizer(), **settings)

    @pytest.mark.parametrize("kind", [str, lambda path: path], ids=["str", "Path"])
    @pytest.mark.parametrize("ending", ["csv", "tsv", "json", "jsonl", "parquet"])
    def test_file(self, tmp_path, ending, kind):
        dataset = self.quantizer().get_calibration_dataset(kind(self.write(tmp_path, ending)), num_samples=7)
        rows = list(dataset)
        assert len(rows) == 7 and all(row in self.ROWS for row in rows)
        assert len({row["text"] for row in rows}) == 7

    def test_directory(self, tmp_path):
        (tmp_path / "data").mkdir()
        self.write(tmp_path / "data", "csv")
        assert len(self.quantizer().get_calibration_dataset(tmp_path / "data", num_samples=7)) == 7

    def test_more_samples_than_there_are(self, tmp_path):
        dataset = self.quantizer().get_calibration_dataset(self.write(tmp_path, "csv"), num_samples=1000)
        assert sorted(dataset["text"]) == sorted(row["text"] for row in self.ROWS)

    def test_shuffled_by_the_seed(self, tmp_path):
        path = self.write(tmp_path, "csv")
        texts = [
            list(self.quantizer(seed=seed).get_calibration_dataset(path, num_samples=20)["text"]) for seed in (1, 1, 2)
        ]
        assert texts[0] == texts[1] != texts[2]
        assert texts[0] != [row["text"] for row in self.ROWS]

    @pytest.mark.parametrize("batched", [True, False], ids=["batched", "one by one"])
    def test_preprocess_function(self, tmp_path, batched):
        kinds = set()

        def preprocess(rows):
            kinds.add(type(rows["text"]))
            return tiny_tokenizer()(rows["text"])

        quantizer = self.quantizer()
        dataset = quantizer.get_calibration_dataset(
            self.write(tmp_path, "csv"), num_samples=7, preprocess_function=preprocess, preprocess_batch=batched
        )
        assert kinds == {list if batched else str}
        assert [row["input_ids"] for row in dataset] == tiny_tokenizer()(list(dataset["text"])).input_ids
        assert quantizer.quantize(STATIC, calibration_dataset=dataset).q_config["calibration_samples"] == 7

    def test_raw_texts_can_be_quantized_with(self, tmp_path):
        quantizer = self.quantizer()
        dataset = quantizer.get_calibration_dataset(self.write(tmp_path, "tsv"), num_samples=7)
        assert quantizer.quantize(STATIC, calibration_dataset=dataset).q_config["calibration_samples"] == 7

    def test_missing_file(self, tmp_path):
        with pytest.raises(OSError, match="missing.csv"):
            self.quantizer().get_calibration_dataset(tmp_path / "missing.csv")


def test_missing_datasets_package_is_an_error_with_the_pip_line(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(ImportError, match=r'pip install "inc-hf\[train\]"'):
        load_dataset_file_or_hub(tmp_path / "data.tsv", None, "train", None)

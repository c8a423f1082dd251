"""`IncQuantizer` with an evaluation: by task, by metric, by a function."""

import random

import datasets
import pytest
import torch
from quantizing import DYNAMIC, TEXTS
from tiny import tiny_model
from transformers import (
    BertForQuestionAnswering,
    BertForSequenceClassification,
    BertForTokenClassification,
    DataCollatorForTokenClassification,
    DataCollatorWithPadding,
)

from inc_hf import AccuracyCriterion, IncQuantizer, PostTrainingQuantConfig, TuningCriterion
from inc_hf.quantize.nn import quantized_modules

pytest_plugins = ["workspace_fixture", "quantizer_fixture"]
pytestmark = pytest.mark.usefixtures("workspace", "data_cache")


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

    def test_a_collator_that_is_random_gives_all_trials_the_same_batches(self, tokenizer):
        chosen = []

        def collate(samples):
            chosen.append((torch.rand(1).item(), random.random()))
            return DataCollatorWithPadding(tokenizer)(samples)

        model = balanced(tokenizer)
        quantizer = IncQuantizer.from_pretrained(model, task="text-classification", tokenizer=tokenizer)
        quantizer.quantize(DYNAMIC, eval_dataset=labelled(model, tokenizer), batch_size=4, data_collator=collate)
        assert chosen[:2] == chosen[2:4] and len(set(chosen)) == 2

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

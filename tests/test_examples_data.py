"""The scripts in `examples` read their data, and say what is wrong with it, before they train."""

import re
import sys
from pathlib import Path

import datasets
import numpy as np
import pytest
from example_scripts import ACCELERATE, CLM, GLUE, NER, ONE_SHOT, PLAIN, script
from tiny import ENCODER, VOCABULARY, tiny_model, tiny_tokenizer
from transformers import BertConfig, BertModel, EvalPrediction


class TestLabelsOfTokens:
    def labels(self, words, tags, **settings):
        ner = script(NER)
        rows = datasets.Dataset.from_dict({"tokens": [words], "ner_tags": [tags]})
        data = datasets.DatasetDict(train=rows, validation=rows)
        arguments = ner.Arguments(**settings)
        return ner.tokenize(data, tiny_tokenizer(), {"O": 0, "PER": 1}, arguments)["train"]["labels"][0]

    @pytest.mark.parametrize(
        ("words", "tags", "settings", "expected"),
        [
            (["a", "film"], ["O", "PER"], {}, [-100, 0, 1, -100]),
            (["very-dull", "film"], ["PER", "O"], {}, [-100, 1, -100, -100, 0, -100]),
            (["film-film", "film-film"], ["PER", "PER"], {}, [-100, 1, -100, -100, 1, -100, -100, -100]),
            (["a", "", "film"], ["O", "PER", "O"], {}, [-100, 0, 0, -100]),
            (["a", "film", "plot"], ["O", "PER", "PER"], {"max_length": 4}, [-100, 0, 1, -100]),
            ([], [], {}, [-100, -100]),
        ],
        ids=["words", "tokens after the first", "neighbours", "empty word", "truncated", "no words"],
    )
    def test_labels(self, words, tags, settings, expected):
        assert self.labels(words, tags, **settings) == expected

    def test_more_words_than_tags(self):
        with pytest.raises(ValueError, match="A row has 2 words and 1 tags"):
            self.labels(["a", "film"], ["O"])


def test_scores_of_tokens():
    labels, predictions = np.array([[0, 1, 2, 1, -100]]), np.array([[1, 1, 1, 0, 1]])
    # One of three tags is found, and three are given.
    scores = script(NER).scores_of(EvalPrediction(predictions, labels), outside=0)
    assert scores == {"accuracy": 0.25, "f1": pytest.approx(2 / 6)}


class TestBadInput:
    """Each script says what came and what is allowed, before it trains."""

    @pytest.fixture(autouse=True)
    def folder(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "empty.csv").write_text("text,label\na,0\n")
        (tmp_path / "names.csv").write_text("sentence,label\na,good\nb,bad\n")
        (tmp_path / "flat.jsonl").write_text('{"tokens": "a film", "ner_tags": "O"}\n')
        (tmp_path / "rows.jsonl").write_text('{"tokens": ["a", "film"], "ner_tags": ["NONE", "PER"]}\n')
        (tmp_path / "short.txt").write_text("a film\n")
        bare = BertModel(BertConfig(vocab_size=VOCABULARY, **ENCODER))
        bare.save_pretrained(tmp_path / "bare")
        tiny_tokenizer().save_pretrained(tmp_path / "bare")
        tiny_model("bert").save_pretrained(tmp_path / "dense")
        tiny_tokenizer().save_pretrained(tmp_path / "dense")
        tiny_model("gpt2").save_pretrained(tmp_path / "gpt2")
        tiny_tokenizer().save_pretrained(tmp_path / "gpt2")

    @pytest.mark.parametrize(
        ("path", "arguments", "message"),
        [
            (GLUE, "--quantize int4", "`--quantize` must be dynamic or static, got 'int4'"),
            (NER, "--quantize int4", "`--quantize` must be dynamic or static, got 'int4'"),
            (CLM, "--quantize int4", "`--quantize` must be dynamic or static, got 'int4'"),
            (GLUE, "--train_file names.csv", "belong together"),
            (NER, "--train_file rows.jsonl", "belong together"),
            (CLM, "--validation_file short.txt", "belong together"),
            (GLUE, "--task_name sst", "must be one of cola, .*, got 'sst'"),
            (GLUE, "FILES empty.csv", "The train data has no column sentence, only text, label"),
            (GLUE, "FILES names.csv", "Labels must be 0, 1, 2, … without gaps, got 'bad', 'good'"),
            (NER, "FILES rows.jsonl --label_column tags", "The train data has no column tags, only tokens, ner_tags"),
            (NER, "FILES flat.jsonl", "The column 'tokens' must have lists, and has 'a film'"),
            (NER, "FILES rows.jsonl", "`--outside_label` must be one of NONE, PER, got 'O'"),
            (NER, "FILES rows.jsonl --outside_label NONE --distil", "bare has no classifier.bias, classifier.weight"),
            (CLM, "FILES short.txt", "The train texts are shorter than one block of 128"),
            (CLM, "FILES short.txt --block_size 64 --model_name_or_path gpt2", "must be at most 32 here, got 64"),
            (ONE_SHOT, "--approach int4", "`--approach` must be dynamic or static, got 'int4'"),
            (ONE_SHOT, "--train_file names.csv", "belong together"),
            (ONE_SHOT, "FILES names.csv", "teaches itself, but bare has no classifier.bias, classifier.weight"),
            (PLAIN, "--train_file names.csv", "belong together"),
            (PLAIN, "FILES names.csv", "teaches itself, but bare has no classifier.bias, classifier.weight"),
            (PLAIN, "FILES empty.csv --model_name_or_path dense", "The train data has no column sentence, only text,"),
            (
                ACCELERATE,
                "FILES names.csv --model_name_or_path dense",
                "Labels must be 0 to 1, those of the model; the train data has 'bad', 'good'",
            ),
            (CLM, "--distil", "give a trained one, `--model_name_or_path`"),
        ],
    )
    def test_message(self, monkeypatch, path, arguments, message):
        words = re.sub(r"FILES (\S+)", r"--train_file \1 --validation_file \1", arguments).split()
        if path != CLM:
            words = ["--model_name_or_path", "bare", *words]
        if path not in (PLAIN, ACCELERATE):
            words += ["--report_to", "none"]
        monkeypatch.setattr(sys, "argv", [path.name, *words, "--output_dir", "out"])
        with pytest.raises(ValueError, match=message):
            script(path).main()
        assert not list(Path("out").glob("**/*.safetensors"))

"""Labelled files as people have them, and what is said of those that cannot be used."""

import json
import re

import pytest
from commandline import error_line
from tiny import tiny_model, tiny_tokenizer
from transformers import BertConfig, BertForTokenClassification

from inc_hf.commands.main import main

pytest.importorskip("datasets")
SCORED = ("--task", "text-classification")
REFUSED = {
    "a row without a text": (
        "sentence\tlabel\ngood\t1\nbad\t0\n\t1\n",
        SCORED,
        "Row 2 .* has nothing in column 'sentence'",
    ),
    "the first row without a text": (
        "sentence\tlabel\n\t1\ngood\t1\n",
        SCORED,
        "Row 0 .* has nothing in column 'sentence'",
    ),
    "a row without a text to calibrate on": (
        'sentence\nthe film\n""\n \n'.replace('""', "NA"),
        ("--approach", "static"),
        "Row 1 .* nothing in column 'sentence'",
    ),
    "other names": (
        "review\tstars\ngood\t1\nbad\t0\n",
        SCORED,
        "columns are review, stars. Call theirs 'label', or .*--label-column",
    ),
    "no header": (
        "a joy to watch\t1\na bore\t0\n",
        SCORED,
        "columns are a joy to watch, 1. .*the names of its columns",
    ),
    "semicolons": (
        "sentence;label\na film, and good;1\n",
        SCORED,
        "'sentence;label', is one column. .*by tabs in a .tsv",
    ),
    "commas in a .tsv": ("sentence,label\ngood,1\n", SCORED, "'sentence,label', is one column"),
    "not in UTF-8": ("sentence\tlabel\ncaf\udce9\t1\n", SCORED, "rows.tsv cannot be read .*0xe9 .*save it as UTF-8"),
    "two columns of text": (
        "title\treview\tlabel\na\tgood\t1\n",
        SCORED,
        "gives .'label', 'review', 'title'.*--text-column",
    ),
}


@pytest.mark.parametrize("command", ["quantize", "convert"])
@pytest.mark.parametrize(("content", "arguments", "message"), REFUSED.values(), ids=REFUSED)
def test_refused(command, content, arguments, message, model_dir, tmp_path, capsys):
    if command == "convert" and arguments is not SCORED:
        pytest.skip("is not calibrated")
    (tmp_path / "rows.tsv").write_bytes(content.encode("utf-8", "surrogateescape"))
    assert main([command, str(model_dir), "-o", "out", "--dataset", "rows.tsv", *arguments]) == 2
    assert re.search(message, error_line(capsys.readouterr().err))


def saved(model, directory):
    model.save_pretrained(directory)
    tiny_tokenizer().save_pretrained(directory)
    return str(directory)


@pytest.mark.parametrize(
    "columns", [(), ("--text-column", "tokens", "--label-column", "ner_tags")], ids=["known", "said"]
)
def test_words_with_tags(columns, tmp_path):
    config = BertConfig(
        vocab_size=96, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32
    )
    model = saved(BertForTokenClassification(config), tmp_path / "tagger")
    rows = [{"tokens": ["the", "film"], "ner_tags": [0, 1]}, {"tokens": ["a", "dull", "plot"], "ner_tags": [0, 1, 0]}]
    (tmp_path / "ner.json").write_text("\n".join(map(json.dumps, rows)))
    data = ["--dataset", "ner.json", "--task", "token-classification", *columns]
    assert main(["quantize", model, "-o", "out", "--approach", "static", "--max-trials", "1", *data]) in (0, 3)
    (tmp_path / "ner.json").write_text(json.dumps({"tokens": ["the"], "ner_tags": [7]}))
    assert main(["quantize", model, "-o", "other", *data]) == 2


def test_texts_of_a_model_that_writes(tmp_path, capsys):
    writer = tiny_model("t5")
    writer.config.decoder_start_token_id = writer.config.pad_token_id = 0
    model = saved(writer, tmp_path / "t5")
    (tmp_path / "texts.txt").write_text("the film\na plot\n")
    assert main(["quantize", model, "-o", "out", "--approach", "static", "--texts", "texts.txt"]) == 2
    assert "give a --dataset with a column of texts and one of their answers" in error_line(capsys.readouterr().err)
    (tmp_path / "pairs.tsv").write_text("text\tlabel\nthe film\ta film\na plot\tthe plot\n")
    assert main(["quantize", model, "-o", "out", "--approach", "static", "--dataset", "pairs.tsv"]) == 0


def test_metrics_and_tasks_by_other_names(labelled, model_dir, capsys):
    data = ["--dataset", str(labelled), "--task", "sentiment-analysis", "--max-trials", "1"]
    assert main(["quantize", str(model_dir), "-o", "f1", *data, "--metric", "f1"]) in (0, 3)
    assert "f1 on dev.tsv" in capsys.readouterr().out
    assert main(["quantize", str(model_dir), "-o", "accuracy", *data, "--metric", "accuracy"]) in (0, 3)
    assert "accuracy on dev.tsv" in capsys.readouterr().out
    assert main(["quantize", str(model_dir), "-o", "out", *data, "--metric", "rouge"]) == 2
    assert "wnli, or accuracy, f1" in error_line(capsys.readouterr().err)


def test_a_table_taken_as_text(labelled, model_dir, caplog):
    assert main(["quantize", str(model_dir), "-o", "out", "--approach", "static", "--texts", str(labelled)]) == 0
    assert "A table is for --dataset" in caplog.text

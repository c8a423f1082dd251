"""INC's "GLUE": the files of the benchmark."""

import pytest
from tiny import tiny_tokenizer

from inc_hf.built_in.bert import GLUE, GlueDataset
from inc_hf.errors import UsageError

# task -> its file, as the benchmark has it, the texts of the first row, and the labels
FILES = {
    "cola": ("gj04\t1\t\tthe film\ngj04\t0\t*\tgood film\n", ["the film"], [1, 0]),
    "sst-2": ("sentence\tlabel\nthe film\t1\nbad film\t0\n", ["the film"], [1, 0]),
    "mrpc": (
        '\ufeffQuality\t#1 ID\t#2 ID\t#1 String\t#2 String\n1\t7\t8\tthe film\tgood "film\n0\t7\t9\tgood\tbad\n',
        ["the film", 'good "film'],
        [1, 0],
    ),
    "qnli": (
        "index\tquestion\tsentence\tlabel\n0\tthe film\tbad\tentailment\n1\tgood\tbad\tnot_entailment\n",
        ["the film", "bad"],
        [0, 1],
    ),
    "mnli": (
        "index\tsentence1\tsentence2\tgold_label\n0\tthe film\tbad\tneutral\n1\tfilm\tgood\tcontradiction\n",
        ["the film", "bad"],
        [2, 0],
    ),
    "sts-b": (
        "index\tsentence1\tsentence2\tscore\n0\tthe film\tbad\t1.500\n1\tfilm\tgood\t4.000\n",
        ["the film", "bad"],
        [1.5, 4.0],
    ),
}


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tokenizer")
    tiny_tokenizer().save_pretrained(folder)
    return folder


@pytest.mark.parametrize("task", FILES)
def test_files(task, tokenizer, tmp_path):
    text, first, labels = FILES[task]
    (tmp_path / f"{GLUE[task][3]}.tsv").write_text(text, encoding="utf-8")
    dataset = GlueDataset(tmp_path, tokenizer, task.upper(), max_seq_length=16)
    assert [label for _, label in dataset] == labels
    inputs, _ = dataset[0]
    expected = tiny_tokenizer()(*first)["input_ids"]
    count = len(expected)
    assert inputs["input_ids"][:count].tolist() == expected and inputs["input_ids"].shape == (16,)
    assert inputs["attention_mask"].tolist() == [1] * count + [0] * (16 - count)
    short = GlueDataset(tmp_path, tokenizer, task, dynamic_length=True)
    assert short[0][0]["input_ids"].tolist() == expected


def test_wrong_files(tokenizer, tmp_path):
    with pytest.raises(UsageError, match=r"`task` must be one of .*; did you mean 'sst-2'\?"):
        GlueDataset(tmp_path, tokenizer, "sst2")
    with pytest.raises(FileNotFoundError, match="dev.tsv; `data_dir` is to have the files of GLUE"):
        GlueDataset(tmp_path, tokenizer, "sst-2")
    for text, message in (
        ("sentence\tlabel\n", "has no samples"),
        ("", "has no samples"),
        ("text\tlabel\na\t1\n", r"Row 0 .* has no column 'sentence', only text, label"),
        ("sentence\tlabel\na\t1\nb\n", r"Row 1 .* has no column 'label', only sentence"),
        ("sentence\tlabel\na\t2\n", r"Row 0 .* has the label '2'; the task has 0, 1"),
    ):
        (tmp_path / "dev.tsv").write_text(text)
        with pytest.raises(UsageError, match=message):
            GlueDataset(tmp_path, tokenizer, "sst-2")
    (tmp_path / "dev.tsv").write_text("sentence1\tsentence2\tscore\na\tb\tx\n")
    with pytest.raises(UsageError, match="Row 0 .* has the score 'x', which is no number"):
        GlueDataset(tmp_path, tokenizer, "sts-b")

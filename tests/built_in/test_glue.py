"""INC's "GLUE": the files of the benchmark."""

import pytest
from tiny import tiny_tokenizer

from inc_hf.built_in.glue import GLUE, GlueDataset
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
    batch = short.collate([short[0], short[1]])
    assert batch["input_ids"].shape == (2, max(len(short[i][0]["input_ids"]) for i in range(2)))
    assert batch["labels"].tolist() == labels


def test_names_of_models_and_tasks(tokenizer, tmp_path):
    (tmp_path / "dev_matched.tsv").write_text(FILES["mnli"][0])
    assert GlueDataset(tmp_path, tokenizer, "mnli", model_type="RoBERTa").labels == [1, 0]
    (tmp_path / "dev.tsv").write_text(FILES["sst-2"][0])
    assert GlueDataset(tmp_path, tokenizer, "SST2", do_lower_case=True).labels == [1, 0]


def test_wrong_files(tokenizer, tmp_path):
    with pytest.raises(UsageError, match=r"`task` must be one of .*; did you mean 'sst-2'\?"):
        GlueDataset(tmp_path, tokenizer, "sst_2")
    with pytest.raises(FileNotFoundError, match="dev.tsv; `data_dir` is to have the files of GLUE"):
        GlueDataset(tmp_path, tokenizer, "sst-2")
    for text, message in (
        ("sentence\tlabel\n", "has no samples"),
        ("", "has no samples"),
        ("text\tlabel\na\t1\n", r"tsv, line 2: there is no column 'sentence', only text, label; is it a file of"),
        ("sentence\tlabel\na\t1\n\nb\n", r"tsv, line 4: there is no column 'label', only sentence"),
        ("sentence\tlabel\na\t2\n", r"tsv, line 2: the label must be one of 0, 1, got '2'"),
    ):
        (tmp_path / "dev.tsv").write_text(text)
        with pytest.raises(UsageError, match=message):
            GlueDataset(tmp_path, tokenizer, "sst-2")
    (tmp_path / "dev.tsv").write_text("sentence1\tsentence2\tscore\na\tb\tx\n")
    with pytest.raises(UsageError, match="tsv, line 2: the score is no number, got 'x'"):
        GlueDataset(tmp_path, tokenizer, "sts-b")
    (tmp_path / "dev.tsv").write_bytes(b"sentence\tlabel\ncaf\xe9\t1\n")
    with pytest.raises(UsageError, match="cannot be read: .*save it as UTF-8"):
        GlueDataset(tmp_path, tokenizer, "sst-2")

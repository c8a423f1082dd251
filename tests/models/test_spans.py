"""Questions with the texts of their answers, as files of SQuAD have them."""

import json

import pytest
import torch
import transformers
from tiny import tiny_tokenizer

from inc_hf.errors import UsageError
from inc_hf.evaluation.datasets import load_dataset_file_or_hub
from inc_hf.evaluation.tasks import evaluate_task
from inc_hf.models.batches import batches_of
from inc_hf.models.labels import IGNORED

CONTEXT = "the film was good"
SIZES = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}


def asked(answer, question="the plot was", context=CONTEXT):
    starts = [context.index(answer)] if answer else []
    return {
        "id": "1",
        "question": question,
        "context": context,
        "answers": {"text": [answer] * len(starts), "answer_start": starts},
    }


ROWS = [asked("good"), asked("the film was"), asked(None), asked("film", question="a")]


@pytest.fixture(scope="module")
def reader():
    return transformers.BertForQuestionAnswering(transformers.BertConfig(vocab_size=96, **SIZES)).eval()


def tokens_of(batch, row, tokenizer):
    start, end = batch["start_positions"][row], batch["end_positions"][row]
    return tokenizer.decode(batch["input_ids"][row, start : end + 1])


@pytest.mark.parametrize("side", ["right", "left"])
def test_the_tokens_of_the_answer_are_marked(reader, side):
    tokenizer = tiny_tokenizer()
    tokenizer.padding_side = side
    batch = next(batches_of(ROWS, reader, tokenizer))
    marked = [tokens_of(batch, row, tokenizer) for row in range(4)]
    assert marked == ["good", "the film was", "the", "film"]  # its first token, where there is no answer and no class
    assert 0 <= evaluate_task(reader, [batch], "question-answering")["accuracy"] <= 1


def test_the_score_is_that_of_places(reader, monkeypatch):
    tokenizer = tiny_tokenizer()
    batch = next(batches_of(ROWS, reader, tokenizer))
    right = {
        k: torch.nn.functional.one_hot(batch[f"{k}_positions"], batch["input_ids"].shape[1]).float()
        for k in ("start", "end")
    }
    output = transformers.modeling_outputs.QuestionAnsweringModelOutput(
        start_logits=right["start"], end_logits=right["end"].roll(1, 0)
    )
    monkeypatch.setattr(reader, "forward", lambda input_ids=None, attention_mask=None, token_type_ids=None: output)
    ends = batch["end_positions"]
    expected = (4 + int((ends == ends.roll(1)).sum())) / 8
    assert evaluate_task(reader, [batch], "question-answering")["accuracy"] == pytest.approx(expected)


def test_an_answer_that_was_cut_off_is_not_counted(reader):
    tokenizer = tiny_tokenizer()
    tokenizer.model_max_length = 6
    batch = next(batches_of([asked("good"), asked("the")], reader, tokenizer))
    assert batch["start_positions"].tolist()[0] == IGNORED
    assert tokens_of(batch, 1, tokenizer) == "the"


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ("good", "in another form than SQuAD's"),
        ({"text": ["good"]}, "in another form than SQuAD's"),
        ({"text": ["good"], "answer_start": [4]}, "'good' at character 4, where 'context' has 'film'"),
    ],
)
def test_answers_that_do_not_fit_are_refused(reader, answers, message):
    with pytest.raises(UsageError, match="Row 1 .*" + message):
        next(batches_of([ROWS[0], ROWS[0] | {"answers": answers}], reader, tiny_tokenizer()))


def test_a_tokenizer_that_knows_no_places_is_refused(reader, tmp_path):
    (tmp_path / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\ngood\n")
    slow = transformers.ByT5Tokenizer()
    with pytest.raises(UsageError, match="ByT5Tokenizer cannot tell where in the text a token is"):
        next(batches_of(ROWS, reader, slow))


def published(rows) -> dict:
    """As SQuAD's files are."""

    def question(row):
        answers = [{"text": t, "answer_start": s} for t, s in zip(*row["answers"].values(), strict=True)]
        return {"id": row["id"], "question": row["question"], "answers": answers}

    paragraphs = [{"context": row["context"], "qas": [question(row)]} for row in rows]
    return {"version": "1.1", "data": [{"title": "films", "paragraphs": paragraphs}]}


def test_a_file_of_squad_has_a_row_for_each_question(tmp_path, monkeypatch):
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    file = tmp_path / "dev-v1.1.json"
    file.write_text(json.dumps(published(ROWS)))
    assert list(load_dataset_file_or_hub(file, None, "train", None)) == ROWS
    file.write_text(json.dumps({"data": [{"a": 1}]}))
    with pytest.raises(UsageError, match="has the column 'data', and not what SQuAD has in it"):
        load_dataset_file_or_hub(file, None, "train", None)

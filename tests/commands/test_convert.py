"""`inc-hf convert`."""

import pytest
import torch
from tiny import logits_of, tiny_model, tiny_tokenizer
from transformers import AutoModelForSequenceClassification

from inc_hf import IncModelForSequenceClassification
from inc_hf.commands.main import main
from inc_hf.quantize.bf16 import bf16_modules


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    tiny_model("bert").save_pretrained(folder / "fp32")
    tiny_tokenizer().save_pretrained(folder / "fp32")
    (folder / "dev.tsv").write_text("sentence\tlabel\n" + "the film was good\t1\na dull plot\t0\n" * 4)
    return folder


def test_convert(models, capsys):
    arguments = [str(models / "fp32"), "-o", "bf16", "--keep-fp32", "classifier"]
    assert main(["convert", *arguments]) == 0
    captured = capsys.readouterr()
    rows = dict(row.strip("│").split("│") for row in captured.out.splitlines() if row.startswith("│"))
    rows = {key.strip(): value.strip() for key, value in rows.items()}
    assert rows["saved in"] == "bf16" and rows["modules in bfloat16"] == "10"
    assert "MB, in float32" in rows["weights on disk"] and "FP32 score" not in rows
    model = IncModelForSequenceClassification.from_pretrained("bf16")
    assert len(bf16_modules(model)) == 10 and "classifier" not in bf16_modules(model)
    plain = AutoModelForSequenceClassification.from_pretrained("bf16")
    torch.testing.assert_close(logits_of(model), logits_of(plain), rtol=0.05, atol=0.05)
    assert main(["convert", *arguments]) == 2
    assert "bf16 is not empty" in " ".join(capsys.readouterr().err.split())


def test_convert_to_a_goal(models, capsys):
    goal = ["--task", "text-classification", "--dataset", str(models / "dev.tsv"), "--tolerance", "0.5"]
    assert main(["convert", str(models / "fp32"), "-o", "out", *goal]) == 0
    printed = capsys.readouterr().out
    assert "accuracy on dev.tsv (8 samples)" in printed and "BF16 score" in printed
    assert main(["convert", str(models / "fp32"), "-o", "fp16", "--dtype", "fp16"]) == 2

"""What no command can make sense of: options that nobody would look at, a file in the place of a model."""

import pytest
from commandline import error_line
from tiny import tiny_model, tiny_tokenizer

from inc_hf.commands.main import main

TASK = ["--task", "text-classification"]
DATA = ["--dataset", "data.tsv"]
REFUSED = {
    "trials": (["--max-trials", "3"], "--max-trials needs --task and --dataset"),
    "trials without data": ([*TASK, "--max-trials", "3"], "--max-trials needs --dataset"),
    "resumed": (["--resume-from", "model"], "--resume-from needs"),
    "texts": (["--texts", "texts.txt"], "--texts is for --approach static or auto; leave it out, or choose that."),
    "samples": (["--samples", "5"], "--samples is for --approach static or auto"),
    "observer": (["--observer", "kl"], "--observer is for --approach static or auto"),
    "split": (["--split", "test"], "--split is of a dataset of the Hub, and there is no --dataset."),
    "split of a file": ([*TASK, *DATA, "--split", "test"], "--split is of a dataset of the Hub, and data.tsv is"),
    "config of a file": ([*TASK, *DATA, "--dataset-config", "x"], "--dataset-config is of a dataset of the Hub"),
}


@pytest.fixture
def here(tmp_path, monkeypatch):
    for part in (tiny_model("bert"), tiny_tokenizer()):
        part.save_pretrained(tmp_path / "model")
    (tmp_path / "texts.txt").write_text("a good film\n")
    (tmp_path / "data.tsv").write_text("sentence\tlabel\na good film\t1\n")
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("options, message", REFUSED.values(), ids=REFUSED)
def test_of_quantize(options, message, capsys):
    assert main(["quantize", "model", "-o", "out", *options]) == 2
    assert error_line(capsys.readouterr().err).startswith(message)


@pytest.mark.usefixtures("here")
def test_texts_of_smooth_quant_are_used():
    options = ["--smooth-quant", "0.5", "--texts", "texts.txt"]
    assert main(["quantize", "model", "-o", "out", *options]) == 0


@pytest.mark.usefixtures("here")
def test_an_export_does_not_replace_its_model(capsys, tmp_path):
    assert main(["export", "model", "-o", "model", "--overwrite"]) == 2
    assert "model is the model itself; leave out -o" in error_line(capsys.readouterr().err)
    assert (tmp_path / "model/model.safetensors").exists()


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("command", ["quantize", "convert", "export", "benchmark"])
def test_a_file_is_no_model(command, capsys):
    output = [] if command == "benchmark" else ["-o", "out"]
    assert main([command, "model/config.json", *output]) == 2
    assert error_line(capsys.readouterr().err) == "model/config.json is a file; give the directory that it lies in."


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("name", ["no/such/folder", "./model8", "/no/such", "a b", "a/b/c/d", "a--b", "x/"])
def test_what_is_no_directory_and_no_name_of_the_hub(name, capsys):
    assert main(["quantize", name, "-o", "out"]) == 2
    assert error_line(capsys.readouterr().err).startswith(f"There is no directory {name!r}, and a name on the Hub is")


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("command", ["quantize", "convert"])
def test_the_model_that_is_read_is_never_replaced(command, capsys, tmp_path):
    before = sorted((tmp_path / "model").iterdir())
    (tmp_path / "link").symlink_to("model")
    for output in ("model", "./model/", "link"):
        assert main([command, "model", "-o", output, "--overwrite"]) == 2
        assert "is the model itself; choose another directory" in error_line(capsys.readouterr().err)
    assert sorted((tmp_path / "model").iterdir()) == before


@pytest.mark.usefixtures("here")
def test_a_model_behind_what_is_kept_in_float():
    assert main(["convert", "-o", "out", "--keep-fp32", "classifier", "bert.pooler.dense", "./model"]) == 0


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    "options, message",
    [
        (["-o", "out", "--keep-fp32", "classifier", "user/model"], "so put MODEL before it"),
        (["-m", "model", "other", "-o", "out"], "Which model, 'other' or 'model' (-m)? Give one"),
        (
            ["model", "-o", "out", "--aproach", "static"],
            "unrecognized arguments: --aproach static; did you mean '--approach'",
        ),
        ([".", "-o", "out"], ". holds no model: it has no config.json; did you mean model?"),
    ],
    ids=["swallowed", "two", "misspelt", "above"],
)
def test_which_model(options, message, capsys):
    assert main(["quantize", *options]) == 2
    assert message in error_line(capsys.readouterr().err)


@pytest.mark.usefixtures("here")
def test_columns_of_other_names(tmp_path, capsys):
    pytest.importorskip("datasets")
    (tmp_path / "reviews.tsv").write_text("sentence\treview\tstars\n-\ta good film\t1\n-\ta dull plot\t0\n")
    data = ["convert", "model", "-o", "out", *TASK, "--dataset", "reviews.tsv", "--label-column", "stars"]
    assert main([*data, "--text-column", "text"]) == 2
    assert "--text-column: reviews.tsv has no column 'text', only sentence, review, stars" in capsys.readouterr().err
    assert main([*data, "--text-column", "review", "--tolerance", "0.9"]) == 0

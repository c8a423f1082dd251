"""What users hand over by mistake: exit code 2, one line that says what is wrong, and nothing written."""

import re

import damaged
import pytest
from commandline import error_line

from inc_hf.commands.main import main


@pytest.fixture(scope="module")
def places(tmp_path_factory) -> dict:
    return damaged.build(tmp_path_factory.mktemp("damaged"))


def files(folder) -> dict:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


@pytest.fixture
def refused(places, tmp_path, capsys):
    """Runs a command line that is refused; returns the line of its error."""
    (tmp_path / "occupied").write_text("mine")
    (tmp_path / "folder").mkdir()

    def run(*arguments: str) -> str:
        before = files(tmp_path), files(places["model"].parent)
        assert main([argument.format(**places) for argument in arguments]) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        assert (files(tmp_path), files(places["model"].parent)) == before
        return error_line(captured.err)

    return run


MODELS = {
    "config_cut": "config_cut cannot be loaded: .*not a valid JSON file",
    "config_empty": "config_empty cannot be loaded: .*not a valid JSON file",
    "config_list": "config_list cannot be loaded: ",
    "config_null": "config_null cannot be loaded: ",
    "config_noise": "config_noise cannot be loaded: .*not a valid JSON file",
    "no_type": "no_type cannot be loaded: ",
    "martian": "martian cannot be loaded: .*`martian`",
    "type_number": "type_number cannot be loaded: .*`7`",
    "architecture_absent": "architecture_absent does not say what model it is; pass `task`",
    "architecture_number": "architecture_number does not say what model it is; pass `task`",
    "architectures_number": "architectures_number does not say what model it is; pass `task`",
    "architecture_function": "architecture_function does not say what model it is; pass `task`",
    "architecture_text": "architecture_text does not say what model it is; pass `task`",
    "size_text": "size_text cannot be loaded: .*hidden_size.*'abc'",
    "size_null": "size_null cannot be loaded: .*hidden_size.*None",
    "size_negative": "size_negative cannot be loaded: .*-8",
    "size_other": "weights of .*size_other do not fit its config.json",
    "layers_list": "layers_list cannot be loaded: .*num_hidden_layers",
    "activation_absent": "activation_absent cannot be loaded: .*purple",
    "labels_text": "labels_text cannot be loaded: ",
    "dtype_absent": "dtype_absent cannot be loaded: .*float23",
    "tokenizer_cut": "The tokenizer of .*tokenizer_cut cannot be loaded: ",
    "tokenizer_empty": "The tokenizer of .*tokenizer_empty cannot be loaded: ",
    "tokenizer_object": "The tokenizer of .*tokenizer_object cannot be loaded: ",
    "tokenizer_noise": "The tokenizer of .*tokenizer_noise cannot be loaded: .*utf-8",
    "tokenizer_config_list": "The tokenizer of .*tokenizer_config_list cannot be loaded: ",
    "tokenizer_config_cut": "The tokenizer of .*tokenizer_config_cut cannot be loaded: ",
    "weights_cut": "The weights of .*weights_cut are truncated or damaged",
    "weights_empty": "The weights of .*weights_empty are truncated or damaged",
    "weights_noise": "The weights of .*weights_noise are truncated or damaged",
    "weights_absent": "weights_absent cannot be loaded: .*no file named model.safetensors",
}


@pytest.mark.parametrize("name", MODELS)
def test_damaged_models(refused, name):
    assert re.search(MODELS[name], refused("quantize", f"{{{name}}}", "-o", "out"))


@pytest.mark.parametrize("command", ["export", "convert"])
@pytest.mark.parametrize("name", ["config_list", "martian", "size_text", "tokenizer_object", "weights_noise"])
def test_damaged_models_for_other_commands(refused, command, name):
    assert re.search(MODELS[name], refused(command, f"{{{name}}}", "-o", "out"))


@pytest.mark.parametrize("command", ["quantize", "export", "convert"])
def test_a_task_that_the_architecture_has_not(refused, command):
    line = refused(command, "{model}", "-o", "out", "--task", "image-classification")
    assert "is a BertForSequenceClassification, for text-classification; models of the type 'bert' cannot do" in line


@pytest.mark.parametrize("command", ["quantize", "export", "convert"])
@pytest.mark.parametrize("task", ["question-answering", "token-classification", "fill-mask"])
def test_a_task_that_the_checkpoint_is_not_for(refused, command, task):
    line = refused(command, "{model}", "-o", "out", "--task", task)
    assert f"is a BertForSequenceClassification, for text-classification, and was not trained for {task!r}" in line


QUANTIZED = {
    "method_list": "method_list cannot be loaded: ",
    "method_text": "method_text cannot be loaded: ",
    "method_absent": "quantized with 'purple'; this package reads 'inc' and 'compressed-tensors'",
    "groups_list": "`quantization_config` of the checkpoint is malformed",
    "groups_null": "`quantization_config` of the checkpoint is malformed",
    "bits_text": "`quantization_config` of the checkpoint is malformed",
    "bits_null": "`quantization_config` of the checkpoint is malformed",
    "targets_number": "`targets` of `group_0` in the `quantization_config` must be a list of names",
    "header_list": "The weights of .*header_list are truncated or damaged",
    "header_number": "The weights of .*header_number are truncated or damaged",
    "header_bare": "The weights of .*header_bare are truncated or damaged",
}


@pytest.mark.parametrize("name", QUANTIZED)
def test_damaged_quantized_models(refused, name):
    assert re.search(QUANTIZED[name], refused("export", f"{{{name}}}", "-o", "out"))


INCOMPLETE = (
    "gives ['label', 'sentence'], but|holds what the tokenizer does not take|label in row 0 .* is None|The label"
)
DATA = {
    "empty_csv": "empty.csv cannot be read as a dataset: No columns",
    "header_csv": "header.csv cannot be read as a dataset: .*no data",
    "ragged_csv": "ragged.csv cannot be read as a dataset: .*Expected 2 fields in line 3, saw 4",
    "noise_csv": "noise.csv cannot be read as a dataset: .*utf-8",
    "words_csv": "words.csv: The label '.*' in row 0 .* is none of the model's `label2id`",
    "large_csv": "The evaluation data does not fit the model: label 7 in row 0 .* is out of range: labels are 0 to 1",
    "negative_csv": "The evaluation data does not fit the model: label -3 in row 0 .* is out of range",
    "unlabelled_csv": "Evaluation needs labels",
    "numbers_csv": "The data gives ['a', 'b'], but",
    "missing_csv": INCOMPLETE,
    "fake_parquet": "fake.parquet cannot be read as a dataset: .*not a parquet file",
    "empty_parquet": "empty.parquet cannot be read as a dataset: .*0 bytes",
    "fake_data_json": "fake_data.json cannot be read as a dataset: JSON parse error",
    "number_data_json": "number_data.json cannot be read as a dataset: JSON parse error",
    "mixed_data_jsonl": INCOMPLETE,
    "nothing": "nothing doesn't contain any data files",
}


@pytest.mark.parametrize("command", ["quantize", "convert"])
@pytest.mark.parametrize("name", DATA)
def test_damaged_datasets(refused, command, name):
    pytest.importorskip("datasets")
    line = refused(command, "{model}", "-o", "out", "--task", "text-classification", "--dataset", f"{{{name}}}")
    assert re.search(DATA[name].replace("[", r"\["), line)


@pytest.mark.parametrize("name", ["empty_csv", "ragged_csv", "noise_csv", "numbers_csv", "fake_parquet", "nothing"])
def test_damaged_datasets_for_calibration(refused, name):
    pytest.importorskip("datasets")
    line = refused("quantize", "{model}", "-o", "out", "--approach", "static", "--dataset", f"{{{name}}}")
    assert re.search(DATA[name].replace("[", r"\["), line)


def test_labels_of_another_task(refused):
    pytest.importorskip("datasets")
    arguments = ["--task", "text-generation", "--dataset", "{good_tsv}"]
    assert "for 'text-generation' it lacks cls.predictions" in refused("quantize", "{model}", "-o", "out", *arguments)


def test_a_dataset_that_is_nowhere(refused):
    pytest.importorskip("datasets")
    assert "absent.csv" in refused(
        "quantize", "{model}", "-o", "out", "--approach", "static", "--dataset", "absent.csv"
    )


STATIC = ["--approach", "static"]
OPTIONS = {
    "config of noise": (["--config", "{noise_json}"], "noise.json cannot be read as text: .*utf-8"),
    "empty config": (["--config", "{empty_json}"], "empty.json` is not valid JSON"),
    "config that is a list": (["--config", "{list_json}"], "list.json` must be a dict"),
    "config that is a number": (["--config", "{number_json}"], "number.json` must be a dict"),
    "config that is null": (["--config", "{null_json}"], "null.json` must be a dict"),
    "config cut": (["--config", "{cut_json}"], "cut.json` is not valid JSON"),
    "unknown field": (["--config", "{unknown_json}"], "no field 'aproach'.*approach"),
    "field of a wrong type": (["--config", "{wrong_json}"], "`approach` must be a string, got 5"),
    "text for a dict": (["--config", "{wrong_dict_json}"], "`op_type_dict` is not valid JSON"),
    "directory for a config": (["--config", "{nothing}"], "Is a directory: .*nothing"),
    "texts of noise": ([*STATIC, "--texts", "{noise_txt}"], "noise.txt cannot be read as text: .*utf-8"),
    "blank texts": ([*STATIC, "--texts", "{blank_txt}"], "blank.txt has no text"),
    "directory for texts": ([*STATIC, "--texts", "{nothing}"], "Is a directory: .*nothing"),
    "unknown metric": (["--metric", "glue", "{scored}"], "Unknown GLUE task 'glue'"),
    "nothing to resume": (["--resume-from", "absent", "{scored}"], "No such file.*absent"),
    "noise to resume": (["--resume-from", "{noise_json}", "{scored}"], "noise.json is not a tuning history"),
    "a list to resume": (["--resume-from", "{list_json}", "{scored}"], "list.json is not a tuning history"),
    "workspace in a file": (["--workspace", "occupied", "{scored}"], "occupied"),
    "batches of nothing": (
        ["--batch-size", "0", "{scored}"],
        "--batch-size: it takes a whole number of at least 1, got '0'",
    ),
    "batches of less": (
        ["--batch-size", "-2", "{scored}"],
        "--batch-size: it takes a whole number of at least 1, got '-2'",
    ),
    "tolerance nan": (["--tolerance", "nan"], "--tolerance: it takes a number of at least 0, got 'nan'"),
    "tolerance of 1 per cent": (["--tolerance", "1"], "--tolerance: it takes a share .*below 1, got '1'; 1 % is 0.01"),
    "tolerance of all": (["--tolerance", "150"], "got '150'; 150 % is 1.5"),
    "task without data": (
        ["--task", "text-classification"],
        "--task says how a --dataset is scored, and there is none",
    ),
    "alpha of 7": (["--smooth-quant", "7"], "--smooth-quant: it takes a number in .0, 1., or auto, got '7'; see"),
    "alpha of a model": (["--smooth-quant", "tiny"], "or auto, got 'tiny'; put MODEL before the options"),
    "alpha without data": (["--smooth-quant", "0.5"], "SmoothQuant needs calibration data"),
    "negative seed": (["--seed", "-1"], "--seed: it takes a whole number from 0 to 4294967295, got '-1'"),
    "huge seed": (["--seed", "99999999999"], "--seed: it takes a whole number from 0 to 4294967295, got"),
    "negative samples": (["--samples", "-3"], "--samples: it takes a whole number of at least 1, got '-3'"),
    "a number as observer": (["--observer", "7"], "--observer: it takes one of minmax, kl, .*, got '7'"),
    "no module": (["--keep-fp32", ""], "--keep-fp32: it takes a name, got ''"),
    "output in a file": (["-o", "occupied/out"], "occupied"),
    "output deep in a file": (["-o", "occupied/deep/out"], "occupied"),
    "no repository": (["--push-to-hub", "a/b/c"], "a/b/c cannot be a repository: Repo id must be"),
    "output here": (["-o", ""], "-o/--output: it takes a name, got ''"),
}


@pytest.mark.parametrize(("arguments", "message"), OPTIONS.values(), ids=OPTIONS)
def test_options_of_quantize(refused, arguments, message):
    if "{scored}" in arguments:
        pytest.importorskip("datasets")
        arguments = [*arguments[:-1], "--task", "text-classification", "--dataset", "{good_tsv}"]
    output = [] if "-o" in arguments else ["-o", "out"]
    assert re.search(message, refused("quantize", "{model}", *output, *arguments))


@pytest.mark.parametrize("name", ["", "{good_txt}"], ids=["no name", "a text"])
def test_what_is_no_model(refused, name):
    assert refused("quantize", name, "-o", "out")

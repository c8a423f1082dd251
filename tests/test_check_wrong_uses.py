"""scripts/check_wrong_uses.py: some of its command lines and calls, in this process."""

import logging
import sys
from pathlib import Path

import pytest
from commandline import error_line

from inc_hf.commands.main import main
from inc_hf.errors import UsageError

SCRIPTS = str(Path(__file__).parents[1] / "scripts")
LINES = {
    "quantize model -o model --overwrite": "model is the model itself",
    "convert model -o model --overwrite": "model is the model itself",
    "quantize of_another_model -o out": "LayerNorm.bias` has the shape [16], and the config says [32]",
    "quantize no_tokenizer -o out --task text-classification --dataset data.tsv": "no tokenizer for them",
    "quantize model -o out --task text-classification --dataset labels_3_4.tsv": "labels_3_4.tsv: The evaluation data",
    "quantize model -o out --task text-classification --dataset ragged.tsv": "line 2 has 4 fields, and line 1 names 2",
    "quantize model -o out --task text-classification --dataset data.xyz": "whose name ends in '.xyz'",
    "quantize model -o out --dataset data.tsv --task text-classification --metric stsb": "--metric stsb: The metric",
    "benchmark int8 --baseline model --seq 5000": "must be at most 64, the tokens that int8 takes, got 5000",
    "benchmark int8 --baseline ./no/such --seq 8": "There is no directory './no/such'",
    "benchmark int8 --json int8/config.json": "int8/config.json is a file of the model int8",
    "export model -o out --inputs no_such_input": "has no inputs ['no_such_input']",
    "export model -o out --quant-format QDQ": "model is not quantized",
    "info no_weights": "holds a config and no weights",
}
CALLS = {
    ("optimize", "model", "None"): "`model` must be a torch.nn.Module, got NoneType",
    ("quantization.fit", "eval_func", "[1]"): "`eval_func` must be a function",
    (
        "training.fit",
        "compression_manager",
        "None",
    ): "`compression_manager` must be what `prepare_compression` returns",
    ("model_slim", "round_multiplier", "'text'"): "`round_multiplier` must be an int",
}


@pytest.fixture(scope="module")
def uses(tmp_path_factory):
    """The modules of the script, and the folder that it makes."""
    sys.path.insert(0, SCRIPTS)
    try:
        from wrong_uses import calls, folder, outcome
        from wrong_uses import uses as lines
    finally:
        sys.path.remove(SCRIPTS)
    place = tmp_path_factory.mktemp("uses")
    folder.fill(place)
    return lines, calls, outcome, place


@pytest.fixture(autouse=True)
def in_its_folder(uses, monkeypatch):
    monkeypatch.chdir(uses[3])
    logger = logging.getLogger("inc_hf")
    handlers, level = logger.handlers, logger.level
    yield
    logger.handlers, logger.level = handlers, level


@pytest.mark.parametrize("line", LINES)
def test_command_lines(line, capsys):
    if "--dataset" in line:
        pytest.importorskip("datasets")
    assert main(line.split()) == 2
    printed = capsys.readouterr()
    assert LINES[line] in error_line(printed.err) and "Loading weights" not in printed.err
    assert Path("model/vocab.txt").exists() and not Path("out").exists()


@pytest.mark.parametrize("call", CALLS, ids=": ".join)
def test_calls(uses, call):
    with pytest.raises(UsageError) as raised:
        uses[1].called(*call)
    assert CALLS[call] in str(raised.value)


def test_there_are_hundreds_of_them(uses):
    lines = [" ".join(line) for line in uses[0].wrong_uses()]
    assert len(set(lines)) == len(lines) > 400
    assert len(uses[1].calls()) > 40


@pytest.mark.parametrize(
    "code, lines, fault",
    [
        (2, ["inc-hf: error: no"], ""),
        (2, ["Loading weights: 100%|#|", "inc-hf: error: no"], "after a model was loaded"),
        (2, ["a warning", "inc-hf: error: no"], "2 lines"),
        (1, ["Traceback", "KeyError: 'x'"], "a traceback"),
        (0, [], "done, as if it were right"),
    ],
)
def test_what_is_a_fault(uses, code, lines, fault):
    assert uses[2].LineOutcome("a use", code, lines, 0.1).fault == fault

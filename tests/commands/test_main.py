"""`inc-hf`: as a program, its help and usage, and what becomes of errors."""

import pytest
import torch
from commandline import error_line, run
from tiny import logits_of, quantized
from transformers import AutoTokenizer

# What the commands import when they run: a function that is replaced must not be imported into them for good.
from inc_hf.commands.exit_codes import EXIT_INTERRUPTED
from inc_hf.commands.main import guarded, main
from inc_hf.errors import UsageError, UsageTypeError
from inc_hf.utils.load_huggingface import OptimizedModel


class TestProgram:
    """In a fresh interpreter."""

    def test_as_a_module(self, model_dir, tmp_path):
        finished = run("quantize", model_dir, "-o", "out", program=("-m", "inc_hf.commands.main"))
        assert finished.returncode == 0, finished.stderr
        assert "BertForSequenceClassification, quantized" in finished.stdout
        assert "inc-hf info out" in finished.stdout
        files = {p.name for p in (tmp_path / "out").iterdir()}
        assert {"config.json", "model.safetensors", "README.md", "tokenizer.json", "inc_config.json"} <= files
        assert [p.name for p in tmp_path.iterdir()] == ["out"]
        assert torch.equal(logits_of(OptimizedModel.from_pretrained("out")), logits_of(quantized("bert").model))
        assert AutoTokenizer.from_pretrained("out")("the film").input_ids == [2, 5, 7, 3]

    def test_as_the_script_that_pip_writes(self, tmp_path):
        code = "import sys; from inc_hf.commands.main import main; sys.exit(main())"
        finished = run("quantize", tmp_path / "absent", "-o", "out", program=("-c", code))
        assert finished.returncode == 2
        assert finished.stdout == ""
        assert "absent" in error_line(finished.stderr)
        assert list(tmp_path.iterdir()) == []

    def test_help_and_usage_need_no_torch(self):
        code = "import sys, inc_hf.commands.main as m; m.build_parser(); print(sorted(sys.modules))"
        loaded = run(program=("-c", code)).stdout
        assert "inc_hf.commands.quantize" in loaded
        assert "'torch'" not in loaded and "'transformers'" not in loaded and "'rich'" not in loaded

    @pytest.mark.parametrize(
        "arguments", ["quantize ./no -o out", "convert ./no -o out", "export ./no", "benchmark ./no", "info no"]
    )
    def test_a_name_that_is_nowhere_needs_no_torch(self, arguments):
        code = "import sys, inc_hf.commands.main as m; print(m.main(sys.argv[1:]), sorted(sys.modules))"
        finished = run(*arguments.split(), program=("-c", code))
        assert finished.stdout.startswith("2 ") and "'torch'" not in finished.stdout
        assert "no such directory" in finished.stderr or "There is no directory" in finished.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--help"], ["quantize", "info", "exit codes: 0 done; 2 bad input"]),
        (["quantize", "--help"], ["examples:\n  inc-hf quantize ./my-model", "exit codes: 0 done; 2 bad", "--texts"]),
        (["info", "--help"], ["DIR", "--json"]),
    ],
    ids=["inc-hf", "quantize", "info"],
)
def test_help(capsys, arguments, words):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 0
    printed = capsys.readouterr().out
    for word in words:
        assert word in printed


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["compress"],
        ["quantize", "model"],
        ["quantize", "m", "-o", "out", "--format", "onnx"],
        ["quantize", "m", "-o", "out", "--weight-bits", "eight"],
        ["export", "m", "--quant-format", "qdq"],
        ["convert", "m", "-o", "out", "--dtype", "fp8"],
        ["benchmark", "m", "--seconds", "soon"],
        ["info", "a", "b"],
        ["report"],
    ],
    ids=" ".join,
)
def test_usage(capsys, arguments, tmp_path):
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert error_line(captured.err) + "\n" == captured.err.removeprefix("inc-hf: error: ")
    assert "--help" in captured.err and captured.out == ""
    assert list(tmp_path.iterdir()) == []


class TestGuarded:
    def test_interrupt(self, capsys):
        def interrupted(args):
            raise KeyboardInterrupt

        assert guarded(interrupted, None) == EXIT_INTERRUPTED == 130
        assert capsys.readouterr().err == "inc-hf: interrupted before there was a result; nothing was written\n"

    def test_programming_errors_keep_their_traceback(self):
        def broken(args):
            raise AttributeError("a bug")

        with pytest.raises(AttributeError, match="a bug"):
            guarded(broken, None)

    @pytest.mark.parametrize("error", [OSError, ImportError, UsageError, UsageTypeError], ids=lambda e: e.__name__)
    def test_messages_of_several_lines_become_one(self, capsys, error):
        def failing(args):
            raise error("first\n  second\n")

        assert guarded(failing, None) == 2
        assert capsys.readouterr().err == "inc-hf: error: first second\n"


DEEP = {
    "quantize": (["quantize", "{model}", "-o", "out"], "inc_hf.quantize.resolve.settings_by_name"),
    "quantize, conversion": (["quantize", "{model}", "-o", "out"], "inc_hf.quantize.workflow.integers_of"),
    "quantize, saving": (["quantize", "{model}", "-o", "out"], "inc_hf.results.quantized.save_checkpoint"),
    "convert": (["convert", "{model}", "-o", "out"], "inc_hf.quantize.bf16._twin"),
    "export": (["export", "{model}", "-o", "out"], "inc_hf.export.write.quantized_modules"),
    "benchmark": (["benchmark", "{model}"], "inc_hf.benchmark.cores.physical_cores"),
    "info": (["info", "{model}"], "inc_hf.commands.describe.schemes_in_words"),
    "info, machine": (["info"], "inc_hf.ops.default_weight_bits"),
}


@pytest.mark.parametrize(
    "error", [TypeError, ValueError, KeyError, AttributeError, RuntimeError], ids=lambda e: e.__name__
)
@pytest.mark.parametrize(("arguments", "place"), DEEP.values(), ids=DEEP)
def test_a_fault_of_ours_keeps_its_traceback(model_dir, tmp_path, capsys, monkeypatch, arguments, place, error):
    def broken(*args, **kwargs):
        raise error("a fault of ours")

    monkeypatch.setattr(place, broken)
    with pytest.raises(error, match="a fault of ours"):
        main([argument.format(model=model_dir) for argument in arguments])
    assert "inc-hf: error" not in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []

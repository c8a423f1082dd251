"""`optimum-cli inc`: the commands of `inc-hf` under optimum's roof."""

import json
import sys

import pytest
from commandline import config_json, error_line, run
from tiny import quantized, tiny_tokenizer

pytest.importorskip("optimum.commands")


def optimum_cli(monkeypatch, *arguments: object) -> None:
    from optimum.commands.optimum_cli import main

    monkeypatch.setattr(sys, "argv", ["optimum-cli", "inc", *map(str, arguments)])
    main()


def test_as_a_program(model_dir, tmp_path):
    code = "import sys; from optimum.commands.optimum_cli import main; sys.exit(main())"
    finished = run("inc", "quantize", "-m", model_dir, "-o", "out", "--format", "inc", program=("-c", code))
    assert finished.returncode == 0, finished.stderr
    assert config_json(tmp_path / "out")["quantization_config"]["quant_method"] == "inc"


def test_info(monkeypatch, capsys):
    quantized("bert").save_pretrained("out", format="inc")
    capsys.readouterr()
    optimum_cli(monkeypatch, "info", "out", "--json")
    assert json.loads(capsys.readouterr().out)["format"] == "inc"


def test_export(monkeypatch, capsys):
    quantized("bert").save_pretrained("model", tiny_tokenizer())
    optimum_cli(monkeypatch, "export", "-m", "model", "-o", "out")
    captured = capsys.readouterr()
    assert "model_quantized.onnx" in captured.out and "Traceback" not in captured.err


@pytest.mark.parametrize("command", [["quantize", "-m", "absent", "-o", "out"], ["info", "absent"]], ids=" ".join)
def test_exit_code(monkeypatch, capsys, command):
    with pytest.raises(SystemExit) as raised:
        optimum_cli(monkeypatch, *command)
    assert raised.value.code == 2
    assert "absent" in error_line(capsys.readouterr().err)

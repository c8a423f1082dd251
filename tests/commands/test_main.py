"""`inc-hf quantize` and `inc-hf info`, as a program and in this process; the same under `optimum-cli`."""

import json
import random
import re
import struct
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from tiny import WORDS, logits_of, offline_environment, quantized, tiny_model, tiny_tokenizer
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from inc_hf import PostTrainingQuantConfig, ops
from inc_hf.commands.exit_codes import EXIT_INTERRUPTED
from inc_hf.commands.main import build_parser, guarded, main
from inc_hf.commands.quantize import config_of
from inc_hf.quantize.nn import quantized_modules
from inc_hf.utils.load_huggingface import OptimizedModel

pytest_plugins = ["cli_fixture"]
pytestmark = pytest.mark.usefixtures("elsewhere")

TEXTS = [" ".join(random.Random(seed).choices(WORDS, k=6)) for seed in range(24)]


@pytest.fixture(scope="module")
def model_dir(tmp_path_factory) -> Path:
    """A BERT for two labels with its tokenizer."""
    directory = tmp_path_factory.mktemp("model")
    tiny_model("bert").save_pretrained(directory)
    tiny_tokenizer().save_pretrained(directory)
    return directory


@pytest.fixture(scope="module")
def texts(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("texts") / "texts.txt"
    path.write_text("\n".join(TEXTS[:8]) + "\n\n")
    return path


@pytest.fixture(scope="module")
def labelled(model_dir, tmp_path_factory) -> Path:
    """Texts with the labels that the FP32 model itself predicts, so that its accuracy is 1."""
    model, tokenizer = AutoModelForSequenceClassification.from_pretrained(model_dir), tiny_tokenizer()
    rows = [f"{text}\t{logits_of(model, tokenizer(text, return_tensors='pt')).argmax(-1).item()}" for text in TEXTS]
    path = tmp_path_factory.mktemp("labelled") / "dev.tsv"
    path.write_text("\n".join(["sentence\tlabel", *rows]) + "\n")
    return path


def run(
    *arguments: object, program: tuple[str, ...] = ("-m", "inc_hf.commands.main")
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *program, *map(str, arguments)]
    # As a user has it: no verbosity set, wide enough for the tables
    return subprocess.run(command, capture_output=True, text=True, env=offline_environment(COLUMNS="120"))


def error_line(stderr: str) -> str:
    """The only error on stderr, without its prefix."""
    assert "Traceback" not in stderr
    lines = [line for line in stderr.splitlines() if line.startswith("inc-hf: error: ")]
    assert len(lines) == 1, stderr
    assert stderr.rstrip().endswith(lines[0]), "nothing comes after it"
    return lines[0].removeprefix("inc-hf: error: ")


def config_json(directory: Path) -> dict:
    return json.loads((directory / "config.json").read_text())


class TestProgram:
    """In a fresh interpreter."""

    def test_quantize_dynamic(self, model_dir, tmp_path):
        finished = run("quantize", model_dir, "-o", "out")
        assert finished.returncode == 0, finished.stderr
        assert "BertForSequenceClassification, quantized" in finished.stdout
        assert "inc-hf info out" in finished.stdout
        files = {p.name for p in (tmp_path / "out").iterdir()}
        assert {"config.json", "model.safetensors", "README.md", "tokenizer.json", "inc_config.json"} <= files
        assert [p.name for p in tmp_path.iterdir()] == ["out"]
        assert torch.equal(logits_of(OptimizedModel.from_pretrained("out")), logits_of(quantized("bert").model))
        assert AutoTokenizer.from_pretrained("out")("the film").input_ids == [2, 5, 7, 3]

    def test_missed_goal(self, model_dir, labelled, tmp_path):
        finished = run(
            *("quantize", model_dir, "-o", "out", "--task", "text-classification", "--dataset", labelled),
            *("--weight-bits", 2, "--tolerance", 0, "--max-trials", 1),
        )
        assert finished.returncode == 3, finished.stderr
        assert "NOT met" in finished.stdout
        assert "Traceback" not in finished.stderr
        assert json.loads((tmp_path / "out" / "inc_config.json").read_text())["tuning"]["met_criterion"] is False

    def test_bad_input(self, tmp_path):
        finished = run("quantize", tmp_path / "absent", "-o", "out")
        assert finished.returncode == 2
        assert finished.stdout == ""
        assert "absent" in error_line(finished.stderr)
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (["--help"], ["quantize", "info", "exit codes: 0 done; 2 bad input"]),
            (
                ["quantize", "--help"],
                ["examples:\n  inc-hf quantize ./my-model", "exit codes: 0 done; 2 bad", "--texts"],
            ),
            (["info", "--help"], ["DIR", "--json"]),
        ],
        ids=["inc-hf", "quantize", "info"],
    )
    def test_help(self, arguments, words):
        finished = run(*arguments)
        assert finished.returncode == 0
        for word in words:
            assert word in finished.stdout

    @pytest.mark.parametrize(
        "arguments",
        [
            [],
            ["compress"],
            ["quantize", "model"],
            ["quantize", "m", "-o", "out", "--format", "onnx"],
            ["info", "a", "b"],
        ],
        ids=["nothing", "unknown command", "no output", "unknown format", "two directories"],
    )
    def test_usage(self, arguments, tmp_path):
        finished = run(*arguments)
        assert finished.returncode == 2
        assert finished.stderr.startswith("usage: inc-hf")
        assert "Traceback" not in finished.stderr
        assert list(tmp_path.iterdir()) == []


class TestOptimumCli:
    @pytest.fixture(autouse=True)
    def _needs_optimum(self):
        pytest.importorskip("optimum.commands")

    def test_quantize(self, model_dir, tmp_path):
        code = "import sys; from optimum.commands.optimum_cli import main; sys.exit(main())"
        finished = run("inc", "quantize", "-m", model_dir, "-o", "out", "--format", "inc", program=("-c", code))
        assert finished.returncode == 0, finished.stderr
        assert config_json(tmp_path / "out")["quantization_config"]["quant_method"] == "inc"

    def optimum_cli(self, monkeypatch, *arguments: str) -> None:
        from optimum.commands.optimum_cli import main

        monkeypatch.setattr(sys, "argv", ["optimum-cli", "inc", *arguments])
        main()

    def test_info(self, monkeypatch, capsys):
        quantized("bert").save_pretrained("out", format="inc")
        capsys.readouterr()
        self.optimum_cli(monkeypatch, "info", "out", "--json")
        assert json.loads(capsys.readouterr().out)["format"] == "inc"

    @pytest.mark.parametrize("command", [["quantize", "-m", "absent", "-o", "out"], ["info", "absent"]], ids=" ".join)
    def test_exit_code(self, monkeypatch, capsys, command):
        with pytest.raises(SystemExit) as raised:
            self.optimum_cli(monkeypatch, *command)
        assert raised.value.code == 2
        assert "absent" in error_line(capsys.readouterr().err)


class TestQuantize:
    """In this process."""

    def test_model_as_an_option(self, model_dir):
        assert main(["quantize", "-m", str(model_dir), "-o", "out"]) == 0
        assert len(quantized_modules(OptimizedModel.from_pretrained("out"))) == 11

    def test_static_with_texts(self, model_dir, texts, capsys):
        assert main(["quantize", str(model_dir), "-o", "out", "--approach", "static", "--texts", str(texts)]) == 0
        modules = quantized_modules(OptimizedModel.from_pretrained("out"))
        assert modules["classifier"].scheme.is_static
        summary = json.loads(Path("out/inc_config.json").read_text())
        assert summary["quantization"]["approach"] == "static"
        assert "compressed-tensors" in capsys.readouterr().out

    @pytest.mark.parametrize("observer", ["minmax", "mse"])
    def test_observer(self, model_dir, texts, observer):
        arguments = ["--approach", "static", "--texts", str(texts), "--observer", observer]
        assert main(["quantize", str(model_dir), "-o", "out", *arguments]) == 0
        groups = config_json(Path("out"))["quantization_config"]["config_groups"].values()
        found = {group["input_activations"]["observer"] for group in groups if "input_activations" in group}
        assert found == {observer}

    def test_tuned_on_labelled_data(self, model_dir, labelled, capsys):
        arguments = ["--task", "text-classification", "--dataset", str(labelled), "--tolerance", "0.5"]
        assert main(["quantize", str(model_dir), "-o", "out", *arguments]) == 0
        assert "FP32 score" in (printed := capsys.readouterr().out)
        assert "1.0000" in printed
        tuning = json.loads(Path("out/inc_config.json").read_text())["tuning"]
        assert tuning["met_criterion"] is True
        assert tuning["baseline"] == 1.0
        assert "| score | 1.0000 |" in Path("out/README.md").read_text()

    def test_calibrated_on_labelled_data(self, model_dir, labelled):
        arguments = ["--approach", "static", "--dataset", str(labelled), "--samples", "5"]
        assert main(["quantize", str(model_dir), "-o", "out", *arguments]) == 0
        assert json.loads(Path("out/inc_config.json").read_text())["quantization"]["dataset_num_samples"] == 5

    @pytest.mark.parametrize(("bits", "method"), [(8, "compressed-tensors"), (5, "compressed-tensors"), (4, "inc")])
    def test_weight_bits(self, model_dir, bits, method):
        assert main(["quantize", str(model_dir), "-o", "out", "--weight-bits", str(bits)]) == 0
        assert config_json(Path("out"))["quantization_config"]["quant_method"] == method
        assert quantized_modules(OptimizedModel.from_pretrained("out"))["classifier"].scheme.weight.num_bits == bits

    def test_keep_fp32(self, model_dir):
        assert main(["quantize", str(model_dir), "-o", "out", "--keep-fp32", "classifier", "bert.embeddings.*"]) == 0
        assert set(quantized_modules(OptimizedModel.from_pretrained("out"))).isdisjoint(
            {"classifier", "bert.embeddings.word_embeddings"}
        )

    def test_overwrite(self, model_dir, capsys):
        Path("out").mkdir()
        Path("out/notes.txt").write_text("mine")
        assert main(["quantize", str(model_dir), "-o", "out"]) == 2
        assert "out is not empty" in error_line(capsys.readouterr().err)
        assert [p.name for p in Path("out").iterdir()] == ["notes.txt"]
        assert main(["quantize", str(model_dir), "-o", "out", "--overwrite"]) == 0
        assert Path("out/notes.txt").read_text() == "mine"
        assert Path("out/model.safetensors").exists()

    @pytest.mark.parametrize("model", ["bert", "vit"])
    def test_model_without_a_tokenizer(self, model):
        tiny_model(model).save_pretrained("model")
        assert main(["quantize", "model", "-o", "out"]) == 0
        assert not list(Path("out").glob("tokenizer*"))
        assert torch.equal(logits_of(OptimizedModel.from_pretrained("out")), logits_of(quantized(model).model))

    def test_same_bytes_every_time(self, model_dir, texts):
        for out in ("first", "second"):
            assert main(["quantize", str(model_dir), "-o", out, "--approach", "static", "--texts", str(texts)]) == 0
        for name in ("config.json", "model.safetensors", "inc_config.json", "README.md"):
            assert Path("first", name).read_bytes() == Path("second", name).read_bytes()

    def test_config_file(self, model_dir):
        PostTrainingQuantConfig(approach="weight_only", op_name_dict={"classifier": {"weight": {"bits": 5}}}).save("c")
        assert main(["quantize", str(model_dir), "-o", "out", "--config", "c"]) == 0
        scheme = quantized_modules(OptimizedModel.from_pretrained("out"))["classifier"].scheme
        assert scheme.activation is None
        assert scheme.weight.num_bits == 5


class TestBadInput:
    """Exit code 2, one line on stderr, nothing written."""

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ([], "Which model\\? .*inc-hf quantize MODEL -o DIR"),
            (["{model}", "--approach", "fast"], "`approach` must be one of static, dynamic.*'fast'"),
            (["{model}", "--approach", "static"], "--texts FILE or --dataset"),
            (["{model}", "--texts", "absent.txt"], "No such file.*absent.txt"),
            (["{model}", "--texts", "{empty}"], "empty.txt has no text; put one sentence on each line"),
            (["{model}", "--config", "absent.json"], "No such file.*absent.json"),
            (["{model}", "--config", "{broken}"], "broken.json"),
            (["{model}", "--weight-bits", "9"], "9"),
            (["{model}", "--weight-bits", "0"], "0"),
            (["{model}", "--weight-bits", "1"], "\\[1\\] is not available"),
            (["{model}", "--samples", "0"], "calibration_sampling_size"),
            (["{model}", "--tolerance", "-1"], "tolerable_loss"),
            (["{model}", "--max-trials", "0"], "max_trials"),
            (["{model}", "--keep-fp32", "clasifier"], "did you mean 'classifier'"),
            (["{model}", "--keep-fp32", "("], "not a valid regular expression"),
            (["{model}", "--observer", "best", "--approach", "static", "--texts", "{texts}"], "'best'"),
            (["{model}", "--task", "sentiment"], "Unknown task 'sentiment'; choose one of audio-classification"),
            (["{model}", "--format", "compressed-tensors", "--weight-bits", "4"], "cannot express"),
            (["{quantized}"], "already quantized|compressed-tensors"),
            (["{truncated}"], "header|truncated|incomplete"),
            (["{float}"], "nothing"),
        ],
        ids=[
            "no model",
            "approach",
            "static without data",
            "absent texts",
            "empty texts",
            "absent config",
            "broken config",
            "9 bits",
            "0 bits",
            "1 bit",
            "no samples",
            "negative tolerance",
            "no trials",
            "misspelt module",
            "bad pattern",
            "observer",
            "task",
            "format",
            "quantized model",
            "truncated model",
            "not a model",
        ],
    )
    def test_quantize(self, model_dir, texts, tmp_path_factory, capsys, arguments, message):
        inputs = tmp_path_factory.mktemp("inputs")
        (inputs / "empty.txt").write_text("\n  \n")
        (inputs / "broken.json").write_text('{"approach": ')
        (inputs / "nothing").mkdir()
        places = {
            "model": model_dir,
            "texts": texts,
            "empty": inputs / "empty.txt",
            "broken": inputs / "broken.json",
            "float": inputs / "nothing",
            "quantized": inputs / "quantized",
            "truncated": inputs / "truncated",
        }
        if "{quantized}" in arguments:
            quantized("bert").save_pretrained(places["quantized"], tiny_tokenizer(), format="inc")
        if "{truncated}" in arguments:
            tiny_model("bert").save_pretrained(places["truncated"])
            tiny_tokenizer().save_pretrained(places["truncated"])
            weights = places["truncated"] / "model.safetensors"
            weights.write_bytes(weights.read_bytes()[:5000])
        arguments = [argument.format(**places) for argument in arguments]
        assert main(["quantize", *arguments, "-o", "out"]) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        line = error_line(captured.err)
        assert re.search(message, line)
        assert not Path("out").exists()

    def test_output_is_a_file(self, model_dir, capsys):
        Path("out").write_text("")
        assert main(["quantize", str(model_dir), "-o", "out", "--overwrite"]) == 2
        assert "out is a file" in error_line(capsys.readouterr().err)

    def test_unlabelled_data_for_a_task(self, model_dir, capsys):
        Path("dev.csv").write_text("sentence\nthe film\n")
        arguments = ["--task", "text-classification", "--dataset", "dev.csv"]
        assert main(["quantize", str(model_dir), "-o", "out", *arguments]) == 2
        assert "Evaluation needs labels" in error_line(capsys.readouterr().err)
        assert not Path("out").exists()

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

    def test_messages_of_several_lines_become_one(self, capsys):
        def failing(args):
            raise OSError("first\n  second\n")

        assert guarded(failing, None) == 2
        assert capsys.readouterr().err == "inc-hf: error: first second\n"


class TestConfigOf:
    def config(self, *arguments: str) -> PostTrainingQuantConfig:
        return config_of(build_parser().parse_args(["quantize", "model", "-o", "out", *arguments]))

    def test_default(self):
        assert self.config() == PostTrainingQuantConfig(approach="dynamic")

    def test_options(self):
        config = self.config(
            *("--approach", "static", "--samples", "7", "--tolerance", "0.02", "--max-trials", "3"),
            *("--weight-bits", "7", "--observer", "kl", "--keep-fp32", "head", "embed.*"),
        )
        fp32 = {"weight": {"dtype": "fp32"}}
        assert config == PostTrainingQuantConfig(
            approach="static",
            calibration_sampling_size=7,
            op_type_dict={"Linear|Conv1D|Conv1d|Conv2d": {"activation": {"algorithm": "kl"}, "weight": {"bits": 7}}},
            op_name_dict={"head": fp32, "embed.*": fp32},
            accuracy_criterion={"tolerable_loss": 0.02},
            tuning_criterion={"max_trials": 3},
        )

    @pytest.fixture
    def from_file(self) -> PostTrainingQuantConfig:
        config = PostTrainingQuantConfig(
            approach="weight_only",
            calibration_sampling_size=[5, 6],
            op_name_dict={"a": {"weight": {"bits": 5}}},
            recipes={"last_conv_or_matmul_quantization": False},
            accuracy_criterion={"tolerable_loss": 0.3, "criterion": "absolute"},
            tuning_criterion={"max_trials": 9, "timeout": 60},
        )
        config.save("config.json")
        return config

    def test_file(self, from_file):
        assert self.config("--config", "config.json") == from_file

    def test_options_win_over_the_file(self, from_file):
        config = self.config(
            *("--config", "config.json", "--approach", "dynamic", "--tolerance", "0.1", "--samples", "8"),
            *("--keep-fp32", "b", "--weight-bits", "6", "--max-trials", "2"),
        )
        assert config.approach == "dynamic"
        assert config.calibration_sampling_size == [8]
        assert config.op_name_dict == {**from_file.op_name_dict, "b": {"weight": {"dtype": ["fp32"]}}}
        assert config.op_type_dict == {"Linear|Conv1D|Conv1d|Conv2d": {"weight": {"bits": [6]}}}
        assert config.recipes == from_file.recipes
        assert (config.accuracy_criterion.tolerable_loss, str(config.accuracy_criterion)) == (0.1, "absolute")
        assert (config.tuning_criterion.max_trials, config.tuning_criterion.timeout) == (2, 60)


class TestInfo:
    def info(self, capsys, *arguments: object) -> dict:
        capsys.readouterr()
        assert main(["info", *map(str, arguments), "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    def test_machine(self, capsys):
        facts = self.info(capsys)
        assert facts["torch"] == torch.__version__
        assert facts["default_weight_bits"] == ops.default_weight_bits()
        assert main(["info"]) == 0
        assert "default weight bits" in capsys.readouterr().out

    @pytest.mark.parametrize("approach", ["dynamic", "static"])
    @pytest.mark.parametrize("format", ["compressed-tensors", "inc"])
    def test_checkpoint(self, capsys, approach, format):
        quantized("bert", approach, reduce_range=True).save_pretrained("out", format=format)
        facts = self.info(capsys, "out")
        assert facts["format"] == format
        assert facts["quantized_modules"] == 11
        words = "7-bit weights, 8-bit dynamic symmetric activations"
        words = words.replace("dynamic symmetric", "static asymmetric") if approach == "static" else words
        assert set(facts["schemes"].values()) == {"8-bit weights", words}
        assert set(facts["elements"]) == {"I8", "F32"}
        assert facts["made_with"].startswith("inc_hf ")
        assert "tuning" not in facts
        assert main(["info", "out"]) == 0
        assert words.partition(",")[0] in capsys.readouterr().out

    def test_weight_only(self, capsys):
        quantized("bert", "weight_only").save_pretrained("out")
        assert set(self.info(capsys, "out")["schemes"].values()) <= {"7-bit weights", "8-bit weights"}

    def test_float_checkpoint(self, capsys, model_dir):
        facts = self.info(capsys, model_dir)
        assert facts["format"] == "not quantized"
        assert facts["quantized_modules"] == 0
        assert facts["schemes"] == {}

    def test_scores(self, capsys, model_dir, labelled):
        arguments = ["--task", "text-classification", "--dataset", str(labelled), "--tolerance", "0.5"]
        assert main(["quantize", str(model_dir), "-o", "out", *arguments]) == 0
        assert self.info(capsys, "out")["tuning"]["baseline"] == 1.0

    def test_shards(self, capsys):
        model = quantized("bert").model
        model.save_pretrained("one")
        model.save_pretrained("many", max_shard_size="3KB")
        assert len(list(Path("many").glob("*.safetensors"))) > 1
        one, many = self.info(capsys, "one"), self.info(capsys, "many")
        assert one["elements"] == many["elements"]
        assert one["quantized_modules"] == many["quantized_modules"]

    def test_inc_config_of_optimum_intel(self, capsys):
        quantized("bert").save_pretrained("out")
        Path("out/inc_config.json").write_text('{"neural_compressor_version": "2.4.1", "quantization": {}}')
        assert "made_with" not in self.info(capsys, "out")

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda out: (out / "config.json").unlink(), "out holds no checkpoint: config.json is missing"),
            (lambda out: cut(out / "model.safetensors", 4), "is truncated or not a safetensors file"),
            (lambda out: cut(out / "model.safetensors", 300), "is truncated or not a safetensors file"),
            (lambda out: cut(out / "model.safetensors", -1), "is truncated: it has .* bytes, its header speaks of"),
            (
                lambda out: (out / "model.safetensors").write_bytes(struct.pack("<Q", 4) + b"\xff{}}"),
                "is truncated or",
            ),
            (lambda out: edit_quantization(out, quant_method="inc"), "`quantization_config` .* is malformed"),
            (lambda out: edit_quantization(out, config_groups=None), "`quantization_config` .* is malformed"),
            (lambda out: (out / "config.json").write_text("{"), "config.json"),
        ],
        ids=["no config", "4 bytes", "header cut", "end cut", "no JSON", "no groups", "groups null", "broken config"],
    )
    def test_bad_checkpoint(self, capsys, change, message):
        quantized("bert").save_pretrained("out")
        change(Path("out"))
        capsys.readouterr()
        assert main(["info", "out"]) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        assert re.search(message, error_line(captured.err)), captured.err

    def test_absent(self, capsys):
        assert main(["info", "absent"]) == 2
        assert "absent holds no checkpoint" in error_line(capsys.readouterr().err)


def cut(path: Path, length: int) -> None:
    path.write_bytes(path.read_bytes()[:length])


def edit_quantization(directory: Path, **changes: object) -> None:
    config = config_json(directory)
    config["quantization_config"].update(changes)
    (directory / "config.json").write_text(json.dumps(config))

"""`inc-hf train`, `prune` and `distill` on tiny models."""

import json
from pathlib import Path

import pytest
import torch
from commandline import error_line, run
from safetensors.torch import load_file
from transformers import AutoModelForSequenceClassification

from inc_hf import IncModelForSequenceClassification
from inc_hf.callbacks import PruningCallback
from inc_hf.commands.main import main
from inc_hf.inference.layers import layers_of
from inc_hf.quantize.nn import quantized_modules

pytest.importorskip("datasets")
pytest.importorskip("accelerate")
pytest_plugins = ["training_fixture"]

DATA = ["--task", "text-classification", "--dataset", "train.tsv"]
EVAL = ["--eval", "validation.tsv"]
PARTS = ("inc_hf/commands", "inc_hf/callbacks", "inc_hf/prune", "inc_hf/recipe.py")


def done(capsys, *arguments: str) -> dict:
    """What a command gives as JSON, which is all that it prints on standard output."""
    assert main([*arguments, "--json"]) == 0, capsys.readouterr().err
    return json.loads(capsys.readouterr().out)


def zeros(model) -> list[float]:
    """Of each layer of the encoder."""
    return [layer.zeros.share for name, layer in layers_of(model).items() if "encoder.layer" in name]


def test_the_line_of_the_guide(here, capsys):
    """A new head: it is trained first, and the result then pruned with itself as teacher, and quantized."""
    assert main(["train", "encoder", "-o", "out", *DATA, *EVAL, "--sparsity", "0.8"]) == 0
    out = capsys.readouterr().out
    rows = " ".join(out.split())
    for row in ("new head trained │ 3 epochs, 6 steps", "│ trained │ 5 epochs, 10 steps", "INT8 dynamic"):
        assert row in rows
    assert "accuracy on validation.tsv (22 samples)" in out and "FP32 score, dense" in out
    model = IncModelForSequenceClassification.from_pretrained("out")
    assert model.config.label2id == {"bad": 0, "good": 1}
    assert len(quantized_modules(model)) == 11
    assert 0.75 < sum(zeros(model)) / 6 < 0.9
    assert layers_of(model)["classifier"].zeros.share < 0.1
    tuning = json.loads(Path("out/inc_config.json").read_text())["tuning"]
    assert tuning["metric"] == "accuracy" and tuning["baseline"] is not None
    assert "goal" not in Path("out/README.md").read_text()
    assert list((here.parent / "cache").rglob("*.safetensors")) == []


def test_prune_is_float_and_quiet(here, capsys):
    assert main(["prune", "classifier", "-o", "out", *DATA, *EVAL, "--quiet", "--sparsity", "0.5"]) == 0
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""
    model = AutoModelForSequenceClassification.from_pretrained("out")
    assert sum(zeros(model)) / 6 == pytest.approx(0.5, abs=0.05)
    assert not quantized_modules(model)


@pytest.mark.parametrize("texts", [[], ["--texts", "texts.txt"]], ids=["by magnitude", "by texts"])
def test_prune_at_once(texts, here, capsys):
    told = done(capsys, "prune", "classifier", "-o", "out", "--sparsity", "0.5", *texts)
    assert told["zeros"] == {"share": 0.5, "layers": 6} and "trained" not in told
    before = load_file("classifier/model.safetensors")
    after = load_file("out/model.safetensors")
    assert torch.equal(before["classifier.weight"], after["classifier.weight"])
    moved = [name for name in after if not torch.equal(after[name][after[name] != 0], before[name][after[name] != 0])]
    assert bool(moved) == bool(texts), "SparseGPT corrects the weights that stay"


def test_distill_with_a_new_head(here, capsys):
    """The student gets the labels of the teacher in the teacher's order, and comes nearer to its logits."""
    told = done(
        capsys, "distill", "encoder", "--teacher", "classifier", "-o", "out", *DATA, *EVAL, "--learning-rate", "0.01"
    )
    assert set(told["scores"]) == {"teacher", "after"} and told["trained"]["last"]["epochs"] == 5
    student = AutoModelForSequenceClassification.from_pretrained("out")
    teacher = AutoModelForSequenceClassification.from_pretrained("classifier")
    assert student.config.id2label == teacher.config.id2label
    ids = torch.tensor([[2, 5, 7, 3]])
    assert (student(ids).logits.softmax(-1) - teacher(ids).logits.softmax(-1)).abs().max() < 0.05


@pytest.mark.slow(*PARTS, "inc_hf/quantize")
def test_quantization_aware(here, capsys):
    told = done(capsys, "train", "classifier", "-o", "out", *DATA, "--qat", "--weight-bits", "4", "--max-steps", "2")
    assert told["activations"] == "INT4 dynamic" and told["trained"]["last"]["steps"] == 2
    assert "zeros" not in told and "scores" not in told


@pytest.mark.slow(*PARTS, "inc_hf/models")
@pytest.mark.parametrize(
    ("task", "data"), [("token-classification", "tagged.json"), ("question-answering", "asked.json")]
)
def test_other_tasks(task, data, here, capsys):
    settings = ["--task", task, "--dataset", data, "--max-steps", "2", "--sparsity", "0.5"]
    told = done(capsys, "train", "encoder", "-o", "out", *settings)
    assert told["zeros"]["share"] == pytest.approx(0.5, abs=0.05)
    labels = json.loads(Path("out/config.json").read_text()).get("label2id")
    assert labels == {"O": 0, "X": 1} or task == "question-answering"


@pytest.mark.slow(*PARTS, "inc_hf/models")
def test_measures_are_learned_by_one_output(here, capsys):
    Path("scores.tsv").write_text("text\tlabel\na good film\t4.5\na bad plot\t0.5\nthe film\t2.5\n")
    line = "train encoder -o out --task text-classification --dataset scores.tsv --no-quantize --max-steps 1"
    told = done(capsys, *line.split())
    assert told["title"].endswith("trained") and "activations" not in told
    assert AutoModelForSequenceClassification.from_pretrained("out").config.problem_type == "regression"


@pytest.mark.slow(*PARTS)
class TestResume:
    LINE = ["prune", "encoder", *DATA, "--max-steps", "10", "--sparsity", "0.5", "--quiet"]

    def interrupted(self, monkeypatch, output: str) -> None:
        def interrupt(callback, args, state, control, **kwargs):
            if state.global_step == 6:
                raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(PruningCallback, "on_step_end", interrupt)
            assert main([*self.LINE, "-o", output]) == 130
        assert not Path(output).exists()

    def test_goes_on_to_the_same_bits(self, here, monkeypatch, capsys):
        assert main([*self.LINE, "-o", "whole"]) == 0
        self.interrupted(monkeypatch, "out")
        assert list((here.parent / "cache").rglob("checkpoint-5"))
        assert "interrupted; the same command with --resume goes on" in error_line(capsys.readouterr().err)
        assert main([*self.LINE, "-o", "out", "--max-steps", "12", "--resume"]) == 2
        assert 'training was {"max_steps": 10' in error_line(capsys.readouterr().err)
        assert main([*self.LINE, "-o", "out", "--resume"]) == 0
        whole, resumed = (load_file(f"{name}/model.safetensors") for name in ("whole", "out"))
        assert whole.keys() == resumed.keys() and all(torch.equal(whole[key], resumed[key]) for key in whole)
        assert main([*self.LINE, "-o", "out", "--resume", "--overwrite"]) == 2
        assert "nothing to resume" in error_line(capsys.readouterr().err)

    def test_anew(self, here, monkeypatch):
        self.interrupted(monkeypatch, "out")
        assert main([*self.LINE, "-o", "out"]) == 0


def test_a_fault_in_the_first_step_leaves_nothing(here, capsys):
    assert main(["prune", "classifier", "-o", "out", *DATA, "--max-steps", "1"]) == 2
    assert "1 optimizer steps" in error_line(capsys.readouterr().err)
    assert not Path("out").exists() and list((here.parent / "cache").rglob("job.json")) == []


def test_saved_but_not_uploaded(here, capsys):
    assert main(["prune", "classifier", "-o", "out", "--push-to-hub", "me/x"]) == 4
    captured = capsys.readouterr()
    assert "out is saved, but" in error_line(captured.err) and "saved in" in captured.out
    assert Path("out/config.json").is_file()


@pytest.mark.slow(*PARTS, "inc_hf/cli.py")
def test_two_processes(here):
    """One writes and prints."""
    launch = ("-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2", "-m", "inc_hf.cli")
    finished = run("train", "encoder", "-o", "out", *DATA, *EVAL, "--sparsity", "0.8", "--json", program=launch)
    assert finished.returncode == 0, finished.stderr
    told = json.loads(finished.stdout)
    assert told["trained"]["last"] == told["trained"]["last"] | {"steps": 5, "epochs": 5.0}
    assert finished.stderr.count("is new: it is fine-tuned first") == 1
    assert quantized_modules(IncModelForSequenceClassification.from_pretrained("out"))
    refused = run("train", "encoder", "-o", "out", *DATA, program=launch)
    assert refused.stderr.count("inc-hf: error: out is not empty") == 1


@pytest.mark.parametrize("module", ["inc_hf", "inc_hf.cli"])
def test_as_modules(module, here):
    finished = run("train", "nowhere", "-o", "out", *DATA, program=("-m", module))
    assert finished.returncode == 2 and "nowhere" in error_line(finished.stderr)

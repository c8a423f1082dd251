"""The scripts in `examples` prune, distil and quantize tiny models, in processes of their own as users start them."""

import dataclasses
import json
import random
import re
import shutil
import socket
import subprocess
import sys

import pytest
import torch
from example_scripts import ACCELERATE, CLM, GLUE, NER, ONE_SHOT, PLAIN, RECIPE, script
from fresh import run_fresh
from safetensors.torch import load_file
from tiny import ENCODER, VOCABULARY, WORDS, offline_environment, tiny_model, tiny_tokenizer
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    AutoTokenizer,
    BertConfig,
    BertForTokenClassification,
    Conv1D,
)

from inc_hf import IncModelForCausalLM, IncModelForSequenceClassification, IncModelForTokenClassification
from inc_hf.prune import get_sparsity_ratio
from inc_hf.quantize.nn import quantized_modules

TAGS = {"good": "positive", "great": "positive", "bad": "negative", "dull": "negative"}
STEPS = 8
TRAINING = ["--max_steps", STEPS, "--save_steps", STEPS // 2, "--per_device_train_batch_size", 4, "--learning_rate"]
TRAINING += ["1e-3", "--report_to", "none", "--disable_tqdm", "True", "--logging_steps", 1]
PRUNING = ["--target_sparsity", 0.5]
LOOP = ["--batch_size", 8, "--learning_rate", 1e-3]


@pytest.fixture
def sentences():
    generator = random.Random(0)
    return [generator.choices(WORDS, k=generator.randint(3, 12)) for _ in range(64)]


def write_files(folder, ending, lines, head=()):
    """The same lines as a train and as a validation file, as arguments."""
    for split in ("train", "validation"):
        (folder / f"{split}.{ending}").write_text("\n".join([*head, *lines]) + "\n", encoding="utf-8")
    return ["--train_file", f"train.{ending}", "--validation_file", f"validation.{ending}"]


@pytest.fixture
def dense(tmp_path, sentences):
    """Arguments that name a classifier and its data, for a script that is to be started in `tmp_path`."""
    tiny_model("bert").save_pretrained(tmp_path / "dense")
    tiny_tokenizer().save_pretrained(tmp_path / "dense")
    lines = [f"{' '.join(words)}\t{int('good' in words)}" for words in sentences]
    files = write_files(tmp_path, "tsv", lines, head=["sentence\tlabel"])
    return ["--model_name_or_path", "dense", *files, "--output_dir", "out"]


@pytest.fixture
def balanced(tmp_path, sentences, dense):
    """`dense` with a model that says 0 as often as 1, and does not come to say one thing only."""
    model = tiny_model("bert")
    batch = tiny_tokenizer()([" ".join(words) for words in sentences], padding=True, return_tensors="pt")
    with torch.no_grad():
        model.classifier.weight *= 10
        logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
        model.classifier.bias -= logits.median(0).values
    model.save_pretrained(tmp_path / "dense")
    return dense


@pytest.fixture
def glue(dense):
    return [*dense, *TRAINING, *PRUNING, "--distil"]


def two_processes():
    """`--multi_gpu` means torchrun; without a GPU `--cpu` starts one process, whatever `--num_processes` is."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port = server.getsockname()[1]
    launch = ["-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", 2, "--main_process_port", port]
    return {"launcher": launch}


def run(folder, script, *arguments, launcher=()):
    """Run a script in `folder` to its end; returns what it wrote."""
    environment = offline_environment(HF_HOME=str(folder / "home"), TOKENIZERS_PARALLELISM="false")
    if launcher:
        command = [sys.executable, *map(str, [*launcher, script, *arguments])]
        finished = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)
    else:
        finished = run_fresh(script, *arguments, cwd=folder, env=environment)
    assert finished.returncode == 0, finished.stderr[-5000:]
    return finished.stdout + finished.stderr


def load(auto_class, directory):
    """The checkpoint as transformers itself loads it, which must be complete."""
    model, info = auto_class.from_pretrained(directory, output_loading_info=True)
    assert not info["missing_keys"] and not info["unexpected_keys"]
    assert AutoTokenizer.from_pretrained(directory).is_fast
    return model


def weights_of(model, layers):
    """The weights of all layers in the module `layers`, with one row per output channel."""
    return {
        f"{layers}.{name}": module.weight.t() if isinstance(module, Conv1D) else module.weight
        for name, module in model.get_submodule(layers).named_modules()
        if isinstance(module, torch.nn.Linear | Conv1D)
    }


def check_sparsity(model, layers, sparsity):
    """As many zeros in `layers` as asked for, in blocks of four output channels, and none in the head."""
    zeros = {name: weight == 0 for name, weight in weights_of(model, layers).items()}
    total = sum(mask.numel() for mask in zeros.values())
    assert sum(int(mask.sum()) for mask in zeros.values()) == pytest.approx(sparsity * total, abs=4)
    for mask in zeros.values():
        blocks = mask.reshape(len(mask) // 4, 4, -1)
        assert torch.equal(blocks.any(1), blocks.all(1))
    head = getattr(model, "classifier", None) or model.lm_head
    assert (head.weight != 0).all()


def check_int8(inc_class, directory, model, layers):
    """Every layer in `layers` is quantized, keeps its zeros, and computes nearly what the float model does."""
    inc_model = inc_class.from_pretrained(directory)
    assert set(weights_of(model, layers)) <= set(quantized_modules(inc_model))
    assert AutoTokenizer.from_pretrained(directory).is_fast
    batch = {"input_ids": torch.tensor([[5, 6, 7, 8], [9, 10, 11, 12]])}
    with torch.no_grad():
        logits, expected = inc_model(**batch).logits, model(**batch).logits
    # Of random weights, which learn little in a few steps, so the error of 8 bits is below the logits' own size but
    # not small.
    torch.testing.assert_close(logits, expected, rtol=0, atol=float(expected.abs().max()) / 5)


def check_same_zeros(quantized, model, layers):
    """Where the float weights in `layers` are zero, so are the integers."""
    codes = {name: module.codes for name, module in quantized_modules(quantized).items()}
    for name, weight in weights_of(model, layers).items():
        assert codes[name].dtype == torch.int8
        assert (codes[name][weight == 0] == 0).all()


@torch.no_grad()
def scores(model, folder):
    """Accuracy and loss of a classifier on the validation file in `folder`, where it must find both labels."""
    lines = (folder / "validation.tsv").read_text(encoding="utf-8").splitlines()[1:]
    texts, labels = zip(*(line.split("\t") for line in lines), strict=True)
    batch = tiny_tokenizer()(list(texts), padding=True, return_tensors="pt")
    labels = torch.tensor([int(label) for label in labels])
    output = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], labels=labels)
    predicted = output.logits.argmax(-1)
    assert 0 < predicted.sum() < len(predicted)
    return (predicted == labels).float().mean().item(), output.loss.item()


def check_zero_blocks(quantized, layers, sparsity):
    """As many zeros in blocks of four output channels as asked for, or more, since small weights are rounded."""
    modules = {name: module for name, module in quantized_modules(quantized).items() if name.startswith(layers)}
    assert len(modules) == 6
    zeros = [(module.codes == 0).unflatten(0, (-1, 4)).all(1) for module in modules.values()]
    assert 4 * sum(int(blocks.sum()) for blocks in zeros) >= sparsity * sum(4 * blocks.numel() for blocks in zeros) - 4


def check_printed(messages, name, model, folder):
    """The script told the accuracy and the zeros of the model that it saved."""
    accuracy, zeros = re.search(rf"^{name}: accuracy (\S+)%, (\S+)% of the weights", messages, re.MULTILINE).groups()
    assert float(accuracy) == pytest.approx(100 * scores(model, folder)[0], abs=0.01)
    assert float(zeros) == pytest.approx(100 * get_sparsity_ratio([], model)[0], abs=0.01)


def trainer_state(directory):
    return json.loads((directory / "trainer_state.json").read_text(encoding="utf-8"))


def logged(directory, name):
    return [entry[name] for entry in trainer_state(directory)["log_history"] if name in entry]


class TestRunGlue:
    def test_prunes_distils_quantizes_and_resumes(self, tmp_path, glue):
        messages = run(tmp_path, GLUE, *glue, "--quantize", "static")
        assert re.search(r"\*\*\*\*\* int8 metrics \*\*\*\*\*\s+accuracy +=", messages)
        assert "INT8 model in out/int8" in messages
        out = tmp_path / "out"
        model = load(AutoModelForSequenceClassification, out)
        check_sparsity(model, "bert.encoder", 0.5)
        check_int8(IncModelForSequenceClassification, out / "int8", model, "bert.encoder")
        last = out / f"checkpoint-{STEPS}"
        assert logged(last, "pruning/sparsity")[0] < logged(last, "pruning/sparsity")[-1]
        assert len(logged(last, "distillation/loss")) == STEPS
        # As if the run had ended after its first checkpoint, which a run from the beginning would write again.
        first = (out / f"checkpoint-{STEPS // 2}" / "model.safetensors").stat().st_mtime_ns
        shutil.rmtree(last)
        shutil.rmtree(out / "int8")
        (out / "model.safetensors").rename(tmp_path / "expected.safetensors")
        run(tmp_path, GLUE, *glue)
        assert (out / f"checkpoint-{STEPS // 2}" / "model.safetensors").stat().st_mtime_ns == first
        assert len(logged(last, "distillation/loss")) == STEPS
        expected, found = load_file(tmp_path / "expected.safetensors"), load_file(out / "model.safetensors")
        assert all(torch.equal(found[name], weight) for name, weight in expected.items())

    def test_two_processes(self, tmp_path, glue):
        messages = run(tmp_path, GLUE, *glue, "--use_cpu", "--quantize", "dynamic", **two_processes())
        assert messages.count("INT8 model in out/int8") == 1
        model = load(AutoModelForSequenceClassification, tmp_path / "out")
        check_sparsity(model, "bert.encoder", 0.5)
        check_int8(IncModelForSequenceClassification, tmp_path / "out" / "int8", model, "bert.encoder")
        # 8 steps of 2 * 4 of the 64 sentences.
        assert trainer_state(tmp_path / "out" / f"checkpoint-{STEPS}")["epoch"] == 1.0


def test_one_shot_and_resumed(tmp_path, balanced):
    arguments = [*balanced, *TRAINING, *PRUNING]
    messages = run(tmp_path, ONE_SHOT, *arguments)
    out = tmp_path / "out"
    last = out / f"checkpoint-{STEPS}"
    assert len(logged(last, "distillation/loss")) == len(logged(last, "pruning/sparsity")) == STEPS
    model = load(AutoModelForSequenceClassification, last)
    check_sparsity(model, "bert.encoder", 0.5)
    check_int8(IncModelForSequenceClassification, out, model, "bert.encoder")
    int8 = IncModelForSequenceClassification.from_pretrained(out)
    check_same_zeros(int8, model, "bert.encoder")
    reported = json.loads((out / "eval_results.json").read_text(encoding="utf-8"))
    accuracy, loss = scores(int8, tmp_path)
    assert reported["eval_accuracy"] == pytest.approx(accuracy)
    assert reported["eval_loss"] == pytest.approx(loss, rel=1e-4)
    assert loss != pytest.approx(scores(model, tmp_path)[1], rel=1e-4)  # that of the float model
    assert reported["eval_sparsity"] == pytest.approx(get_sparsity_ratio([], int8)[0])
    assert reported["eval_sparsity"] >= get_sparsity_ratio([], model)[0]
    assert re.search(r"bert\.encoder\.layer\.0\.output\.dense +\(16, 32\)", messages)
    # As if the run had ended after its first checkpoint.
    shutil.rmtree(last)
    (out / "model.safetensors").rename(tmp_path / "expected.safetensors")
    run(tmp_path, ONE_SHOT, *arguments)
    assert len(logged(last, "distillation/loss")) == STEPS
    expected, found = load_file(tmp_path / "expected.safetensors"), load_file(out / "model.safetensors")
    assert all(torch.equal(found[name], weight) for name, weight in expected.items())


def test_search_of_a_recipe(tmp_path, balanced):
    optuna = pytest.importorskip("optuna")
    run(tmp_path, RECIPE, *balanced, *TRAINING, "--max_steps", 3, "--study", "sqlite:///study.db", "--n_trials", 2)
    study = optuna.load_study(study_name="recipe", storage=f"sqlite:///{tmp_path}/study.db")
    assert [trial.state.name for trial in study.trials] == ["COMPLETE"] * 2
    recipe = json.loads((tmp_path / "out" / "recipe.json").read_text())
    assert recipe == study.best_params
    assert recipe.keys() == {"learning_rate", "pattern", "target_sparsity", "teacher_share", "temperature"}
    zeros = get_sparsity_ratio([], load(AutoModelForSequenceClassification, tmp_path / "out").bert.encoder)[0]
    assert zeros == pytest.approx(recipe["target_sparsity"], abs=0.02)


@pytest.mark.parametrize("bits", [None, 8, 4], ids=["float", "int8", "int4"])
def test_plain_loop(tmp_path, balanced, monkeypatch, capsys, bits):
    monkeypatch.chdir(tmp_path)
    arguments = [*balanced, *PRUNING, *LOOP, "--max_steps", STEPS, *(["--weight_bits", bits] if bits else [])]
    monkeypatch.setattr(sys, "argv", [PLAIN.name, *map(str, arguments)])
    script(PLAIN).main()
    if bits is None:
        model = load(AutoModelForSequenceClassification, "out")
        check_sparsity(model, "bert.encoder", 0.5)
    else:
        model = IncModelForSequenceClassification.from_pretrained("out")
        check_zero_blocks(model, "bert.encoder", 0.5)
    check_printed(capsys.readouterr().out, "compressed", model, tmp_path)


def test_both_loops_have_the_same_options():
    names = [[field.name for field in dataclasses.fields(script(path).Arguments)] for path in (PLAIN, ACCELERATE)]
    assert names[0] == names[1]


def test_accelerate_loop_in_two_processes(tmp_path, balanced):
    messages = run(tmp_path, ACCELERATE, *balanced, *PRUNING, *LOOP, **two_processes())
    model = load(AutoModelForSequenceClassification, tmp_path / "out")
    check_sparsity(model, "bert.encoder", 0.5)
    check_printed(messages, "compressed", model, tmp_path)
    # 4 steps of 2 * 8 of the 64 sentences, and one voice.
    assert "4/4" in messages and "8/8" not in messages
    assert all(messages.count(words) == 1 for words in ("dense: accuracy", "Pruned 6 layers", "Distilled in 4 steps"))


def test_run_ner(tmp_path, sentences):
    torch.manual_seed(1)
    config = BertConfig(vocab_size=VOCABULARY, num_labels=3, **ENCODER)
    BertForTokenClassification(config).save_pretrained(tmp_path / "dense")
    tiny_tokenizer().save_pretrained(tmp_path / "dense")
    rows = [{"words": words, "tags": [TAGS.get(word, "O") for word in words]} for words in sentences]
    files = write_files(tmp_path, "jsonl", [json.dumps(row) for row in rows])
    columns = ["--text_column", "words", "--label_column", "tags"]
    arguments = [*files, *columns, *TRAINING, *PRUNING, "--distil", "--quantize", "static", "--output_dir", "out"]
    run(tmp_path, NER, "--model_name_or_path", "dense", *arguments)
    model = load(AutoModelForTokenClassification, tmp_path / "out")
    assert model.config.id2label == {0: "O", 1: "negative", 2: "positive"}
    check_sparsity(model, "bert.encoder", 0.5)
    check_int8(IncModelForTokenClassification, tmp_path / "out" / "int8", model, "bert.encoder")


def test_run_clm(tmp_path, sentences):
    files = write_files(tmp_path, "txt", [" ".join(words) for words in sentences])
    arguments = [*files, *TRAINING, "--block_size", 16]
    run(tmp_path, CLM, *arguments, "--vocab_size", 300, "--output_dir", "dense")
    dense = load(AutoModelForCausalLM, tmp_path / "dense")
    assert dense.config.vocab_size <= 300
    pruned = ["--model_name_or_path", "dense", *PRUNING, "--distil", "--quantize", "dynamic", "--output_dir", "out"]
    messages = run(tmp_path, CLM, *arguments, *pruned)
    model = load(AutoModelForCausalLM, tmp_path / "out")
    assert sum(isinstance(module, Conv1D) for module in model.modules()) == 16
    check_sparsity(model, "transformer.h", 0.5)
    check_int8(IncModelForCausalLM, tmp_path / "out" / "int8", model, "transformer.h")
    before = float(re.search(r"perplexity += +(\S+)", messages)[1])
    after = float(re.search(r"int8, perplexity (\S+)", messages)[1])
    assert before < dense.config.vocab_size / 2
    assert after == pytest.approx(before, rel=0.02)  # INT8 costs less than a hundredth; other ways to count cost more

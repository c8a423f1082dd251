"""Quantization-aware training in two processes, also killed and resumed. This file is also what these processes run.

python test_qat_processes.py FOLDER[:kill|:resume] ...
"""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from pruning_trainer import Sentences, arguments, same, weights_of
from tiny import logits_of, offline_environment, tiny_model
from transformers import Trainer, TrainerCallback, TrainingArguments

from inc_hf import IncModelForSequenceClassification
from inc_hf.callbacks import QuantizationAwareTrainingCallback
from inc_hf.quantize.nn import quantized_modules
from inc_hf.quantize.qat import AVERAGING_CONSTANT, qat_modules

STEPS, FROZEN, KILLED = 8, 6, 5  # the last checkpoint before it was killed is that of step 4
RUNS = {"dynamic": {}, "static": {}, "accumulated": {"gradient_accumulation_steps": 2}}
OUTLIER = 5
pytestmark = pytest.mark.slow(
    "inc_hf/callbacks",
    "inc_hf/checkpoint",
    "inc_hf/config",
    "inc_hf/models",
    "inc_hf/ops",
    "inc_hf/quantize",
    "tests/callbacks",
    "tests/pruning_trainer.py",
)


class OneOutlier(Sentences):
    """Of all sentences only the one at index 9 has the token `OUTLIER`, whose embedding is like no other."""

    def __getitem__(self, index):
        row = super().__getitem__(index)
        row["input_ids"][row["input_ids"] == OUTLIER] += 1
        row["input_ids"][0] = OUTLIER if index == 9 else row["input_ids"][0]
        return row


class Watch(TrainerCallback):
    """Keeps the extremes of the inputs that this process saw in each step, the ranges after it, and how it ended."""

    def __init__(self, kill):
        self.kill, self.seen, self.extremes, self.ranges = kill, {}, {}, {}

    def on_train_begin(self, args, state, control, model=None, **kwargs):
        self.modules = {n: m for n, m in qat_modules(model).items() if m.input_range is not None}
        self.handles = [
            module.register_forward_pre_hook(lambda module, inputs, name=name: self.see(name, inputs[0]))
            for name, module in self.modules.items()
        ]

    def see(self, name, x):
        self.seen.setdefault(name, []).extend([x.min().item(), x.max().item()])

    def on_step_end(self, args, state, control, model=None, **kwargs):
        step = state.global_step
        self.extremes[step] = {name: (min(values), max(values)) for name, values in self.seen.items()}
        self.ranges[step] = {name: module.input_range.current() for name, module in self.modules.items()}
        self.seen.clear()
        if self.kill and step == KILLED:
            os.kill(os.getpid(), signal.SIGKILL)
        if step == STEPS:
            for handle in self.handles:
                handle.remove()
            self.trained, self.logits = weights_of(model), logits_of(model.eval())
            model.train()


def run(folder, kill=False, resume=False):
    """Train as the name of the folder says; what this process ends with is in there, and the checkpoint in `out`."""
    model = tiny_model("bert")
    with torch.no_grad():
        model.bert.embeddings.word_embeddings.weight[OUTLIER, 3] = 100.0
    approach = "dynamic" if folder.name == "dynamic" else "static"
    values = RUNS.get(folder.name, {"save_strategy": "steps", "save_steps": 4})
    batch_size = 4 // values.get("gradient_accumulation_steps", 1)  # so that no sentence comes twice
    values = {**values, "per_device_train_batch_size": batch_size, "max_steps": STEPS, "ddp_backend": "gloo"}
    watch = Watch(kill)
    trainer = Trainer(
        model,
        TrainingArguments(**arguments(folder, **values)),
        train_dataset=OneOutlier(4 * 2 * STEPS),
        eval_dataset=Sentences(8),
        callbacks=[QuantizationAwareTrainingCallback(approach=approach, freeze_step=FROZEN), watch],
    )
    trainer.train(resume_from_checkpoint=resume)
    result = {
        "world_size": trainer.args.world_size,
        "extremes": watch.extremes,
        "ranges": watch.ranges,
        "trained": watch.trained,
        "converted": weights_of(trainer.model),
        "trained_logits": watch.logits,
        "logits": logits_of(trainer.model.eval()),
        "eval_loss": trainer.evaluate()["eval_loss"],
    }
    torch.save(result, folder / f"result-{os.environ['RANK']}.pt")
    trainer.save_model(str(folder / "out"))


def launch(*jobs):
    """Two processes that run the jobs one after the other; returns whether they came to their end."""
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    command = [*launcher, __file__, *map(str, jobs)]
    done = subprocess.run(command, env=offline_environment(), capture_output=True, text=True, timeout=600)
    assert done.returncode == 0 or "SIGKILL" in done.stderr, done.stderr
    return done.returncode == 0


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """All runs; `resumed` was killed and goes on."""
    folder = tmp_path_factory.mktemp("runs")
    assert not launch(f"{folder / 'resumed'}:kill")
    assert [path.name for path in (folder / "resumed").iterdir()] == ["checkpoint-4"]
    assert launch(*(folder / name for name in (*RUNS, "whole")), f"{folder / 'resumed'}:resume")
    return folder


def results(folder):
    """What the two processes ended with."""
    return [torch.load(folder / f"result-{rank}.pt", weights_only=True) for rank in (0, 1)]


@pytest.mark.parametrize("name", [*RUNS, "resumed"])
def test_processes_stay_equal(name, folder):
    first, second = results(folder / name)
    assert first["world_size"] == second["world_size"] == 2
    for key in ("trained", "converted", "ranges", "trained_logits", "logits", "eval_loss"):
        assert same(first[key], second[key]), key
    if name != "dynamic":
        assert first["ranges"][STEPS] and any(key.endswith("input_scale") for key in first["converted"])


@pytest.mark.parametrize("name", ["static", "accumulated"])
def test_ranges_cover_what_any_process_saw(name, folder):
    """The moving average is one of the extremes over both processes, an outlier in only one of them included."""
    first, second = results(folder / name)
    layer = "bert.encoder.layer.0.attention.self.query"
    highs = [max(step[layer][1] for step in result["extremes"].values()) for result in (first, second)]
    assert max(highs) > 1.1 * min(highs)  # that the outlier shows, and in one process only
    for module in first["ranges"][STEPS]:
        low = high = None
        for step in range(1, STEPS + 1):
            bounds = [result["extremes"][step][module] for result in (first, second)]
            lows, highs = zip(*bounds, strict=True)
            if low is None:
                low, high = min(lows), max(highs)
            elif step <= FROZEN:
                low += AVERAGING_CONSTANT * (min(lows) - low)
                high += AVERAGING_CONSTANT * (max(highs) - high)
            assert first["ranges"][step][module] == (low, high), (module, step)


@pytest.mark.parametrize("name", list(RUNS))
def test_checkpoint_predicts_what_was_trained(name, folder):
    result = results(folder / name)[0]
    model = IncModelForSequenceClassification.from_pretrained(folder / name / "out")
    assert len(quantized_modules(model)) == 11
    logits = logits_of(model)
    assert torch.equal(logits, result["logits"])
    # Sums of float32 in another order; a value that falls on another integer for that would differ by far more.
    assert (logits - result["trained_logits"]).abs().max() < 2e-5 * logits.abs().max()


def test_killed_and_resumed_to_the_same_bits(folder):
    whole, resumed = results(folder / "whole")[0], results(folder / "resumed")[0]
    assert list(resumed["ranges"]) == list(range(5, STEPS + 1))
    assert all(same(whole["ranges"][step], ranges) for step, ranges in resumed["ranges"].items())
    for key in ("trained", "converted", "logits", "eval_loss"):
        assert same(whole[key], resumed[key]), key


if __name__ == "__main__":
    torch.set_num_threads(1)
    for job in sys.argv[1:]:
        path, _, mode = job.partition(":")
        run(Path(path), **({mode: True} if mode else {}))
    torch.distributed.destroy_process_group()

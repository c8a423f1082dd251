"""Trainers that prune, for tests; as a script, runs of which one is killed or resumed, in any number of processes.

python pruning_trainer.py FOLDER[:kill|:resume] ... [--how constructor|add_callback]
"""

import argparse
import os
import signal
from pathlib import Path
from typing import Any

import torch
from tiny import VOCABULARY, tiny_model
from torch.utils.data import Dataset
from transformers import PreTrainedModel, Trainer, TrainerCallback, TrainingArguments

from inc_hf.callbacks.pruning import STATE, PruningCallback
from inc_hf.config import WeightPruningConfig
from inc_hf.prune import report_sparsity

LAYERS = "attention|intermediate|output"


class Sentences(Dataset):
    """Random ids with a label, or with `ids` for labels."""

    def __init__(self, size: int = 32, seq2seq: bool = False):
        self.size, self.seq2seq = size, seq2seq

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: int) -> dict[str, Any]:
        ids = torch.randint(5, VOCABULARY, (8,), generator=torch.Generator().manual_seed(index))
        return {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": ids if self.seq2seq else index % 2}


def config_of(**settings: Any) -> WeightPruningConfig:
    """Half of the weights in blocks of 4x1, at the steps 4, 6 and 8."""
    defaults = {"target_sparsity": 0.5, "pattern": "4x1", "start_step": 2, "end_step": 8, "pruning_frequency": 2}
    return WeightPruningConfig(**{**defaults, **settings})


def arguments(folder: Any, **values: Any) -> dict[str, Any]:
    return {
        "output_dir": str(folder),
        "per_device_train_batch_size": 4,
        "max_steps": 12,
        "learning_rate": 1e-2,
        "logging_steps": 1,
        "save_strategy": "no",
        "report_to": [],
        "use_cpu": True,
        "disable_tqdm": True,
        **values,
    }


def trainer_of(
    folder: Any,
    config: WeightPruningConfig | None = None,
    model: PreTrainedModel | None = None,
    how: str = "constructor",
    before: list[TrainerCallback] = (),
    cls: type[Trainer] = Trainer,
    make_args: type[TrainingArguments] = TrainingArguments,
    **values: Any,
) -> tuple[Trainer, PruningCallback]:
    """A Trainer and its callback; what is for the Trainer and not for its arguments is told apart by name."""
    own = {n: values.pop(n) for n in ("model_init", "train_dataset", "eval_dataset") if n in values}
    if "model_init" not in own:
        own["model"] = tiny_model("bert") if model is None else model
    own.setdefault("train_dataset", Sentences())
    callback = PruningCallback(config or config_of())
    callbacks = [*before, callback] if how == "constructor" else [*before]
    trainer = cls(args=make_args(**arguments(folder, **values)), callbacks=callbacks, **own)
    if how == "add_callback":
        trainer.add_callback(callback)
    return trainer, callback


class Keep(TrainerCallback):
    """Keeps copies of the masks and scores at the end of every step, or kills the process after one."""

    def __init__(self, callback: PruningCallback | None = None, kill_after: int | None = None):
        self.callback, self.kill_after, self.states = callback, kill_after, {}

    def on_step_end(self, args, state, control, optimizer=None, **kwargs):
        self.states[state.global_step] = copy_of(optimizer.state[STATE])
        if state.global_step == self.kill_after:
            os.kill(os.getpid(), signal.SIGKILL)


class Recorder(TrainerCallback):
    def __init__(self):
        self.logs = []

    def on_log(self, args, state, control, logs=None, **kwargs):
        self.logs.append(dict(logs))


class StopAt(TrainerCallback):
    """Raises in the middle of a step."""

    def __init__(self, step, error):
        self.step, self.error = step, error

    def on_pre_optimizer_step(self, args, state, control, **kwargs):
        if state.global_step == self.step:
            raise self.error


def pruned_layers(model):
    """Names and sparsity in per cent of what is not all dense."""
    table, _ = report_sparsity(model)
    return {row[0]: row[4] for row in table.itertuples(index=False) if row[4] > 0}


def is_pruned(model, blocks=True):
    """Whether half of the layers' weights are zero, but none of the head's, in blocks of 4x1."""
    layers = {n: m.weight for n, m in model.named_modules() if isinstance(m, torch.nn.Linear) and n != "classifier"}
    zeros = sum(int((w == 0).sum()) for w in layers.values())
    in_blocks = sum(4 * int((w == 0).unflatten(0, (-1, 4)).all(1).sum()) for w in layers.values())
    total = sum(w.numel() for w in layers.values())
    return zeros == total // 2 and (in_blocks == zeros or not blocks) and "classifier" not in pruned_layers(model)


def weights_of(model):
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def copy_of(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.clone()
    if isinstance(value, dict):
        return {key: copy_of(item) for key, item in value.items()}
    return [copy_of(item) for item in value] if isinstance(value, list) else value


def same(one: Any, other: Any) -> bool:
    """Whether nested dicts and lists of tensors are equal to the bit."""
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


def run_job(folder: Path, how: str, kill: bool = False, resume: bool = False) -> None:
    """A run with checkpoints at the steps 5 and 10; what every process ends with is in `folder`."""
    trainer, callback = trainer_of(folder, how=how, save_strategy="steps", save_steps=5)
    keep = Keep(callback, kill_after=7 if kill else None)
    trainer.add_callback(keep)
    trainer.train(resume_from_checkpoint=resume)
    rank = os.environ.get("RANK", "0")
    torch.save({"states": keep.states, "weights": trainer.model.state_dict()}, folder / f"result-{rank}.pt")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("jobs", nargs="+", metavar="FOLDER[:kill|:resume]")
    parser.add_argument("--how", default="constructor", choices=("constructor", "add_callback"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    for job in options.jobs:
        folder, _, mode = job.partition(":")
        run_job(Path(folder), options.how, **({mode: True} if mode else {}))


if __name__ == "__main__":
    main()

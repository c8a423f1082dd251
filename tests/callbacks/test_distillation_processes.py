"""Distillation in several processes, and in one that is killed. This file is also what these processes run."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from distilling import (
    LOGGED,
    Sentences,
    callback,
    history,
    kd,
    layers,
    make_trainer,
    student,
    teacher,
    token_labels,
    weights,
)
from fresh import run_ranks
from tiny import ENCODER, VOCABULARY, offline_environment
from transformers import BertConfig, BertForTokenClassification, TrainerCallback


def tagger(**values):
    torch.manual_seed(1)
    config = {**ENCODER, "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0, **values}
    return BertForTokenClassification(BertConfig(vocab_size=VOCABULARY, **config))


def trainers(folder, batch_size):
    """One with a projection, one that trains no part of the head, and one with different numbers of labels."""
    values = {"per_device_train_batch_size": batch_size, "ddp_backend": "gloo" if "RANK" in os.environ else None}
    tokens = Sentences(labels=token_labels)
    yield make_trainer(folder, student(), [callback(criterion=[kd(), layers()])], **values)
    yield make_trainer(folder, student(), [callback(criterion=layers())], **values)
    yield make_trainer(folder, tagger(), [callback(tagger(num_hidden_layers=2), kd())], tokens, **values)


def run_trainers(folder, batch_size):
    found = []
    for trainer in trainers(folder, batch_size):
        trainer.train()
        found.append((history(trainer, *LOGGED), weights(trainer.model)))
    return found


class Kill(TrainerCallback):
    """Ends its process as the kernel would, in the step after a checkpoint."""

    def on_pre_optimizer_step(self, args, state, control, **kwargs):
        if state.global_step == 3:
            os.kill(os.getpid(), signal.SIGKILL)


def trainer_with_checkpoints(folder, callbacks):
    model = student(hidden_dropout_prob=0.1)
    return make_trainer(folder, model, callbacks, save_strategy="steps", save_steps=2, max_steps=5)


def test_two_processes_equal_one(tmp_path):
    ends = run_ranks(Path(__file__), "train", tmp_path, env=offline_environment(), timeout=120)
    assert [end.returncode for end in ends] == [0, 0], ends
    found = torch.load(tmp_path / "found-0.pt")
    for (logs, ends), (one_logs, one_ends) in zip(found, run_trainers(tmp_path / "one", 8), strict=True):
        torch.testing.assert_close(logs, one_logs, rtol=2e-5, atol=2e-5)
        # AdamW makes the noise of float32 in tiny gradients larger.
        torch.testing.assert_close(ends, one_ends, rtol=0, atol=2e-3)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL here")
def test_killed_run_resumes_with_the_same_bits(tmp_path):
    command = [sys.executable, __file__, "kill", str(tmp_path)]
    killed = subprocess.run(command, env=offline_environment(), capture_output=True, text=True, timeout=120)
    assert killed.returncode == -signal.SIGKILL, killed
    assert (tmp_path / "checkpoint-2").is_dir() and not (tmp_path / "checkpoint-4").exists()
    resumed = trainer_with_checkpoints(tmp_path, [callback()])
    resumed.train(resume_from_checkpoint=True)
    whole = trainer_with_checkpoints(tmp_path / "whole", [callback()])
    whole.train()
    assert torch.equal(weights(resumed.model), weights(whole.model))
    assert torch.equal(history(resumed, *LOGGED), history(whole, *LOGGED))
    # The optimizer's state, which has the projection in it, is equal as well.
    states = [torch.load(folder / "checkpoint-5" / "optimizer.pt") for folder in (tmp_path, tmp_path / "whole")]
    first, second = (state["state"]["inc_hf_distillation"]["projections"] for state in states)
    assert len(first) == 2 and all(torch.equal(first[name], second[name]) for name in first)


if __name__ == "__main__":
    mode, folder = sys.argv[1:]
    torch.set_num_threads(1)
    if mode == "kill":
        trainer_with_checkpoints(folder, [callback(teacher()), Kill()]).train()
    else:
        torch.save(run_trainers(folder, 4), os.path.join(folder, f"found-{os.environ['RANK']}.pt"))
        torch.distributed.destroy_process_group()

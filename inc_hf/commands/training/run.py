"""The whole job: fine-tune if the head is new, prune, distil, train for INT8, quantize, evaluate, save."""

import argparse
from pathlib import Path
from typing import Any

from inc_hf.commands import processes
from inc_hf.commands.exit_codes import EXIT_OK, InterruptedWithStateError
from inc_hf.commands.training import stages, workspace
from inc_hf.commands.training.data import data_for
from inc_hf.commands.training.plan import Plan
from inc_hf.commands.training.result import Made, conclude, finish
from inc_hf.commands.training.teacher import check_teacher, labels_of_teacher
from inc_hf.commands.training.trainings import LAST, Job, train
from inc_hf.config import PostTrainingQuantConfig
from inc_hf.errors import UsageError
from inc_hf.quantize import resolve_schemes
from inc_hf.quantize.support import check_supported


def run(name: str, args: argparse.Namespace, plan: Plan, command: str) -> int:
    """Do the job, and print what came out of it; returns the exit code.

    Raises:
        UsageError: something does not fit; nothing was written then.
    """
    place = workspace.workspace_of(args.output, args.workspace)
    asked = _facts(name, args, plan, command)
    workspace.check_workspace(place, asked, args.resume)
    stages.arguments_of({}, plan.training, place / LAST, is_last=True)
    processes.join(stages.USE_CPU)
    try:
        job = _prepared(name, args, plan, place)
        processes.wait()  # until all have seen the workspace as it was
        if processes.is_main():
            workspace.begin(place, asked, args.resume)
        processes.wait()
        made = _trained(job)
    finally:
        processes.leave()
    if not processes.is_main():
        return EXIT_OK
    result, scores = finish(made, args, plan, job.data)
    workspace.clear(place)
    return conclude(made, result, scores, args)


def _facts(name: str, args: argparse.Namespace, plan: Plan, command: str) -> dict[str, Any]:
    """What makes a job another one."""
    names = ("task", "dataset", "dataset_config", "split", "text_column", "label_column", "max_length", "new_head")
    of_training = {**plan.to_dict(), "quantization": plan.quantization if plan.qat else None}
    return {"command": command, "model": name, **{key: getattr(args, key) for key in names}, **of_training}


def _prepared(name: str, args: argparse.Namespace, plan: Plan, place: Path) -> Job:
    trusts, labels = args.trust_remote_code, None
    if plan.teacher is not None:
        labels = labels_of_teacher(plan.teacher, args.task, trusts)
    data, head = data_for(name, args, labels)
    if plan.teacher is not None:
        check_teacher(plan.teacher, labels, head, data.tokenizer, trusts)
    stages.callbacks_of(head.outline, plan, plan.teacher, args.approach)
    if plan.quantization is not None and not plan.qat:
        config = PostTrainingQuantConfig.from_dict(plan.quantization)
        check_supported(config)
        resolve_schemes(head.outline, config)
    return Job(name, args, plan, place, data, head)


def _trained(job: Job) -> Made:
    """The model after all trainings; the workspace stays if it is worth something."""
    try:
        return train(job)
    except KeyboardInterrupt as error:
        words = "interrupted; the same command with --resume goes on from the last checkpoint"
        raise InterruptedWithStateError(words) from error
    except UsageError:  # found by the first step of a training, so that there is nothing to go on with
        if processes.is_main() and not job.args.resume:
            workspace.clear(job.place)
        raise

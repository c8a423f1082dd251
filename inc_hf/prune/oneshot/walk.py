"""Bring the data to the jobs, with the statistics of one transformer block in memory at a time."""

import logging
from typing import Any

import torch
from torch import nn
from tqdm.auto import tqdm

from inc_hf.matching.blocks import block_of
from inc_hf.prune.oneshot.calls import record_calls, run
from inc_hf.prune.oneshot.collect import collecting, finish, token_mask
from inc_hf.prune.oneshot.job import Job
from inc_hf.telling import progress_bar

logger = logging.getLogger(__name__)


@torch.no_grad()
def do_jobs(model: nn.Module, jobs: list[Job], batches: list[Any], progress: bool) -> None:
    """Do `jobs` in the order of the model's modules, each on inputs that come from the pruned layers before it.

    Layers in a stack of blocks are done block by block, all others at once, from runs of the whole model.
    """
    stages = stages_of(model, jobs)
    total = sum(len(by_block) for _, by_block in stages)
    with progress_bar(total=total, desc="Pruning", unit="block", disable=not progress, leave=False) as bar:
        for stack, by_block in stages:
            if stack is None or not do_blocks(model, stack, by_block, batches, bar):
                do_at_once(model, [job for jobs in by_block.values() for job in jobs], batches)
                bar.update(len(by_block))


def stages_of(model: nn.Module, jobs: list[Job]) -> list[tuple[str | None, dict[int, list[Job]]]]:
    """Jobs in the order of the modules: the name of a stack of blocks, or None, and the jobs of each of its blocks."""
    order = {module: i for i, module in enumerate(model.modules())}
    stages: list[tuple[str | None, dict[int, list[Job]]]] = []
    for job in sorted(jobs, key=lambda job: order[job.module]):
        stack, block = block_of(model, job.name)
        if not stages or stages[-1][0] != stack:
            stages.append((stack, {}))
        stages[-1][1].setdefault(block, []).append(job)
    return stages


def do_blocks(model: nn.Module, stack: str, jobs: dict[int, list[Job]], batches: list[Any], bar: tqdm) -> bool:
    """Run one block after the other and do its jobs; False if the model does not call them like that."""
    blocks = list(model.get_submodule(stack))
    records = record_calls(model, blocks, batches)
    if records is None:
        logger.warning("The blocks of `%s` are not called one after the other, so they are pruned at once.", stack)
        return False
    masks = [token_mask(model, stack, batch) for batch in batches]
    for i in range(max(jobs) + 1):
        if i in jobs:
            with collecting(jobs[i]) as collected:
                for record, mask in zip(records, masks, strict=True):
                    collected.mask = mask
                    record.forward(blocks, i)
            finish(jobs[i], collected)
            bar.update()
        for record in records if i < max(jobs) else ():
            record.hidden = record.forward(blocks, i)
    return True


def do_at_once(model: nn.Module, jobs: list[Job], batches: list[Any]) -> None:
    """Collect all statistics in runs of the whole model, then do the jobs."""
    with collecting(jobs) as collected:
        for batch in batches:
            collected.mask = token_mask(model, jobs[0].name, batch)
            run(model, batch)
    finish(jobs, collected)

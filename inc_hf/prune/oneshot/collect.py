"""Statistics of the inputs of some layers, collected while the model or a block of it runs."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from inc_hf.prune.oneshot.job import Job
from inc_hf.prune.oneshot.statistics import Statistics, input_rows


class Collected:
    """The statistics of some layers' inputs, and which tokens of the batch on its way count."""

    def __init__(self, jobs: list[Job]):
        self.mask: Tensor | None = None
        self.of: dict[str, Statistics] = {job.name: job.statistics(job.module) for job in jobs}


@contextmanager
def collecting(jobs: list[Job]) -> Iterator[Collected]:
    """Count the inputs of the jobs' layers inside the block."""
    collected = Collected(jobs)

    def hook_of(name: str) -> Callable:
        def hook(module: nn.Module, args: tuple, kwargs: dict[str, Any]) -> None:
            inputs = args[0] if args else next(iter(kwargs.values()))
            collected.of[name].add(input_rows(module, inputs, collected.mask))

        return hook

    handles = [job.module.register_forward_pre_hook(hook_of(job.name), with_kwargs=True) for job in jobs]
    try:
        yield collected
    finally:
        for handle in handles:
            handle.remove()


def finish(jobs: list[Job], collected: Collected) -> None:
    """Do the jobs; what a job needed is freed behind it."""
    for job in jobs:
        seen = collected.of.pop(job.name)
        job.is_reached = seen.tokens > 0
        job.apply(seen)


def token_mask(model: nn.Module, name: str, batch: Any) -> Tensor | None:
    """The `attention_mask` of a batch, bool of shape `(batch, tokens)`, if the layer `name` sees those tokens."""
    mask = batch.get("attention_mask") if isinstance(batch, Mapping) else None
    config = getattr(model, "config", None)
    in_decoder = getattr(config, "is_encoder_decoder", False) and "decoder" in name.split(".")
    return mask.bool() if isinstance(mask, Tensor) and mask.ndim == 2 and not in_decoder else None

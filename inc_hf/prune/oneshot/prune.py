"""The way in: check what is asked, and do it."""

import logging
from collections.abc import Iterable
from copy import copy
from types import SimpleNamespace
from typing import Any

import torch
from torch import nn

from inc_hf.config import WeightPruningConfig
from inc_hf.config.arguments import check_data, check_model
from inc_hf.errors import UsageError, UsageTypeError
from inc_hf.prune.coverage import pruning_coverage
from inc_hf.prune.oneshot.calls import inference_of
from inc_hf.prune.oneshot.channels import channel_jobs
from inc_hf.prune.oneshot.checks import check_type, kept_batches
from inc_hf.prune.oneshot.job import METHODS, layer_job
from inc_hf.prune.oneshot.walk import do_jobs
from inc_hf.prune.pruner import Pruner
from inc_hf.prune.report import pruned_in_words
from inc_hf.prune.target import Target, check_owners, find_targets
from inc_hf.telling import NOTICE
from inc_hf.undo import Snapshot, restored_on_error

logger = logging.getLogger(__name__)


def prune_oneshot(
    model: nn.Module, config: WeightPruningConfig, batches: Iterable[Any] | None, *, progress: bool = True
) -> nn.Module:
    """Prune a trained model without training it, in place, and return it.

    Each element of `config.pruning_configs` has a `pruning_type`: `"sparse_gpt"` (Frantar and Alistarh, 2023, arXiv
    2301.00774), `"wanda"` (Sun et al., 2023, arXiv 2306.11695), `"dsnot"` (Zhang et al., 2023, arXiv 2310.08915),
    `"retrain_free"` (Kwon et al., 2022, arXiv 2204.09656) or `"magnitude"`, the baseline that needs no data. It is
    what INC's `prepare_pruning(model, config, dataloader=...)` and `prune_wanda` do. `start_step`, `end_step` and the
    other settings of time mean nothing here. `sparse_gpt`, `wanda` and `dsnot` prune every layer to the same sparsity;
    `retrain_free` and `magnitude` obey `pruning_scope`. With N:M and a target below N/M some groups stay dense.

    One transformer block after the other is run on the batches and pruned, and run again so that the next one sees
    its outputs: besides the batches only hidden states and attention masks are kept. Layers outside of a stack of
    blocks, and blocks that the model does not call one after the other, take their statistics from runs of the whole
    model. Padding, tokens whose `attention_mask` is 0, is left out of the statistics where the shapes agree, but not
    in the decoder of an encoder-decoder. Statistics are in float32 whatever the model's dtype, and in float64 for a
    float64 model. The same inputs give the same weights. The bias of a row pruned by `"1xchannel"` stays.

    `model.coverage`, a [`Coverage`], says afterwards which layers were pruned, and why the others stayed dense.

    Args:
        model (`nn.Module`): the dense model, changed in place. After an error it is as it was, for which the dense
            weights of what is pruned stay in memory until the end.
        batches: inputs of the model, all of them kept during the call; each a mapping (passed as keywords), a tuple or
            list (passed as positions), or one tensor of shape `(batch, ...)`. `retrain_free` needs mappings with
            `labels`. 128 sequences are what the papers take. None for nothing but `magnitude`.
        progress (`bool`, *optional*, defaults to `True`): whether to show a bar over the blocks.

    Raises:
        ValueError: there is no data, a type is for training, its pattern is not possible, a layer is in two elements
            or of a kind that cannot be pruned from its inputs, names match nothing, or values are NaN or infinite.
    """
    check_model(model)
    if not isinstance(config, WeightPruningConfig):
        raise UsageTypeError(f"`config` must be a WeightPruningConfig, got {type(config).__name__}.")
    config.use()
    check_data("batches", batches)
    return prune_layers(model, config.merged_configs(), batches, progress)


def prune_layers(
    model: nn.Module, configs: list[SimpleNamespace], batches: Iterable[Any] | None, progress: bool
) -> nn.Module:
    """`prune_oneshot` for merged elements of `pruning_configs`, whose types are of `TYPES`."""
    for config in configs:
        check_type(config)
    found = [(config, find_targets(model, config, len(configs) == 1)) for config in configs]
    every = [targets for _, targets in found]
    check_owners(every)
    found = [(config, targets) for config, targets in found if targets]
    needed = [config.pruning_type for config in configs if config.pruning_type != "magnitude"]
    kept = kept_batches(batches, needed[0]) if needed else []
    jobs = [layer_job(t, config) for config, targets in found if config.pruning_type in METHODS for t in targets]
    _check_weights(targets for _, targets in found)
    with inference_of(model), restored_on_error(model) as before:
        for config, targets in found:
            if config.pruning_type == "retrain_free":
                jobs += channel_jobs(model, config, targets, kept, progress)
        for config, targets in found:
            if config.pruning_type == "magnitude":
                prune_by_magnitude(config, targets, before)
        jobs = [job.remembered(before.keep) for job in jobs]
        if jobs:
            do_jobs(model, jobs, kept, progress)
    missed = {job.name for job in jobs if not job.is_reached}
    logger.log(NOTICE, "%s", pruned_in_words(model, configs, every))
    model.coverage = pruning_coverage(model, configs, every, missed)
    model.coverage.log(logger, logging.INFO)
    return model


def _check_weights(found: Iterable[list[Target]]) -> None:
    for part in (part for targets in found for target in targets for part in target.parts):
        if not part.module.weight.isfinite().all():
            raise UsageError(f"The weight of `{part.name}` has NaN or infinite values; check the model.")


@torch.no_grad()
def prune_by_magnitude(config: SimpleNamespace, targets: list[Target], before: Snapshot) -> None:
    """One update of the masks of training, at its first step."""
    for part in (part for target in targets for part in target.parts):
        before.keep(part.module.weight)
    once = copy(config)
    once.start_step = once.end_step = 0
    once.pruning_frequency = 1
    Pruner(once, targets, 1).update(0)

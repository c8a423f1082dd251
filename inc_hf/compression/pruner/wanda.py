"""INC's `inc_hf.compression.pruner.wanda`: Wanda and DSnoT in one call."""

from typing import Any

import torch
from torch import nn

from inc_hf.config import WeightPruningConfig
from inc_hf.errors import UsageError
from inc_hf.models.batches import batches_of, take_samples
from inc_hf.prune.oneshot.prune import prune_layers


def prune_wanda(
    model: nn.Module,
    dataloader: Any,
    sparsity_ratio: float,
    prune_n: int = 0,
    prune_m: int = 0,
    nsamples: int = 128,
    use_variant: bool = False,
    device: torch.device | str | None = None,
    low_mem_usage: bool | None = None,
    dsnot: bool = False,
) -> nn.Module:
    """Prune the layers of a language model by Wanda, in place, and return it. [`prune_oneshot`] can do more.

    Args:
        dataloader: what `batches_of` takes: a `DataLoader`, a list of batches, a tokenized dataset, ...
        sparsity_ratio (`float`): share of each output row to prune; not used with `prune_n` and `prune_m`.
        prune_n, prune_m (`int`, *optional*, defaults to 0):
            Prune `prune_n` of `prune_m` consecutive inputs; 0 and 0 prune single weights.
        nsamples (`int`, *optional*, defaults to 128): how many samples of the data are used.
        use_variant (`bool`, *optional*, defaults to `False`):
            Whether every row loses the same part of its scores instead of the same number of weights. Not for
            `prune_n` of `prune_m`, as in the paper.
        device (`torch.device` or `str`, *optional*): where the model and the data are moved to.
        low_mem_usage (`bool`, *optional*): not used, since only one block's statistics are ever in memory.
        dsnot (`bool`, *optional*, defaults to `False`): whether to adjust the masks by DSnoT.

    Raises:
        ValueError: only one of `prune_n` and `prune_m` is given, `use_variant` is with one of the others, or what
            `prune_oneshot` raises.
    """
    if bool(prune_n) != bool(prune_m):
        raise UsageError(f"`prune_n` and `prune_m` belong together, got {prune_n} and {prune_m}.")
    if use_variant and (dsnot or prune_n):
        raise UsageError("`use_variant` is neither for `prune_n` of `prune_m` nor for `dsnot`; leave it out.")
    config = WeightPruningConfig(
        pruning_type="dsnot" if dsnot else "wanda",
        pattern=f"{prune_n}:{prune_m}" if prune_n else "1x1",
        target_sparsity=prune_n / prune_m if prune_n else sparsity_ratio,
    )
    (merged,) = config.merged_configs()
    merged.max_sparsity_ratio_per_op = 1.0  # a default of configs, of which INC's function knows nothing
    if use_variant:
        merged.pruning_type = "wanda_variant"
    batches = take_samples(batches_of(dataloader, model, keep_labels=False), nsamples)
    if device is not None:
        model.to(device)
        batches = [to_device(batch, device) for batch in batches]
    return prune_layers(model, [merged], batches, progress=True)


def to_device(batch: Any, device: torch.device | str) -> Any:
    if isinstance(batch, dict):
        return {key: to_device(value, device) for key, value in batch.items()}
    if isinstance(batch, tuple | list):
        return type(batch)(to_device(value, device) for value in batch)
    return batch.to(device) if isinstance(batch, torch.Tensor) else batch

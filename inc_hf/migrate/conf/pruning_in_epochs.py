"""`weight_compression` of 1.X: it counts epochs, and names tensors."""

import re
from typing import Any

from inc_hf.migrate.conf.building import first_given
from inc_hf.migrate.conf.pruning_sections import Pruner, WeightCompressionSection
from inc_hf.migrate.conf.sections import Conf, Where

PLACE = ("pruning", "approach", "weight_compression")
FROM_START = "linear_from_start"


def span_of(section: WeightCompressionSection, pruner: Pruner) -> tuple[int, int]:
    """The first and the last epoch."""
    if (pruner.prune_type or section.prune_type) == "pattern_lock":
        return 0, 0
    start = first_given(pruner.start_epoch, section.start_epoch)
    return start, max(start, first_given(pruner.end_epoch, section.end_epoch))


def settings_in_epochs(
    conf: Conf, section: WeightCompressionSection, pruner: Pruner, place: Where, steps_per_epoch: int
) -> dict[str, Any]:
    """When a pruner prunes what, and how much at once, in steps.

    INC 1.14 did not read the keys of `_said`, and did something else than their defaults say.
    """
    target = first_given(pruner.target_sparsity, section.target_sparsity)
    decay = _said(conf, section, pruner, "sparsity_decay_type", "linear")
    decay = FROM_START if decay == "linear" else decay
    start, end = span_of(section, pruner)
    frequency = max(1, round(first_given(pruner.update_frequency, section.update_frequency)))
    if decay == FROM_START:  # the last update is that of the last epoch
        frequency = min(frequency, end - start + 1)
        start = end - ((end - start + 1) // frequency - 1) * frequency
    settings = {
        "start_step": start * steps_per_epoch,
        "end_step": end * steps_per_epoch,
        "pruning_frequency": frequency * steps_per_epoch if end > 0 else 1,
        "pruning_scope": _said(conf, section, pruner, "prune_domain", "local"),
        "sparsity_decay_type": decay,
        "max_sparsity_ratio_per_op": _said(conf, section, pruner, "max_sparsity_ratio_per_layer", max(target, 0.98)),
    }
    if first_given(pruner.initial_sparsity, section.initial_sparsity) > 0:
        settings["resume_from_pruned_checkpoint"] = True
    tensors = first_given(pruner.names, section.names)
    return {**settings, "op_names": _layers_of(conf, tensors, place)} if tensors else settings


def _said(conf: Conf, section: WeightCompressionSection, pruner: Pruner, name: str, default: Any) -> Any:
    """What the file says, which is not always the value of the section."""
    of_section = getattr(section, name) if conf.gives(*PLACE, name) else None
    return first_given(getattr(pruner, name), of_section, default)


def _layers_of(conf: Conf, tensors: list[str], place: Where) -> list[str]:
    names = [name for name in map(_layer_of, tensors) if name is not None]
    if not names:
        raise conf.error(f"names no weight to prune, only {', '.join(tensors)}.", *place, "names")
    return list(dict.fromkeys(names))


def _layer_of(tensor: str) -> str | None:
    """The regular expression of the layer whose weight is `layer.weight`; `*` stands for numbers. None is a bias."""
    if tensor.endswith(".bias"):
        return None
    layer = re.escape(tensor.removesuffix(".weight")).replace(r"\*", r"\d+")
    return f"^{layer}$"

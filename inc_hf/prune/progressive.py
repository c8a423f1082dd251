"""Progressive pruning of INC: what an update prunes becomes zero a quarter at a time, elements before blocks."""

from types import SimpleNamespace

import torch
from torch import Tensor

from inc_hf.prune.mask import lowest
from inc_hf.prune.schedule import Schedule

STEPS = 4


def is_progressive(config: SimpleNamespace, schedule: Schedule) -> bool:
    """Whether the type asks for it and there is time for it between two updates, as INC decides."""
    has_time = schedule.end - schedule.start > STEPS and schedule.frequency > 1
    return config.pruning_type.endswith("_progressive") and has_time


def stages_of(schedule: Schedule) -> tuple[int, int]:
    """Into how many stages an update is divided, and how many steps lie between two of them."""
    stages = min(STEPS, schedule.frequency)
    return stages, schedule.frequency // stages


def share_due(schedule: Schedule, step: int) -> float | None:
    """Which share of what the latest update has not made zero yet is due at `step`; None if nothing is."""
    stages, stride = stages_of(schedule)
    update = min((step - schedule.start) // schedule.frequency, schedule.last)
    stage, rest = divmod(step - schedule.start - update * schedule.frequency, stride)
    return 1 / (stages - stage) if rest == 0 and stage < stages else None


def advance(now: dict[str, Tensor], goal: dict[str, Tensor], scores: dict[str, Tensor], share: float) -> dict:
    """Masks between `now` and `goal`: of what `goal` prunes in addition, `share` with the lowest scores is pruned."""
    pending = {name: now[name] & ~goal[name] for name in goal}
    counts = [int(where.sum()) for where in pending.values()]
    joined = torch.cat([scores[name][where] for name, where in pending.items()])
    zero = lowest(joined, round(share * len(joined))).split(counts)
    masks = {name: mask.clone() for name, mask in goal.items()}
    for (name, where), chosen in zip(pending.items(), zero, strict=True):
        masks[name][where] = ~chosen
    return masks

"""How sparse the weights are to be at which step. Steps are optimizer steps, counted from 0."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace

from inc_hf.errors import UsageError
from inc_hf.prune.criterion import criterion_of

FROM_START = "linear_from_start"  # INC 1.X's, which had its first update at the start
# Share of the way from the initial to the target sparsity after the part `t` of all updates.
DECAYS: dict[str, Callable[[float], float]] = {
    "linear": lambda t: t,
    FROM_START: lambda t: t,
    "cos": lambda t: 1 - math.cos(math.pi / 2 * t),
    "cube": lambda t: t**3,
    "cubic": lambda t: 1 - (1 - t) ** 3,  # Zhu and Gupta, 2017, arXiv 1710.01878
}


def decayed(kind: str, t: float, initial: float, target: float) -> float:
    """Sparsity after the part `t` in [0, 1] of all updates: INC's formulas, and `cubic`."""
    if kind == "exp":
        return 1 - (1 - initial) * ((1 - target) / (1 - initial)) ** t
    return initial + (target - initial) * DECAYS[kind](t)


@dataclass(frozen=True)
class Schedule:
    """Updates of the masks at the start of the steps `start + frequency`, `start + 2 * frequency`, ... up to `end`.

    If there is no time for one, the only update is at `start`. Of the kind "linear_from_start", one is there, too.
    """

    start: int
    end: int
    frequency: int
    kind: str
    target: float

    @property
    def last(self) -> int:
        """The number of the last update, counted from 0: INC's `(end - start + frequency) // frequency - 1`."""
        return (self.end - self.start) // self.frequency

    @property
    def is_oneshot(self) -> bool:
        return self.last == 0

    @property
    def begins_at_start(self) -> bool:
        return self.is_oneshot or self.kind == FROM_START

    @property
    def last_step(self) -> int:
        """The step of the last update, after which the masks stay."""
        return self.start + self.last * self.frequency

    @property
    def first_step(self) -> int:
        """The step of the first update. INC has one more at `start` of a gradual schedule, which prunes nothing."""
        return self.start if self.begins_at_start else self.start + self.frequency

    def is_update(self, step: int) -> bool:
        return self.first_step <= step <= self.end and (step - self.start) % self.frequency == 0

    def sparsity(self, step: int, initial: float = 0.0) -> float:
        """The sparsity that the update at `step` aims at, never less than `initial`."""
        if initial >= self.target:
            return initial
        at_start = int(self.begins_at_start)
        t = ((step - self.start) // self.frequency + at_start) / (self.last + at_start)
        return min(decayed(self.kind, t, initial, self.target), self.target)


UPDATES = 64  # of the masks in a run that is long enough, if the user does not say how often
PRUNING_SHARE = 0.6  # of the steps from the first on; the others heal what pruning broke
# Each time that half of the weights left is to go. MiniLM-L6 on SST-2 lost 1 % of its accuracy in 1,340 steps to 80 %
# zeros, and 3 % to 90 %: benchmarks/prune_recipe.md.
STEPS_PER_HALVING = 600


def steps_needed(sparsity: float) -> int:
    """How many optimizer steps a run should have at least, so that the model keeps most of what it knows.

    A rule of thumb: going from 50 to 75 % zeros takes as long as going from 0 to 50 %.
    """
    return math.ceil(STEPS_PER_HALVING * math.log2(1 / (1 - sparsity)))


def span_of(config: SimpleNamespace, total: int | float, warmup: int = 0) -> tuple[int, int, int]:
    """The first step, the last one and the frequency; where the config is silent, by the length of the run.

    A step for the end comes from users of INC, whose other defaults then hold. Where `total` is infinite (unknown),
    all is pruned at once, as in INC, though not before there are gradients, if they are needed.
    """
    start, end, frequency = config.start_step, config.end_step, config.pruning_frequency
    by_length = end is None or 0 < end < 1
    if start is None:
        start = min(warmup, total // 2) if end is None and math.isfinite(total) else 0
        start += end is None and math.isinf(total) and criterion_of(config.pruning_type).needs_gradient
    start = resolve_step(start, total)
    if end is None:
        end = start if config.pruning_type == "pattern_lock" or math.isinf(total) else _default_end(start, total)
    end = resolve_step(end, total)
    if frequency is None:
        frequency = max(1, (end - start) // UPDATES) if by_length else 1
    return start, end, frequency


def _default_end(start: int, total: int) -> int:
    return max(start, min(round(start + PRUNING_SHARE * (total - start)), total - 1))


def schedule_of(config: SimpleNamespace, total: int | float, warmup: int = 0) -> Schedule:
    """The schedule of a merged element of `pruning_configs` in a run of `total` optimizer steps.

    Where the config does not say when to begin, that is after the `warmup` steps of the learning rate.

    Raises:
        ValueError: the last update comes after the run, or the first before there is a gradient to prune by.
    """
    start, end, frequency = span_of(config, total, warmup)
    target = min(config.target_sparsity, config.max_sparsity_ratio_per_op)
    if end < start:
        raise UsageError(
            f"`end_step` must not be before `start_step`, but {config.end_step} and {config.start_step} are the steps "
            f"{end} and {start} of {total}; -1 is the end of the run."
        )
    schedule = Schedule(start, end, frequency, config.sparsity_decay_type, target)
    if end > total or schedule.last_step >= total:
        raise UsageError(
            f"The masks would be updated up to step {end}, but training has {total} optimizer steps, counted from 0; "
            "choose a smaller `end_step`, or -1 for the last step."
        )
    if criterion_of(config.pruning_type).needs_gradient and schedule.is_oneshot and schedule.first_step == 0:
        why = f", since `pruning_frequency` {frequency} is longer than the steps up to `end_step` {end}" if end else ""
        todo = "choose a smaller one" if end else "set `end_step` (and `pruning_frequency`)"
        raise UsageError(
            f"The pruning type {config.pruning_type!r} needs gradients, but the first update is at step 0{why}; "
            f"{todo}, or set `start_step`, or take 'magnitude'."
        )
    return schedule


def resolve_step(step: int | float, total: int) -> int:
    """A step of a run of `total` steps: a share of the run if it is between 0 and 1, the last step for -1."""
    if step == -1:
        return max(total - 1, 0)
    return round(step * total) if isinstance(step, float) and 0 < step < 1 else int(step)

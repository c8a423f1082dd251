"""Turns: every model in each round, in an order of its own, all instances of a model at the same time."""

import random
import time
from collections.abc import Callable, Mapping

from inc_hf.benchmark.instances import Instance
from inc_hf.benchmark.statistics import Window

SOON = 0.02  # seconds from the message to the beginning of a turn
TURN = 0.5  # seconds
Turns = dict[str, list[list[Window]]]


def take_turns(
    groups: Mapping[str, list[Instance]],
    seconds: float | None = None,
    calls: int | None = None,
    turn: float = TURN,
    batch: int | None = None,
    on_round: Callable[[float], None] = lambda share: None,
) -> Turns:
    """Windows of each model, one list of instances per round.

    Between two turns of a model all others have one, so that a busy neighbour hits all of them.

    Args:
        groups (`dict[str, list[Instance]]`): the instances of each model.
        seconds (`float`, *optional*): of all turns of a model together.
        calls (`int`, *optional*): of each instance, instead of `seconds`.
        turn (`float`): seconds of one turn.
        batch (`int`, *optional*): only this one of the batches.
        on_round (`Callable`): gets the share that is done.
    """
    names, shuffle = list(groups), random.Random(0).shuffle
    turns: Turns = {name: [] for name in names}
    share = 0.0
    while share < 1:
        shuffle(names)
        for name in names:
            left = None if calls is None else max(calls - fewest(turns[name]), 1)
            turns[name].append(together(groups[name], turn, left, batch))
        if calls is None:
            share = len(turns[names[0]]) * turn / seconds
        else:
            share = min(fewest(windows) for windows in turns.values()) / calls
        on_round(min(share, 1.0))
    return turns


def fewest(windows: list[list[Window]]) -> int:
    """Calls of the instance that made the fewest."""
    return min((sum(len(window.latencies()) for window in each) for each in zip(*windows, strict=True)), default=0)


def together(
    instances: list[Instance], seconds: float, calls: int | None = None, batch: int | None = None
) -> list[Window]:
    """One turn of all instances of a model, from the same moment on and until the last one is through."""
    is_alone = len(instances) == 1
    turn = {"start": time.perf_counter() + SOON, "seconds": seconds, "calls": calls, "batch": batch}
    for instance in instances:
        instance.tell({**turn, "is_alone": is_alone})
    for step in () if is_alone else (Instance.wait_until_through, Instance.release):
        for instance in instances:
            step(instance)
    return [instance.window() for instance in instances]

"""How long a candidate's model takes, in turns with the float model."""

import logging
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from inc_hf.models.batches import take_samples
from inc_hf.quantize.workflow import evaluating, run
from inc_hf.undo import restored

logger = logging.getLogger(__name__)

SAMPLES = 8
WARM_UP, FEWEST, MOST = 2, 5, 200  # rounds; many where a call takes less than what disturbs it
SECONDS = 1.0  # for the rounds


class Latency:
    """Called with a model: its time over the float model's, for a few samples; below 1 is faster.

    Of many calls in turns the quickest of each: other work on the machine only slows a call down. Where it takes all
    cores all the time, several threads wait for each other in every call, and the ratio says little.

    Args:
        inputs: batches, of which some samples of the first are taken.
        ready: model -> a copy as it will be used, such as `inc_hf.optimize` of one; the float model stays as it is.
    """

    def __init__(self, model: nn.Module, inputs: Sequence[Any], ready: Callable[[nn.Module], nn.Module]):
        self.model, self.inputs, self.ready = model, take_samples(inputs[:1], SAMPLES), ready

    @torch.no_grad()
    def __call__(self, model: nn.Module) -> float | None:
        """None without inputs."""
        if not self.inputs:
            return None
        ready = self.ready(model)
        with restored(self.model), evaluating(self.model), evaluating(ready):
            return self._ratio(ready)

    def _ratio(self, model: nn.Module) -> float:
        times: list[tuple[float, float]] = []
        start = time.perf_counter()
        while len(times) < WARM_UP + MOST:
            times.append((self._seconds(model), self._seconds(self.model)))
            if len(times) >= WARM_UP + FEWEST and time.perf_counter() - start > SECONDS:
                break
        ours, floats = zip(*times[WARM_UP:], strict=True)
        return min(ours) / min(floats)

    def _seconds(self, model: nn.Module) -> float:
        """Of a second call: the first one of a turn finds the other model in the caches, and its threads awake."""
        run(model, self.inputs[0])
        start = time.perf_counter()
        run(model, self.inputs[0])
        return time.perf_counter() - start

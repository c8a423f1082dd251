"""`Scheduler` of INC 1.X."""

import os
from collections.abc import Callable
from typing import Any

from torch import nn

from inc_hf.config import options
from inc_hf.errors import UsageError, UsageTypeError
from inc_hf.experimental.benchmark import Benchmark
from inc_hf.experimental.combination import Combination
from inc_hf.experimental.common.model import Model, wrapped
from inc_hf.experimental.component import Component
from inc_hf.experimental.mixed_precision import MixedPrecision
from inc_hf.orchestration import run_stages

SCHEDULED = (Component, MixedPrecision, Benchmark)


class Scheduler:
    """Runs components one after the other, each on the model of the one before, see `inc_hf.orchestration.run_stages`.

    ```python
    scheduler = Scheduler()
    scheduler.model = model
    scheduler.append(prune, quantizer)
    model = scheduler.fit()
    ```

    Args:
        save_directory (*optional*): gets a checkpoint of each component's model, from which a second call of the same
            script goes on; models of transformers only. INC has no such thing.

    Attributes:
        model: where the first component begins.
        train_func, eval_func: set for all components, where they are set.
    """

    def __init__(self, save_directory: str | os.PathLike | None = None):
        self.save_directory = save_directory
        self.components: list[Any] = []
        self.train_func: Callable[[nn.Module], Any] | None = None
        self.eval_func: Callable[[nn.Module], float] | None = None
        self._model: Model | None = None

    @property
    def model(self) -> Model | None:
        return self._model

    @model.setter
    def model(self, model: Any) -> None:
        self._model = wrapped(model)

    def append(self, *components: Component | MixedPrecision | Benchmark) -> None:
        """Add components behind the others."""
        for component in components:
            if not isinstance(component, SCHEDULED):
                raise UsageTypeError(
                    f"`append` takes components, such as Pruning and Quantization, got {type(component).__name__}."
                )
            self.components.append(component)

    def combine(self, *components: Component) -> Component:
        """One component that does what these do, while the model trains once. `append` it afterwards.

        Raises:
            ValueError: fewer than two, two of one kind, one that does not train, or different devices.
        """
        combination = Combination(components)
        if self._model is not None:
            combination.model = self._model
        return combination

    def fit(self) -> Any:
        """Run all; returns what the last component gives."""
        if self._model is None or not self.components:
            missing = "model: set `.model`" if self._model is None else "components: `append` some"
            raise UsageError(f"The Scheduler has no {missing} before `fit()`.")
        results: list[Any] = [self._model]
        stages: dict[str, Callable] = {}
        for component in self.components:
            name = name_of(component)
            count = sum(known.split(".")[0] == name for known in stages)
            stages[f"{name}.{count + 1}" if count else name] = self._stage(component, results)
        model = run_stages(self._model.model, stages, self.save_directory, seed=options.random_seed)
        last = results[-1]
        return last if getattr(last, "model", None) is model else Model(model)

    def __call__(self) -> Any:
        return self.fit()

    def _stage(self, component: Any, results: list[Any]) -> Callable:
        def run(model: nn.Module, work: Any) -> Any:
            component.model = model
            for name in ("train_func", "eval_func"):
                if getattr(self, name) is not None and hasattr(component, name):
                    setattr(component, name, getattr(self, name))
            result = component.fit()
            if isinstance(component, Benchmark):
                return model
            results.append(result)
            return result

        return run


def name_of(component: Any) -> str:
    """As a part of a file's name."""
    return repr(component).lower().replace("combination of ", "").replace(",", "-")

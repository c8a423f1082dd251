"""`Benchmark` of INC 1.X."""

import logging
import os
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from torch import nn
from transformers import PreTrainedModel

from inc_hf import benchmark
from inc_hf.benchmark.function import Calls
from inc_hf.benchmark.result import BenchmarkResult
from inc_hf.config.checks import check_choice
from inc_hf.errors import UsageError
from inc_hf.evaluation.scoring import scoring
from inc_hf.experimental.common import Model
from inc_hf.experimental.conf_classes import Benchmark_Conf
from inc_hf.experimental.conf_data import loader_of
from inc_hf.experimental.evaluated import Evaluated
from inc_hf.experimental.options import options_of_conf
from inc_hf.experimental.settings import Settings
from inc_hf.migrate.conf import Conf as Sections
from inc_hf.migrate.conf.translate import benchmark_config
from inc_hf.results.base import StandsForModel
from inc_hf.telling import NOTICE

logger = logging.getLogger(__name__)

MODES = ("performance", "accuracy")


class Benchmark(Evaluated):
    """Measures how fast a model is, see `inc_hf.benchmark.fit`, or how good.

    ```python
    evaluator = Benchmark("conf.yaml")
    evaluator.model = model
    evaluator.b_dataloader = dataloader
    evaluator("performance")
    ```

    A model of transformers is measured in processes of its own, nothing of the script is executed again; any other
    module in this process.

    Attributes:
        b_dataloader, dataloader: batches, with labels where the accuracy is asked for.
        b_func: is called with the model and timed, instead of all else.
        metric, postprocess: see [`Evaluated`].
        results (`dict`): mode -> (score, batch size, seconds of a batch on average).
    """

    def __init__(self, conf_fname_or_obj: Any = None):
        super().__init__()
        self.conf = Benchmark_Conf.of(conf_fname_or_obj)
        self.b_func: Callable[[nn.Module], Any] | None = None
        self.results: dict[str, tuple] = {}
        self._model: Model | StandsForModel | str | os.PathLike | None = None

    @property
    def cfg(self) -> Settings:
        return self.conf.usr_cfg

    @property
    def model(self) -> Any:
        return self._model

    @model.setter
    def model(self, model: Any) -> None:
        keeps = isinstance(model, str | os.PathLike | StandsForModel | Model)
        self._model = model if keeps else Model(model)

    @property
    def b_dataloader(self) -> Iterable | None:
        return self.eval_dataloader

    @b_dataloader.setter
    def b_dataloader(self, dataloader: Iterable) -> None:
        self.eval_dataloader = dataloader

    dataloader = b_dataloader

    def fit(self, mode: str = "performance") -> BenchmarkResult | float:
        """Measure the speed ("performance"), or the score ("accuracy")."""
        check_choice("mode", mode, MODES)
        sections = self.conf.read()
        if self._model is None:
            raise UsageError("Benchmark has no model: set `.model` before `fit()`.")
        with options_of_conf(sections):
            return self._score(sections) if mode == "accuracy" else self._speed(sections)

    def __call__(self, mode: str = "performance") -> BenchmarkResult | float:
        return self.fit(mode)

    def _speed(self, sections: Sections) -> BenchmarkResult:
        conf, model = benchmark_config(sections), self._model.model if isinstance(self._model, Model) else self._model
        section = sections.evaluation and sections.evaluation.performance
        loader = self.eval_dataloader
        if loader is None and section is not None:
            loader = loader_of(section.dataloader, "evaluation.performance")
        b_func = self.b_func
        if b_func is None and isinstance(model, nn.Module) and not isinstance(model, PreTrainedModel):
            batches = _inputs(loader)
            b_func = Calls(batches, type(model).__name__)
            conf = replace(conf, iteration=len(batches) if conf.iteration == -1 else conf.iteration)
        result = benchmark.fit(model, conf, loader if b_func is None else None, b_func, baseline=False)
        self._tell(result, getattr(loader, "batch_size", None) or 1)
        return result

    def _tell(self, result: BenchmarkResult, batch_size: int) -> None:
        measured = result.measurements[0]
        self.results["performance"] = 0, batch_size, [measured.latency.mean / 1000]
        logger.log(NOTICE, "Batch size = %d", batch_size)
        logger.log(NOTICE, "Latency: %.3f ms", measured.latency.mean / batch_size)
        logger.log(NOTICE, "Throughput: %.3f images/sec", measured.throughput)

    def _score(self, sections: Sections) -> float:
        given = {"eval_func": self.b_func} if self.b_func is not None else self.evaluation(sections)
        evaluate = scoring(**given)
        if evaluate is None:
            raise UsageError("There is nothing to score by: set `b_dataloader` with labels and `metric`, or `b_func`.")
        model = self._model
        if isinstance(model, str | os.PathLike):
            raise UsageError(f"The accuracy of {os.fspath(model)!r} needs the model itself; load it first.")
        score = evaluate(model.model)
        batch_size = getattr(self.eval_dataloader, "batch_size", None) or 1
        self.results["accuracy"] = score, batch_size, []
        logger.log(NOTICE, "Batch size = %d", batch_size)
        logger.log(NOTICE, "Accuracy is %.4f", score)
        return score

    def __repr__(self) -> str:
        return "Benchmark"


def _inputs(loader: Iterable | None) -> list[Any]:
    """The inputs of each batch, without its label."""
    if loader is None:
        raise UsageError("There is nothing to run the model on: set `b_dataloader`, or `b_func`.")
    batches = [batch[0] if isinstance(batch, tuple | list) and len(batch) == 2 else batch for batch in loader]
    if not batches:
        raise UsageError("`b_dataloader` has no batches.")
    return batches

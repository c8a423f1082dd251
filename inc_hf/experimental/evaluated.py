"""What a component evaluates its model by."""

import functools
from collections.abc import Callable
from typing import Any

from torch import nn

from inc_hf.config import AccuracyCriterion
from inc_hf.config.arguments import check_function
from inc_hf.errors import UsageError
from inc_hf.evaluation.inc_metric import evaluate_metric
from inc_hf.evaluation.metric_registry import Metric, object_of
from inc_hf.experimental.common.postprocess import Postprocess
from inc_hf.experimental.conf_data import loader_of, metric_of, postprocess_of
from inc_hf.migrate.conf import Conf as Sections
from inc_hf.migrate.conf.tuning_sections import AccuracySection
from inc_hf.results.compressed import CompressedModel


class Evaluated:
    """Attributes to set before `fit()`; what is set goes before what the conf says.

    Attributes:
        eval_func: model -> score.
        eval_dataloader: instead of it, batches `(inputs, label)`; `metric` scores them.
        metric: a [`Metric`] or an object with `update`, `reset` and `result`.
        postprocess: a [`Postprocess`], or a function of `(outputs, labels)`, called before the metric.
    """

    def __init__(self):
        self.eval_func: Callable[[nn.Module], float] | None = None
        self.eval_dataloader: Any = None
        self.metric: Any = None
        self.postprocess: Any = None

    def evaluation(self, sections: Sections) -> dict[str, Any]:
        """As arguments of the verbs of 2.X; empty where nothing is said.

        Raises:
            ValueError: there is data, but no metric, or the other way round.
        """
        check_function("eval_func", self.eval_func, "a function of the model that returns its score")
        if self.eval_func is not None:
            return {"eval_func": of_raw_model(self.eval_func)}
        section = (sections.evaluation and sections.evaluation.accuracy) or AccuracySection()
        loader = self.eval_dataloader
        if loader is None:
            loader = loader_of(section.dataloader, "evaluation.accuracy", section.iteration)
        if loader is None:
            if self.metric is not None:
                raise UsageError("`metric` is set, but there is nothing to score: set `eval_dataloader`, too.")
            return {}
        metric = self._metric(section)
        if metric is None:
            raise UsageError(
                "There is data to evaluate on, but no metric: set `metric`, or `evaluation.accuracy.metric` in the "
                "conf, such as `topk: 1`; or set `eval_func` instead of both."
            )
        postprocess = self._postprocess(section)
        if postprocess is None:
            return {"eval_dataloader": loader, "eval_metric": metric}
        if isinstance(metric, dict) and len(metric) > 1:
            raise UsageError(
                f"Several metrics ({', '.join(metric)}) are not taken together with a `postprocess`; set `eval_func`, "
                "which returns a dict of scores."
            )
        name = next(iter(metric)) if isinstance(metric, dict) else None
        return {"eval_func": evaluate_metric(loader, metric, postprocess), "metric_name": name}

    def tuning_evaluation(self, sections: Sections) -> dict[str, Any]:
        """The same for a search; empty where the conf says `performance_only`."""
        only = sections.tuning is not None and sections.tuning.exit_policy.performance_only
        return {} if only else self.evaluation(sections)

    def _metric(self, section: AccuracySection) -> Any:
        if self.metric is None:
            return metric_of(section)
        return object_of(
            self.metric if isinstance(self.metric, Metric | str | dict) else Metric("metric", self.metric)
        )

    def _postprocess(self, section: AccuracySection) -> Callable | None:
        if self.postprocess is None:
            return postprocess_of(section.postprocess)
        return self.postprocess.make() if isinstance(self.postprocess, Postprocess) else self.postprocess


def criterion_of_conf(sections: Sections) -> AccuracyCriterion:
    """The goal, as far as the conf says it: which scores are better."""
    if not sections.gives("tuning", "accuracy_criterion", "higher_is_better"):
        return AccuracyCriterion()
    return AccuracyCriterion(higher_is_better=sections.tuning.accuracy_criterion.higher_is_better)


def of_raw_model(function: Callable) -> Callable:
    """The function, called with the module itself, as 1.X does."""

    @functools.wraps(function, assigned=("__name__", "__doc__"))
    def call(model: Any) -> Any:
        return function(model.model if isinstance(model, CompressedModel) else model)

    return call

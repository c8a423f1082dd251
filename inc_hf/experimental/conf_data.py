"""Parts of a conf as the objects that they name: dataloaders, metrics, losses, optimizers."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

from inc_hf.built_in.transforms import TRANSFORMS, ComposeTransform
from inc_hf.errors import UsageError
from inc_hf.experimental.common.criterion import Criterions
from inc_hf.experimental.common.optimizer import Optimizers
from inc_hf.migrate.conf.data import dataloader_of
from inc_hf.migrate.conf.data_sections import DataloaderSection, PostprocessSection
from inc_hf.migrate.conf.fields import Named
from inc_hf.migrate.conf.tuning_sections import AccuracySection
from inc_hf.models.samples import length_of


class FirstBatches:
    """The first batches of a loader, as often as they are asked for."""

    def __init__(self, loader: Iterable, count: int):
        self.loader, self.count = loader, count
        self.batch_size = getattr(loader, "batch_size", None)

    def __iter__(self) -> Iterator[Any]:
        for i, batch in enumerate(self.loader):
            if i >= self.count:
                return
            yield batch

    def __len__(self) -> int:
        length = length_of(self.loader)
        return self.count if length is None else min(length, self.count)


def at_most(loader: Iterable, count: int | None) -> Iterable:
    """The loader, cut after so many batches; None and -1 are all."""
    return loader if count is None or count < 0 else FirstBatches(loader, count)


def loader_of(section: DataloaderSection | None, where: str, iterations: int | None = None) -> Iterable | None:
    """The batches that a section `dataloader` of the conf names; None where there is none.

    Raises:
        ValueError: a dataset or a transform that is not built in, or what these refuse.
    """
    if section is None:
        return None
    try:
        loader = dataloader_of(section)
    except UsageError as error:
        raise UsageError(f"`{where}.dataloader`: {error}") from error
    return at_most(loader, iterations)


def metric_of(section: AccuracySection) -> dict[str, Any] | None:
    """The metric of the conf, or its `multi_metrics`, as `eval_metric` of 2.X takes them; None if there is none."""
    if section.metric is not None:
        return _with_settings(section.metric)
    found: dict[str, Any] = {}
    for metric in section.multi_metrics:
        found |= _with_settings(metric)
    return found or None


def _with_settings(metric: Named) -> dict[str, Any]:
    settings = {name: value for name, value in metric.args.items() if (name, value) != ("compare_label", True)}
    return {metric.name: settings.get("", settings or None)}


def postprocess_of(section: PostprocessSection | None) -> Callable | None:
    """What the conf does to outputs before the metric.

    Raises:
        ValueError: a transform that is not built in.
    """
    if section is None or not section.transform:
        return None
    known = TRANSFORMS("pytorch", "postprocess")
    return ComposeTransform(
        known[each.name](each.args[""]) if "" in each.args else known[each.name](**each.args)
        for each in section.transform
    )


def criterion_of(named: Named | None) -> Callable[[Tensor, Tensor], Tensor] | None:
    """The loss against the labels; of a distillation, the student's own. None is the loss that the model returns."""
    if named is None or named.name == "SelfKnowledgeDistillationLoss":
        return None
    kind, settings = Criterions("pytorch")[named.name](named.args)()
    return kind(**settings)


def optimizer_of(named: Named) -> Callable[[Iterable[nn.Parameter]], Optimizer]:
    """Parameters -> optimizer."""
    kind, settings = Optimizers("pytorch")[named.name](named.args)()
    return partial(kind, **settings)

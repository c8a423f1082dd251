"""The sections about data and about training from the file."""

from dataclasses import dataclass

from inc_hf.migrate.conf.fields import Named, key, one_of, section, several_of
from inc_hf.migrate.conf.named_data import DATASETS, FILTERS, POSTPROCESSES, TRANSFORMS
from inc_hf.migrate.conf.named_training import CRITERIA, OPTIMIZERS
from inc_hf.migrate.conf.values import choice, flag, integer, text


@dataclass
class DataloaderSection:
    """`dataloader`: what batches are made of."""

    dataset: Named = one_of(DATASETS, "dataset", required=True)
    batch_size: int | None = key(integer(low=1))
    transform: list[Named] = several_of(TRANSFORMS, "transform")
    filter: Named | None = one_of(FILTERS, "filter")
    shuffle: bool = key(flag, False)
    last_batch: str = key(choice(("rollover", "discard")), "rollover")
    distributed: bool = key(flag, False)


@dataclass
class PostprocessSection:
    """`postprocess`: what happens to outputs before a metric sees them."""

    transform: list[Named] = several_of(POSTPROCESSES, "transform")


@dataclass
class TrainSection:
    """`train`: a training that INC itself runs."""

    optimizer: Named | None = one_of(OPTIMIZERS, "optimizer")
    criterion: Named | None = one_of(CRITERIA, "criterion")
    dataloader: DataloaderSection | None = section(DataloaderSection)
    epoch: int = key(integer(low=0), 1)
    start_epoch: int = key(integer(low=0), 0)
    end_epoch: int | None = key(integer(low=0))
    iteration: int | None = key(integer(low=1))
    frequency: int | None = key(integer(low=1))
    execution_mode: str = key(choice(("eager", "graph")), "eager")
    postprocess: PostprocessSection | None = section(PostprocessSection)
    hostfile: str | None = key(text)

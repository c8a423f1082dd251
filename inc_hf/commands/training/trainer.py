"""The Trainer of transformers, with an order of the samples that does not depend on what was drawn before."""

from collections.abc import Iterator
from typing import Any

import torch
from transformers import Trainer
from transformers.trainer_pt_utils import LengthGroupedSampler


class GroupedByEpoch(LengthGroupedSampler):
    """Texts of like lengths together, in an order that follows from the seed and the epoch alone.

    So it is the same in each of several processes, and after a run was resumed in the middle of an epoch; that of
    transformers comes from the generator of all else that is random.
    """

    def __init__(self, of: LengthGroupedSampler, seed: int):
        super().__init__(of.batch_size, lengths=of.lengths)
        self.seed, self.epoch = seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Called by the Trainer as an epoch begins, also by one that resumes there."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[int]:
        self.generator = torch.Generator().manual_seed(self.seed + self.epoch)
        return super().__iter__()


class OrderedTrainer(Trainer):
    """A Trainer with this order."""

    def _get_train_sampler(self, *args: Any, **kwargs: Any) -> torch.utils.data.Sampler | None:
        sampler = super()._get_train_sampler(*args, **kwargs)
        return GroupedByEpoch(sampler, self.args.seed) if isinstance(sampler, LengthGroupedSampler) else sampler

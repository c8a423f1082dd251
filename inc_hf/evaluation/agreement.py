"""How often two models give the same answer."""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from inc_hf.evaluation.answers import Answers, Problem
from inc_hf.evaluation.tasks import answers_to
from inc_hf.telling import progress_bar


@torch.no_grad()
def agreement(model: nn.Module, other: nn.Module, batches: Iterable[Mapping[str, Tensor]], task: str) -> float | None:
    """The share of answers that both models give alike, right or wrong; None for models that answer with numbers.

    Args:
        batches: labelled ones; what has no label does not count.
        task (`str`): one of `inc_hf.models.tasks.SCORED`.
    """
    same = total = 0
    for batch in progress_bar(batches, desc="Comparing", unit="batch", leave=False):
        for ours, theirs in zip(answers_to(model, batch, task), answers_to(other, batch, task), strict=True):
            if ours.problem is Problem.NUMBERS:
                return None
            equal = _choices(ours) == _choices(theirs)
            same, total = same + int(equal.sum()), total + equal.numel()
    return same / total if total else None


def _choices(answers: Answers) -> Tensor:
    return answers.outputs > 0 if answers.problem is Problem.LABELS else answers.outputs.argmax(-1)

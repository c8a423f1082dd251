"""An evaluation whose batches go through a loop of ours, so that it can be watched and ended between two of them."""

from collections.abc import Callable
from typing import Any, Protocol

from torch import Tensor, nn

from inc_hf.evaluation.content import Content


class Watch(Protocol):
    """Looks on, batch by batch."""

    def __call__(self, samples: int, right: Tensor | None, labels: Any) -> bool:
        """Whether the evaluation ends here.

        Args:
            samples: of the batch.
            right (`torch.Tensor` of shape `(answers,)`, bool): which answers were right, where the score is the share
                of them; otherwise None.
            labels: what the answers were compared with, to tell one batch from another.
        """


def watch_all(samples: int, right: Tensor | None, labels: Any) -> bool:
    """Never ends."""
    return False


class Loop:
    """Model -> score, or dict of scores; with a watch, of the batches before it ended the evaluation.

    Args:
        run: (model, watch) -> score.
        data: see [`inc_hf.evaluation.named_data`].
        content: the data as it is read, where it can be known again.
    """

    def __init__(
        self,
        run: Callable[[nn.Module, Watch], Any],
        data: dict[str, Any] | None = None,
        content: Content | None = None,
    ):
        self.run, self.data, self.content = run, data, content

    def __call__(self, model: nn.Module, watch: Watch = watch_all) -> Any:
        return self.run(model, watch)

"""Where a model has feed-forward layers whose inner columns can be cut out."""

from torch import nn

from inc_hf.matching.feed_forward import FeedForward, feed_forwards
from inc_hf.matching.layout import matrix_shape


def find_feed_forwards(model: nn.Module) -> list[FeedForward]:
    """Those whose inner columns nothing else sees."""
    return [block for block in feed_forwards(model) if not _has_inner_norm(model.get_submodule(block.owner), block)]


def _has_inner_norm(owner: nn.Module, block: FeedForward) -> bool:
    """Whether a norm over the inner columns may stand between the layers: it would see that some are gone."""
    own = {id(p) for layer in (*block.first, block.second) for p in layer.parameters()}
    others = {name: p for name, p in owner.named_parameters() if id(p) not in own}
    norms = [p for name, p in others.items() if name.endswith("weight") and p.shape == (block.width,)]
    is_outer_width = matrix_shape(block.second)[0] == block.width and any(p.ndim > 1 for p in others.values())
    return bool(norms) and not is_outer_width

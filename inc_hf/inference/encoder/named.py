"""The modules of a layer, by the names that the rows of `matching.families` have for them."""

from torch import nn

from inc_hf.inference.encoder.family import LayerModules
from inc_hf.matching.families import FAMILIES, resolve_name


def modules_of(
    layer: nn.Module, row: str, attention: str, feed_forward: str, norms: tuple[str, str], activation: str = ""
) -> LayerModules:
    """Those of one layer.

    Args:
        row (`str`): a key of `FAMILIES`.
        attention (`str`), feed_forward (`str`): where in a layer the children are that the row names; "" is the layer.
        norms (`tuple[str, str]`): that of the attention, and that of the feed-forward.
        activation (`str`): its name, beside the first layer of the feed-forward, where the row does not have it.
    """
    names = FAMILIES[row]
    first = [resolve_name(feed_forward, name) for name in names.first]
    inner = [
        *(resolve_name(attention, name) for name in (*names.projections, names.output)),
        first[-1],
        resolve_name(feed_forward, names.second),
        resolve_name(first[-1], f"../{activation or names.activation}"),
        *norms,
    ]
    gate = layer.get_submodule(first[0]) if len(first) > 1 else None
    return LayerModules(*(layer.get_submodule(name) for name in inner), gate=gate)

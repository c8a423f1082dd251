"""Base models whose layers run on the rows of real tokens, in one native call where that is possible."""

from typing import NamedTuple

from torch import nn

from inc_hf.inference.encoder.by_layers import ByLayers
from inc_hf.inference.encoder.families import family_of
from inc_hf.inference.encoder.family import Family, Unfit
from inc_hf.inference.encoder.forward import EncoderForward
from inc_hf.inference.encoder.images import ImageForward
from inc_hf.inference.encoder.prepared import InOneCall

HOW = "_how_its_encoder_runs"  # an attribute of modules, for `inc_hf.explain`


class How(NamedTuple):
    """How the layers of an encoder run, and why not better; "" if there is nothing better."""

    runs: str
    why_not: str = ""

    def __str__(self) -> str:
        return f"{self.runs}, since {self.why_not}" if self.why_not else self.runs


ONE_CALL = "all layers run in one native call"
PACKED = "its layers run one by one, without padding"
ONE_BY_ONE = "its layers run one by one"


def run_encoders(model: nn.Module, attention: str) -> dict[str, How]:
    """Let all encoders in a model run as well as they can, in place.

    Returns:
        `dict[str, How]`: those that were found, by name.
    """
    found = {}
    for name, module in model.named_modules():
        family = family_of(module)
        if family is not None:
            found[name] = run_well(module, family, attention)
            setattr(module, HOW, found[name])
    return found


def run_well(module: nn.Module, family: Family, attention: str) -> How:
    kind = EncoderForward if family.images is None else ImageForward
    reasons = []
    for prepared, words in ((InOneCall, ONE_CALL), (ByLayers, PACKED)):
        forward = kind(module, family, attention, prepared)
        try:
            forward.prepare()
        except Unfit as reason:
            reasons.append(str(reason))
            continue
        module.forward = forward
        if prepared is InOneCall:
            module.requires_grad_(False)
        return How(words, *reasons)
    return How(ONE_BY_ONE, reasons[0])


def how_it_runs(module: nn.Module) -> How:
    """How an encoder will run at the next call, if that asks for nothing special."""
    forward = vars(module).get("forward")
    how = vars(module).get(HOW, How(ONE_BY_ONE, "`inc_hf.optimize` was not asked for it"))
    if isinstance(forward, EncoderForward) and (reason := forward.why_not()):
        return How(ONE_BY_ONE, reason)
    return how

"""Base models put on the native encoder."""

from torch import nn

from inc_hf import ops
from inc_hf.inference.encoder.families import family_of
from inc_hf.inference.encoder.family import Family, Unfit
from inc_hf.inference.encoder.forward import NativeForward
from inc_hf.inference.encoder.images import NativeImageForward

REASON = "_why_no_native_encoder"  # an attribute of modules, for `inc_hf.explain`


def run_encoders(model: nn.Module, attention: str) -> dict[str, str]:
    """Let all encoders in a model run natively that can, in place.

    Returns:
        `dict[str, str]`: the names of the encoders that were found, and why one does not run natively; "" if it does.
    """
    found = {}
    for name, module in model.named_modules():
        family = family_of(module)
        if family is not None:
            found[name] = run_natively(module, family, attention)
            setattr(module, REASON, found[name])
    return found


def why_not(module: nn.Module) -> str:
    """Why an encoder will not run natively, whatever is asked for; nothing if it will."""
    forward = vars(module).get("forward")
    if isinstance(forward, NativeForward):
        return forward.why_not()
    return vars(module).get(REASON, "`inc_hf.optimize` was not asked for it")


def run_natively(module: nn.Module, family: Family, attention: str) -> str:
    """Returns why not, or nothing."""
    if not ops.is_native():
        return "there are no kernels"
    kind = NativeForward if family.images is None else NativeImageForward
    forward = kind(module, family, attention)
    try:
        forward.prepare()
    except Unfit as reason:
        return str(reason)
    module.forward = forward
    module.requires_grad_(False)
    return ""

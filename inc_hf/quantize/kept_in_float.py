"""Modules that could be quantized, but whose owner saves their weights itself, without scales, or writes to them."""

from torch import nn

from inc_hf.matching.sentences import PACKAGE, is_of

ADAPTER = "an adapter of PEFT, which saves it in float; merge it (`merge_and_unload`) to have it quantized"
BESIDE_MODEL = "beside the model of transformers in a SentenceTransformer, which saves it in float"
HELD_ASIDE = "its owner calls it from a list of its own, not by its name"  # heads of MaskFormer
REPLACED = "its `forward` was replaced, which a module in its place would not call"
RESCALED = "RWKV scales its weight in place before the first forward pass"
RESCALED_IN_RWKV = ("attention.output", "feed_forward.value")  # of each block
BASES = ("base_layer", "original_module")  # what PEFT calls the module that it adapts


def kept_in_float(model: nn.Module) -> dict[str, str]:
    """Name -> reason, of all modules inside of adapters, of those beside the model in a `SentenceTransformer`, of what
    RWKV writes to, of those whose `forward` is not that of their class, and of those in whose place another one would
    not be called."""
    aside = {id(module) for owner in model.modules() for module in _held_aside(owner)}
    reasons = {name: HELD_ASIDE for name, module in model.named_modules() if id(module) in aside}
    for name, module in model.named_modules():
        if _has_own_forward(module):
            reasons[name] = REPLACED
        if type(module).__name__ == "RwkvBlock":
            reasons |= {f"{name}.{child}": RESCALED for child in RESCALED_IN_RWKV}
        if is_of(module, "peft.") and any(hasattr(module, base) for base in BASES):
            reasons |= dict.fromkeys(_inside(name, module, besides=BASES), ADAPTER)
    if is_of(model, PACKAGE):
        modules = dict(model.named_modules())
        models = [name for name, module in modules.items() if hasattr(module, "save_pretrained") and name]
        outside = [n for n in modules if not any(n == name or n.startswith(f"{name}.") for name in models)]
        reasons |= dict.fromkeys(outside, BESIDE_MODEL)
    return reasons


def _has_own_forward(module: nn.Module) -> bool:
    """Whether somebody has put another `forward` on it; that of accelerate only moves tensors."""
    return "forward" in vars(module) and not hasattr(module, "_hf_hook")


def _held_aside(owner: nn.Module) -> list[nn.Module]:
    """Modules in plain lists and the like among the attributes."""
    values = [value for name, value in vars(owner).items() if name != "_modules"]
    lists = [list(value.values()) if isinstance(value, dict) else value for value in values]
    held = [item for found in lists if isinstance(found, list | tuple) for item in found]
    return [item for item in [*values, *held] if isinstance(item, nn.Module)]


def _inside(name: str, module: nn.Module, besides: tuple[str, ...]) -> list[str]:
    """Names of the modules below one, its children of the names `besides` excepted."""
    found = [child for child, _ in module.named_modules() if child and child.split(".")[0] not in besides]
    return [f"{name}.{child}" if name else child for child in found]

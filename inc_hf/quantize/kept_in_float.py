"""Modules that could be quantized, but whose owner saves their weights itself, without scales, or writes to them."""

from torch import nn

ADAPTER = "an adapter of PEFT, which saves it in float; merge it (`merge_and_unload`) to have it quantized"
BESIDE_MODEL = "beside the model of transformers in a SentenceTransformer, which saves it in float"
RESCALED = "RWKV scales its weight in place before the first forward pass"
RESCALED_IN_RWKV = ("attention.output", "feed_forward.value")  # of each block
BASES = ("base_layer", "original_module")  # what PEFT calls the module that it adapts


def kept_in_float(model: nn.Module) -> dict[str, str]:
    """Name -> reason, of all modules inside of adapters, of those beside the model in a `SentenceTransformer`, and of
    those of RWKV that it writes to."""
    reasons: dict[str, str] = {}
    for name, module in model.named_modules():
        if type(module).__name__ == "RwkvBlock":
            reasons |= {f"{name}.{child}": RESCALED for child in RESCALED_IN_RWKV}
        if _is_of(module, "peft.") and any(hasattr(module, base) for base in BASES):
            reasons |= dict.fromkeys(_inside(name, module, besides=BASES), ADAPTER)
    if _is_of(model, "sentence_transformers."):
        modules = dict(model.named_modules())
        models = [name for name, module in modules.items() if hasattr(module, "save_pretrained") and name]
        outside = [n for n in modules if not any(n == name or n.startswith(f"{name}.") for name in models)]
        reasons |= dict.fromkeys(outside, BESIDE_MODEL)
    return reasons


def _inside(name: str, module: nn.Module, besides: tuple[str, ...]) -> list[str]:
    """Names of the modules below one, its children of the names `besides` excepted."""
    found = [child for child, _ in module.named_modules() if child and child.split(".")[0] not in besides]
    return [f"{name}.{child}" if name else child for child in found]


def _is_of(module: nn.Module, package: str) -> bool:
    """Whether its class, or one that it is made of, comes from a package."""
    return any(cls.__module__.startswith(package) for cls in type(module).__mro__)

"""Which quantized module stands for which float one."""

import copy

from torch import Tensor, nn

from inc_hf.quantize.nn.float_modules import op_type
from inc_hf.quantize.nn.qconv import QConv
from inc_hf.quantize.nn.qembedding import QEmbedding
from inc_hf.quantize.nn.qlinear import QLinear
from inc_hf.quantize.nn.qmodule import QModule
from inc_hf.quantize.scheme import Scheme

TWINS = {"Linear": QLinear, "Conv1D": QLinear, "Embedding": QEmbedding, "Conv1d": QConv, "Conv2d": QConv}


def empty_twin(module: nn.Module, scheme: Scheme) -> QModule:
    """Quantized module of the shapes of `module`, its tensors still to be filled."""
    return copy_attributes(module, TWINS[op_type(module)].like(module, scheme))


HOOKS = (
    "_forward_hooks",
    "_forward_hooks_with_kwargs",
    "_forward_hooks_always_called",
    "_forward_pre_hooks",
    "_forward_pre_hooks_with_kwargs",
    "_backward_hooks",
    "_backward_pre_hooks",
    "_is_full_backward_hook",
)


def copy_attributes(module: nn.Module, twin: nn.Module) -> nn.Module:
    """Give `twin` the hooks of `module` and all else that is known of it, since models read `kernel_size`, `max_norm`
    and the like; returns it."""
    for name, value in vars(module).items():
        # "quantization_…" is a plan of ours, or of compressed-tensors; a callable is its `forward`, or accelerate's; a
        # tensor is the weight that an older weight norm computes
        is_own = name.startswith(("_", "quantization_")) or callable(value) or isinstance(value, Tensor)
        if not is_own and name not in vars(twin):
            setattr(twin, name, value)
    _take_hooks(module, twin)
    return twin


def with_hooks_of_its_own(module: nn.Module) -> nn.Module:
    """The same parameters and hooks once more, for a module whose place a twin takes with these very hooks."""
    second = copy.copy(module)
    for name in HOOKS:
        vars(second)[name] = copy.copy(vars(module)[name])
    return second


def _take_hooks(module: nn.Module, twin: nn.Module) -> None:
    """The same dicts, by which handles remove hooks; without those that compute the weight (older weight norm)."""
    for name in HOOKS:
        vars(twin)[name] = vars(module)[name]
    pre_hooks = module._forward_pre_hooks
    for key in [key for key, hook in pre_hooks.items() if type(hook).__module__.startswith("torch.nn.utils.")]:
        del pre_hooks[key]


def quantized_modules(model: nn.Module) -> dict[str, QModule]:
    """Name -> module of all quantized modules; a shared one comes once."""
    return {name: module for name, module in model.named_modules() if isinstance(module, QModule)}

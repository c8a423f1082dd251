"""Which quantized module stands for which float one."""

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


def copy_attributes(module: nn.Module, twin: nn.Module) -> nn.Module:
    """Give `twin` what else is known of `module` (`kernel_size`, `max_norm`, …), since models read it; returns it."""
    for name, value in vars(module).items():
        # "quantization_…" is a plan of ours, or of compressed-tensors; a callable is its `forward`, or accelerate's; a
        # tensor is the weight that an older weight norm computes
        is_own = name.startswith(("_", "quantization_")) or callable(value) or isinstance(value, Tensor)
        if not is_own and name not in vars(twin):
            setattr(twin, name, value)
    return twin


def quantized_modules(model: nn.Module) -> dict[str, QModule]:
    """Name -> module of all quantized modules; a shared one comes once."""
    return {name: module for name, module in model.named_modules() if isinstance(module, QModule)}

"""Weights packed for this CPU, and what they were packed from dropped, once nothing will change them any more."""

from collections import Counter

from torch import nn

from inc_hf import ops
from inc_hf.quantize.nn import PackedWeight, StoredWeight


def release_weights(model: nn.Module) -> None:
    """Pack all quantized and BF16 Linear layers for this CPU and drop the weights they were made of, in place.

    Weights that other modules share stay: those modules read them as they are.
    """
    if not ops.is_native():
        return
    modules = [module for module in model.modules() if isinstance(module, StoredWeight)]
    owners = Counter(id(module._buffers["stored"]) for module in modules)
    for module in modules:
        if isinstance(module, PackedWeight) and not module.is_released and module.runs_packed():
            module.pack()
            if owners[id(module.stored_weight())] == 1:
                module.release_weight()

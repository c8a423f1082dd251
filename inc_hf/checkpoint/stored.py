"""Quantized modules and their weights in the stored form of quant_method "inc": packed, and without most zeros."""

import torch
from torch import Tensor, nn

from inc_hf.checkpoint.packing import pack, packed_shape, unpack
from inc_hf.checkpoint.sparse import MASK, Sparse, compress, decompress
from inc_hf.matching.patterns import named_modules_with_duplicates
from inc_hf.quantize.nn import QModule


def await_packed(twin: QModule, form: Sparse | None) -> None:
    """Let a module hold its weight as it is stored, until `unpacked_codes`."""
    bits, shape = twin.scheme.weight.num_bits, tuple(twin.codes.shape)
    stored = packed_shape(shape, bits)
    twin.unpacked_shape, twin.form = shape, form
    if form is not None:
        stored, mask = form.shapes(shape, bits)
        twin.register_buffer(MASK, torch.empty(mask, dtype=torch.uint8))
    twin.await_weight(torch.empty(stored, dtype=torch.int8 if bits > 4 else torch.uint8))


def unpacked_codes(module: QModule) -> Tensor:
    """The int8 codes of a module that holds its weight as it is stored.

    Raises:
        CheckpointError: its mask does not fit what the config says.
    """
    stored, bits, form = module.weight.data, module.scheme.weight.num_bits, module.form
    mask = None if form is None else module._buffers.pop(MASK)
    if stored.is_meta:
        return torch.empty(module.unpacked_shape, dtype=torch.int8, device="meta")
    if form is None:
        return unpack(stored, module.unpacked_shape, bits)
    return decompress(stored, mask, form, module.unpacked_shape, bits)


def packed_state_dict(model: nn.Module, forms: dict[str, Sparse]) -> dict[str, Tensor]:
    """The state dict of a quantized model with its weights as they are stored; what is tied stays one tensor.

    Args:
        forms: module name -> its form, of those that are not stored in the dense one.
    """
    state_dict, packed = model.state_dict(), {}
    for name, module in named_modules_with_duplicates(model):
        if not isinstance(module, QModule):
            continue
        codes, bits = module.codes, module.scheme.weight.num_bits
        if codes.data_ptr() not in packed:
            form = forms.get(name)
            packed[codes.data_ptr()] = (pack(codes, bits), None) if form is None else compress(codes, form, bits)
        state_dict[f"{name}.weight"], mask = packed[codes.data_ptr()]
        if mask is not None:
            state_dict[f"{name}.{MASK}"] = mask
    return state_dict

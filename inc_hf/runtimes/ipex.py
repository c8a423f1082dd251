"""Models on IPEX, which compiles the model of torch at each load."""

import torch
from torch import nn
from transformers import PreTrainedModel

from inc_hf.backends import ipex
from inc_hf.errors import UsageError
from inc_hf.export.built_in import built_in
from inc_hf.export.layout import MODEL
from inc_hf.models.inputs import example_batch
from inc_hf.quantize.nn import quantized_modules
from inc_hf.runtimes.model import RuntimeModel, on_runtime, output_class_of


def on_ipex(model: PreTrainedModel) -> PreTrainedModel:
    """A model of torch on IPEX: quantized with its own integers and scales, otherwise in its dtype. It is used up.

    Raises:
        ValueError: it generates text, for which a trace does not serve, or is of a kind that runs on torch only.
    """
    if model.can_generate():
        name = type(model).__name__
        raise UsageError(f"{name} generates text, which IPEX does not here; use backend 'torch' or 'onnxruntime'.")
    output_class_of(type(model))
    in_bfloat16 = model.dtype == torch.bfloat16 and not quantized_modules(model)
    dtype = torch.bfloat16 if in_bfloat16 else torch.float32
    for module in quantized_modules(model).values():
        module.dtype = torch.float32
    model = nn.Module.float(model)  # from which IPEX makes the other; the model's own refuses quantized ones
    batch = example_batch(model)
    defaults = built_in(model, batch)
    session = ipex.open_session(model, batch, dtype)
    return on_runtime(RuntimeModel, type(model), model.config, "ipex", {MODEL: session}, [], defaults)

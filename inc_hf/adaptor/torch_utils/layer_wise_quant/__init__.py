"""INC 2.X's `neural_compressor.adaptor.torch_utils.layer_wise_quant`."""

from inc_hf.config.elsewhere import elsewhere

load_empty_model = elsewhere(
    "load_empty_model",
    "load the model with `from_pretrained`, in bfloat16 if memory is short; layers are quantized one after the other",
)

"""INC 2.X's `neural_compressor.adaptor.torch_utils.layer_wise_quant`."""

from inc_hf.models.empty import empty_model as load_empty_model

__all__ = ["load_empty_model"]

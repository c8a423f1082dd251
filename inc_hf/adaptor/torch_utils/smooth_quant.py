"""INC 2.1's `neural_compressor.adaptor.torch_utils.smooth_quant`."""

from inc_hf.adaptor.torch_utils.waq import TorchSmoothQuant

__all__ = ["TorchSmoothQuant"]

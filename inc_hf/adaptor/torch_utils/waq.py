"""INC 2.X's `neural_compressor.adaptor.torch_utils.waq`."""

from inc_hf.config.elsewhere import elsewhere

TorchSmoothQuant = elsewhere(
    "TorchSmoothQuant",
    'use `PostTrainingQuantConfig(recipes={"smooth_quant": True, "smooth_quant_args": {"alpha": 0.5}})`',
)

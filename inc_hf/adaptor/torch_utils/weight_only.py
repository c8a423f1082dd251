"""INC 2.X's `neural_compressor.adaptor.torch_utils.weight_only`."""

from inc_hf.config.elsewhere import elsewhere

CONFIG = 'use `quantization.fit` with `PostTrainingQuantConfig(approach="weight_only")`, which rounds to nearest'
autoround_quantize = elsewhere("autoround_quantize", CONFIG)
awq_quantize = elsewhere("awq_quantize", CONFIG)
gptq_quantize = elsewhere("gptq_quantize", CONFIG)
rtn_quantize = elsewhere("rtn_quantize", CONFIG)
teq_quantize = elsewhere("teq_quantize", CONFIG)

"""What was done to a checkpoint, asked of INCConfig."""

from neural_compressor.config import PostTrainingQuantConfig
from optimum.intel import INCConfig, INCQuantizer
from tiny_task import bert

INCQuantizer.from_pretrained(bert()).quantize(PostTrainingQuantConfig(approach="dynamic"), "dynamic")
inc_config = INCConfig.from_pretrained("dynamic")
print(inc_config.quantization)

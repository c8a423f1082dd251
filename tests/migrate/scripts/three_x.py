"""INC 3.X, which is another API."""

from neural_compressor.torch.quantization import convert, get_default_dynamic_config, prepare
from tiny_task import bert

model = prepare(bert(), get_default_dynamic_config())
model = convert(model)

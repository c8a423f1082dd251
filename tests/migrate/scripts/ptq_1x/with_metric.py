"""A metric of the conf, and data of the script."""

from neural_compressor.experimental import Quantization, common
from tiny_task import bert, pairs

CONF = "dynamic.yaml"
model, data = bert(), pairs()
quantizer = Quantization(CONF)
quantizer.model = common.Model(model)
quantizer.eval_dataloader = data
q_model = quantizer()
q_model.save("dynamic")

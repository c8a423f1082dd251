"""ONNX files of a quantized model."""

from neural_compressor.config import PostTrainingQuantConfig, Torch2ONNXConfig
from neural_compressor.quantization import fit
from tiny_task import bert, loader

batch = next(iter(loader(batch_size=1)))
batch.pop("labels")
q_model = fit(bert(), PostTrainingQuantConfig(approach="dynamic"))
int8_onnx_config = Torch2ONNXConfig(dtype="int8", opset_version=17, quant_format="QDQ", example_inputs=batch)
q_model.export("int8-model.onnx", int8_onnx_config)

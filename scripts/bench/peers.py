"""All engines that are compared, by the names that the table gives them."""

from bench.engines.engine import Engine
from bench.engines.in_ctranslate2 import convert
from bench.engines.in_ctranslate2 import run as ctranslate2_run
from bench.engines.in_onnxruntime import export_fused, onnx_run, ort_dynamic, ort_static
from bench.engines.in_openvino import openvino_fp32, openvino_nncf, openvino_run
from bench.engines.in_torch import torch_bf16, torch_compiled, torch_dynamic, torch_eager, torchao_compiled
from bench.engines.ours import as_onnx, for_vllm, our_bf16, ours, ours_on

PEERS = {
    "torch FP32": Engine(torch_eager),
    "torch FP32, compiled": Engine(torch_compiled, any_length=False),
    "torch BF16": Engine(torch_bf16),
    "torch dynamic INT8, per channel": Engine(torch_dynamic),
    "torchao W8A8 per token, compiled": Engine(torchao_compiled(False), any_length=False),
    "torchao W8A8 per token, compiled for any length": Engine(torchao_compiled(True)),
    "ONNX Runtime FP32, fused": Engine(onnx_run, export_fused),
    "ONNX Runtime dynamic INT8, fused": Engine(onnx_run, ort_dynamic),
    "ONNX Runtime static INT8, products only": Engine(onnx_run, ort_static),
    "OpenVINO FP32": Engine(openvino_run, openvino_fp32),
    "OpenVINO NNCF INT8, transformer preset": Engine(openvino_run, openvino_nncf),
    "CTranslate2 INT8": Engine(ctranslate2_run, convert),
    "vLLM, our INT8 checkpoint": Engine(None, for_vllm, worker="bench.vllm_worker"),
    "inc_hf BF16": Engine(ours_on("torch"), our_bf16),
    "inc_hf dynamic INT8": Engine(ours_on("torch"), ours("dynamic")),
    "inc_hf static INT8": Engine(ours_on("torch"), ours("static")),
    "inc_hf dynamic INT8, 80 % of 4x1 blocks zero": Engine(ours_on("torch"), ours("dynamic"), "80 %"),
    "inc_hf dynamic INT8, 90 % of 4x1 blocks zero": Engine(ours_on("torch"), ours("dynamic"), "90 %"),
    "inc_hf dynamic INT8 on ONNX Runtime": Engine(ours_on("onnxruntime"), as_onnx(ours("dynamic"))),
    "inc_hf static INT8 on ONNX Runtime": Engine(ours_on("onnxruntime"), as_onnx(ours("static", quant_format="QDQ"))),
    "inc_hf static INT8 on OpenVINO": Engine(ours_on("openvino"), as_onnx(ours("static", quant_format="QDQ"))),
}

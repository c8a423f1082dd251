"""The process that measures a model of transformers: `python -m inc_hf.benchmark.model_worker`."""

import copy
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import AutoConfig, PreTrainedModel

from inc_hf import ops
from inc_hf.benchmark.batches import read_batches, size_of
from inc_hf.benchmark.worker import Call, serve
from inc_hf.checkpoint.header import weights_size
from inc_hf.inference.optimize import optimize
from inc_hf.models.building import changed_when_built
from inc_hf.models.size import bytes_of
from inc_hf.models.source import source_of
from inc_hf.models.tasks import auto_class_of, model_class_of
from inc_hf.prune.slim.sizes import ENTRY, to_own_sizes
from inc_hf.quantize.bf16 import bf16_modules
from inc_hf.quantize.nn import QConv, QLinear, quantized_modules
from inc_hf.runtimes import RuntimeModel, load_model

FLOAT = "float"  # a kind of task: the model in FP32, with random weights
FLOAT_LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d)


def load(task: dict[str, Any]) -> tuple[Call, dict[str, Any]]:
    """A model as the task says: `model` (name or directory), `backend`, `kind`, `batches` (file), `threads`,
    `trust_remote_code`."""
    torch.set_num_threads(task["threads"])
    if task["inter_threads"] is not None:
        torch.set_num_interop_threads(task["inter_threads"])
    batches = read_batches(task["batches"])
    sizes = [size_of(batch) for batch in batches]
    model = float_twin(task) if task["kind"] == FLOAT else checkpoint(task)
    facts = facts_of(model, task)  # before weights are packed
    at_its_fastest(model)

    @torch.no_grad()
    def call(index: int) -> int:
        model(**batches[index % len(batches)])
        return sizes[index % len(batches)]

    call(0)  # IPEX and torch compile at first
    return call, facts


def checkpoint(task: dict[str, Any]) -> PreTrainedModel:
    """A checkpoint on its backend."""
    hub = source_of(task["model"], task["trust_remote_code"])
    auto_class = auto_class_of(task["model"], task["task"], **hub)
    return load_model(auto_class, task["model"], backend=task["backend"], **hub).eval()


def at_its_fastest(model: PreTrainedModel) -> None:
    """Optimize a model of torch that our kernels run, in place."""
    if not isinstance(model, RuntimeModel) and (quantized_modules(model) or bf16_modules(model)):
        optimize(model)


def float_twin(task: dict[str, Any]) -> PreTrainedModel:
    """A model of the same architecture in FP32 with random weights, which take as long as trained ones."""
    hub = source_of(task["model"], task["trust_remote_code"])
    config = copy.deepcopy(AutoConfig.from_pretrained(task["model"], **hub))
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    config.dtype = torch.float32
    auto_class = auto_class_of(task["model"], task["task"], **hub)
    model_class = model_class_of(auto_class, config, hub["trust_remote_code"])
    if getattr(config, ENTRY, None) is not None:
        model_class = changed_when_built(model_class, to_own_sizes)
    return model_class(config).eval()


def facts_of(model: PreTrainedModel, task: dict[str, Any]) -> dict[str, Any]:
    """What a report says of a model, and what explains its speed."""
    if isinstance(model, RuntimeModel):
        files = [part for path in model.files for part in path.parent.glob(f"{path.name}*")]
        return {"backend": model.backend, "bytes": sum(part.stat().st_size for part in files)}
    quantized = [m for m in quantized_modules(model).values() if isinstance(m, QLinear | QConv)]
    facts = {"backend": "torch", "bytes": size_on_disk(model, task), "dtype": str(model.dtype).removeprefix("torch.")}
    if not quantized:
        return facts | ({"dtype": "bfloat16 weights", "isa": ops.isa()} if bf16_modules(model) else {})
    integers = sum(module.codes.numel() for module in quantized)
    floats = sum(m.weight.numel() for m in model.modules() if isinstance(m, FLOAT_LAYERS))
    return facts | {
        "isa": ops.isa(),
        "vnni": ops.has_vnni(),
        "dtype": "int8",
        "integer_share": integers / (integers + floats),
        "weights_only": all(module.scheme.activation is None for module in quantized),
        "convolutions": any(isinstance(module, QConv) for module in quantized),
    }


def size_on_disk(model: PreTrainedModel, task: dict[str, Any]) -> int:
    """Bytes of the weights; of a twin or a model of the Hub, those that they would have there."""
    found = 0 if task["kind"] == FLOAT else weights_size(Path(task["model"]))
    return found or bytes_of(model.state_dict().values())


if __name__ == "__main__":
    serve(load)

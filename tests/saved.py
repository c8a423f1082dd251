"""What lies in a checkpoint, and whether the model that comes back is the same."""

import json
from pathlib import Path

import torch
from safetensors import safe_open

from inc_hf.quantize.nn import QModule

FORMATS = ["compressed-tensors", "inc"]
# model -> its output layer and the embeddings that share its weight
TIED = {
    "gpt2": ["lm_head", "transformer.wte"],
    "opt": ["lm_head", "model.decoder.embed_tokens"],
    "t5": ["lm_head", "shared", "encoder.embed_tokens", "decoder.embed_tokens"],
    "bart": ["lm_head", "model.shared", "model.encoder.embed_tokens", "model.decoder.embed_tokens"],
}


def stored_tensors(directory: Path) -> dict[str, tuple[str, list[int]]]:
    """Name -> dtype and shape of all tensors on disk."""
    found = {}
    for path in directory.glob("*.safetensors"):
        with safe_open(path, "pt") as file:
            for name in file.keys():  # noqa: SIM118 - not a mapping
                part = file.get_slice(name)
                found[name] = part.get_dtype(), part.get_shape()
    return found


def stored_dtypes(directory: Path, modules: list[str]) -> list[str]:
    """The dtype on disk of each weight of the modules, which is less than one each where weights are tied."""
    stored = stored_tensors(directory)
    return [stored[f"{name}.weight"][0] for name in modules if f"{name}.weight" in stored]


def address_of(module: torch.nn.Module) -> int:
    weight = module.codes if isinstance(module, QModule) else module.weight
    return weight.data_ptr()


def method_of(directory: Path) -> str:
    return json.loads((directory / "config.json").read_text())["quantization_config"]["quant_method"]


def same_state(a: torch.nn.Module, b: torch.nn.Module) -> bool:
    a, b = a.state_dict(), b.state_dict()
    return a.keys() == b.keys() and all(a[k].dtype == b[k].dtype and torch.equal(a[k], b[k]) for k in a)

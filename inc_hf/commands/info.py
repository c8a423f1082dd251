"""`inc-hf info`."""

import argparse
import json
import struct
from collections import Counter
from pathlib import Path
from typing import Any

import torch
import transformers
from rich.console import Console
from rich.table import Table
from transformers import AutoConfig

import inc_hf
from inc_hf import ops
from inc_hf.checkpoint import CheckpointError
from inc_hf.commands.main import EXIT_OK
from inc_hf.results.quantized import INC_CONFIG_NAME


def info(args: argparse.Namespace) -> int:
    """Print what a checkpoint holds, or what this machine offers; returns the exit code."""
    facts = describe_machine() if args.directory is None else describe_checkpoint(Path(args.directory))
    if args.json:
        print(json.dumps(facts, indent=2))
        return EXIT_OK
    table = Table(title=str(args.directory or "this machine"), show_header=False)
    for key, value in facts.items():
        text = "\n".join(f"{k}: {v}" for k, v in value.items()) if isinstance(value, dict) else str(value)
        table.add_row(key.replace("_", " "), text)
    Console().print(table)
    return EXIT_OK


def describe_machine() -> dict[str, Any]:
    """Versions, and what the CPU means for quantization."""
    return {
        "inc_hf": inc_hf.__version__,
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "cpu": torch.cpu.get_capabilities().get("cpu_name", "unknown"),
        "vector_instructions": torch.backends.cpu.get_cpu_capability(),
        "vnni": ops.has_vnni(),
        "default_weight_bits": ops.default_weight_bits(),
        "kernels": describe_kernels(),
        "threads": torch.get_num_threads(),
    }


def describe_kernels() -> str:
    """Which kernels quantized layers run on, and why no others."""
    if ops.is_native():
        return f"{ops.isa()} (this CPU runs {', '.join(ops.supported_isas())})"
    reason = "INC_HF_ISA=reference" if ops.is_available() else ops.why_unavailable()
    return f"plain torch reference, exact, not fast: {reason}"


def describe_checkpoint(directory: Path) -> dict[str, Any]:
    """Format, schemes, tensors and scores of a checkpoint directory, read without loading the weights.

    Raises:
        FileNotFoundError: there is no checkpoint.
        CheckpointError: a weight file is truncated, or the `quantization_config` malformed.
    """
    if not (directory / "config.json").is_file():
        raise FileNotFoundError(f"{directory} holds no checkpoint: config.json is missing.")
    config = AutoConfig.from_pretrained(directory)
    quantization = getattr(config, "quantization_config", None) or {}
    files = sorted(directory.glob("*.safetensors"))
    tensors = {name: entry for path in files for name, entry in read_header(path).items()}
    elements: Counter[str] = Counter()
    for entry in tensors.values():
        elements[entry["dtype"]] += torch.Size(entry["shape"]).numel()
    facts = {
        "architecture": (config.architectures or ["unknown"])[0],
        "format": quantization.get("quant_method", "not quantized"),
        "quantized_modules": sum(name.endswith(".weight_scale") for name in tensors),
        "schemes": schemes_in_words(quantization),
        "elements": {dtype: f"{count / 1e6:.2f} M" for dtype, count in elements.most_common()},
        "weights_on_disk": f"{weights_size(directory) / 1e6:.1f} MB",
        "as_fp32": f"{sum(elements.values()) * 4 / 1e6:.1f} MB",
    }
    if (directory / INC_CONFIG_NAME).is_file():
        summary = json.loads((directory / INC_CONFIG_NAME).read_text(encoding="utf-8"))
        if "inc_hf_version" in summary:  # optimum-intel wrote files of this name, too
            facts["made_with"] = f"inc_hf {summary['inc_hf_version']}"
            if summary["tuning"]["score"] is not None:
                facts["tuning"] = summary["tuning"]
    return facts


def weights_size(directory: Path) -> int:
    """Bytes of all weight files."""
    return sum(path.stat().st_size for path in directory.glob("*.safetensors"))


def read_header(path: Path) -> dict[str, dict]:
    """Name -> dtype, shape and offsets of the tensors in a safetensors file; checks that the file is whole."""
    with path.open("rb") as file:
        length_bytes = file.read(8)
        length = struct.unpack("<Q", length_bytes)[0] if len(length_bytes) == 8 else -1
        size = path.stat().st_size
        if not 0 < length <= size - 8:
            raise CheckpointError(f"{path} is truncated or not a safetensors file.")
        try:
            header = json.loads(file.read(length))
        except ValueError as error:
            raise CheckpointError(f"{path} is truncated or not a safetensors file.") from error
    header.pop("__metadata__", None)
    end = max((entry["data_offsets"][1] for entry in header.values()), default=0)
    if 8 + length + end != size:
        raise CheckpointError(f"{path} is truncated: it has {size} bytes, its header speaks of {8 + length + end}.")
    return header


def schemes_in_words(quantization: dict[str, Any]) -> dict[str, str]:
    """Targets -> scheme, for both formats; other formats give nothing.

    Raises:
        CheckpointError: the config is malformed.
    """
    method = quantization.get("quant_method")
    try:
        if method == "inc":
            return {_targets(group["modules"]): _words(group["scheme"]) for group in quantization["groups"]}
        groups = quantization["config_groups"].values() if method == "compressed-tensors" else ()
        return {
            _targets(group["targets"]): _words(
                {"weight": group["weights"], "activation": group.get("input_activations")}
            )
            for group in groups
        }
    except (KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"The `quantization_config` of the checkpoint is malformed: {error!r}.") from error


def _targets(targets: list[str]) -> str:
    return ", ".join(targets) if len(targets) <= 2 else f"{targets[0]} and {len(targets) - 1} more"


def _words(scheme: dict[str, Any]) -> str:
    activation = scheme.get("activation")
    words = f"{scheme['weight']['num_bits']}-bit weights"
    if activation is None:
        return words
    kind = "dynamic" if activation["dynamic"] else "static"
    return (
        f"{words}, {activation['num_bits']}-bit {kind} {'' if activation['symmetric'] else 'a'}symmetric activations"
    )

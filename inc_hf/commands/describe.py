"""What `inc-hf info` tells of this machine and of a checkpoint."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedConfig

from inc_hf import ops
from inc_hf.checkpoint import CheckpointError
from inc_hf.checkpoint.bf16 import ENTRY as BF16_MODULES
from inc_hf.checkpoint.header import read_header, weights_size
from inc_hf.commands.describe_layers import layers_in_words
from inc_hf.coverage import Coverage
from inc_hf.errors import usage_error_for
from inc_hf.evaluation.named_data import data_in_words
from inc_hf.models.source import config_without_code
from inc_hf.models.tasks import architectures_of
from inc_hf.results.write_card import INC_CONFIG_NAME
from inc_hf.runtimes.check import check_files
from inc_hf.version import versions

WEIGHTS = (".safetensors", ".bin", ".pt", ".onnx", ".xml", ".gguf", ".h5", ".msgpack")


def describe_machine() -> dict[str, Any]:
    """Versions, and what the CPU means for quantization."""
    return {
        **versions(),
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
        refused = ", ".join(ops.refused_isas())
        but = f"; it has {refused} too, but Linux does not let this process use it" if refused else ""
        return f"{ops.isa()} (this CPU runs {', '.join(ops.supported_isas())}{but})"
    if ops.is_available():
        return "plain torch, slow: INC_HF_ISA=reference"
    return f"plain torch, slow: {ops.why_unavailable()}. With a C++17 compiler: {ops.line_for_kernels()}"


def describe_checkpoint(directory: Path) -> dict[str, Any]:
    """Format, schemes, tensors, zeros and scores of a checkpoint directory; of its weights one layer is in memory.

    Raises:
        FileNotFoundError: there is no checkpoint.
        CheckpointError: a weight file is truncated, lacks a tensor or has a wrong one, or the config is malformed.
    """
    if not (directory / "config.json").is_file():
        raise FileNotFoundError(f"{directory} holds no checkpoint: config.json is missing.")
    with usage_error_for(f"{directory / 'config.json'} cannot be read"):
        config = config_without_code(directory)
    model = check_files(directory, config)
    if not any(path.suffix in WEIGHTS for path in directory.rglob("*")):
        raise FileNotFoundError(f"{directory} holds a config and no weights, which end in {', '.join(WEIGHTS)}.")
    quantization = getattr(config, "quantization_config", None) or {}
    tensors = {
        name: entry for path in sorted(directory.glob("*.safetensors")) for name, entry in read_header(path).items()
    }
    elements = elements_by_dtype(tensors.values())
    summary_file = directory / INC_CONFIG_NAME
    return {
        "architecture": (architectures_of(config) or ["unknown"])[0],
        "format": format_of(config, elements),
        "quantized_modules": sum(name.endswith(".weight_scale") for name in tensors),
        "schemes": schemes_in_words(quantization),
        **({"in_bf16": f"{100 * elements['BF16'] / elements.total():.1f} %"} if elements["BF16"] else {}),
        **elements_in_words(elements),
        **coverage_in_words(summary_file, quantization, tensors),
        **layers_in_words(directory, model),
        "weights_on_disk": f"{weights_size(directory) / 1e6:.1f} MB",
        **({"as_fp32": f"{elements.total() * 4 / 1e6:.1f} MB"} if elements else {}),
        **how_it_was_made(summary_file),
    }


def elements_in_words(elements: Counter[str]) -> dict[str, Any]:
    """How many numbers there are of each dtype; of files that are no safetensors, that nobody has looked into them."""
    if not elements:
        return {"elements": "not counted, since that takes safetensors: save it once with `save_pretrained`"}
    return {"elements": {dtype: f"{count / 1e6:.2f} M" for dtype, count in elements.most_common()}}


def format_of(config: PreTrainedConfig, elements: Counter[str]) -> str:
    """The method of quantization, `bf16`, both, or that it is not quantized."""
    method = (getattr(config, "quantization_config", None) or {}).get("quant_method")
    is_half = hasattr(config, BF16_MODULES) or (method is None and 2 * elements["BF16"] > elements.total())
    return " and ".join([*([method] if method else []), *(["bf16"] if is_half else [])]) or "not quantized"


def coverage_in_words(summary_file: Path, quantization: dict[str, Any], tensors: dict[str, Any]) -> dict[str, Any]:
    """How much of the weights was compressed, what was left, and why; of a quantized checkpoint that does not say so,
    such as one of a Trainer, what its tensors show."""
    with damaged(summary_file):
        values = read_summary(summary_file).get("coverage")
        if values is not None:
            return _told(Coverage.from_dict(values))
    sizes = elements_by_dtype(t for name, t in tensors.items() if name.endswith("weight") and len(t["shape"]) > 1)
    if not quantization or not sizes["I8"]:
        return {}
    return _told(Coverage("Quantized", sum(sizes.values()), sizes["I8"]))


def _told(coverage: Coverage) -> dict[str, Any]:
    return {"coverage": str(coverage), "covered": round(coverage.share, 4)}


def elements_by_dtype(tensors: Iterable[dict[str, Any]]) -> Counter[str]:
    """How many numbers of each dtype the tensors of a header hold."""
    elements: Counter[str] = Counter()
    for entry in tensors:
        elements[entry["dtype"]] += torch.Size(entry["shape"]).numel()
    return elements


def how_it_was_made(summary_file: Path) -> dict[str, Any]:
    """Version and scores of the summary, if it is ours: optimum-intel wrote files of this name, too.

    Raises:
        CheckpointError: the file is damaged.
    """
    with damaged(summary_file):
        summary = read_summary(summary_file)
        if not summary:
            return {}
        made = {"made_with": f"inc_hf {summary['inc_hf_version']}"}
        made |= {"base_model": base} if (base := summary.get("base_model")) else {}
        quantization = summary.get("quantization", {})  # of an older summary, or of a model that is not quantized
        told = {"quantized_to": quantization.get("in_words"), "notes": " ".join(quantization.get("notes", []))}
        made |= {name: words for name, words in told.items() if words}
        tuning = dict(summary["tuning"])
        if (data := tuning.get("dataset")) is not None:
            tuning["dataset"] = data_in_words(data)
        return made if tuning["score"] is None else {**made, "tuning": tuning}


def read_summary(summary_file: Path) -> dict[str, Any]:
    """What is in the summary, if it is there and ours."""
    summary = json.loads(summary_file.read_text(encoding="utf-8")) if summary_file.is_file() else {}
    return summary if "inc_hf_version" in summary else {}


@contextmanager
def damaged(file: Path) -> Iterator[None]:
    """Around reading a summary: what is wrong with it becomes a [`CheckpointError`]."""
    try:
        yield
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{file} is damaged: {error!r}; it can be deleted.") from error


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

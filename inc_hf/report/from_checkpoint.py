"""What a checkpoint tells: how it was made, what stayed in float, its zeros and sizes."""

from pathlib import Path
from typing import Any

from transformers import PreTrainedConfig

from inc_hf.checkpoint.adopt import as_dict
from inc_hf.checkpoint.contents import entries_of
from inc_hf.checkpoint.sizes import packed_counts
from inc_hf.coverage import Coverage
from inc_hf.errors import usage_error_for
from inc_hf.evaluation.named_data import data_in_words
from inc_hf.inference.layers import measured
from inc_hf.models.source import config_without_code
from inc_hf.models.tasks import architectures_of
from inc_hf.report.facts import Facts
from inc_hf.report.parts import parts_in_files
from inc_hf.report.reading import damaged, read_dict
from inc_hf.results.write_card import INC_CONFIG_NAME
from inc_hf.runtimes.check import check_files
from inc_hf.runtimes.one_by_one import layers_in_files

WEIGHT_FILES = "*.safetensors"
READABLE = (None, "inc", "compressed-tensors")  # methods whose layers are known


def tell_of_checkpoint(directory: Path, facts: Facts) -> None:
    """Add what is in `inc_config.json`, and in the weights if they are safetensors.

    Raises:
        CheckpointError: a weight file is truncated or does not belong to its config.
    """
    _tell_of_summary(directory / INC_CONFIG_NAME, facts)
    if not (directory / "config.json").is_file() or not any(directory.glob(WEIGHT_FILES)):
        return
    with usage_error_for(f"{directory / 'config.json'} cannot be read"):
        config = config_without_code(directory)
    model = check_files(directory, config)
    facts.about = {"Model": (architectures_of(config) or ["unknown"])[0], **facts.about}
    facts.parts = parts_in_files(entries_of(directory), {} if model is None else packed_counts(model))
    if model is not None and _method(config) in READABLE:
        facts.layers = measured(layers_in_files(directory, model))


def _tell_of_summary(file: Path, facts: Facts) -> None:
    summary = read_dict(file)
    if "inc_hf_version" not in summary:  # optimum-intel wrote files of this name, too
        return
    with damaged(file):
        facts.about = _about(summary)
        if coverage := summary.get("coverage"):
            facts.coverage = Coverage.from_dict(coverage)
        facts.tuning = {key: value for key, value in dict(summary.get("tuning", {})).items() if value is not None}


def _about(summary: dict[str, Any]) -> dict[str, str]:
    quantization = summary.get("quantization", {})
    told = {
        "Made of": summary.get("base_model"),
        "Quantized to": quantization.get("in_words"),
        "Notes": " ".join(quantization.get("notes", [])),
        "Scored on": data_in_words(data) if (data := summary.get("tuning", {}).get("dataset")) else None,
        "Made with": f"inc_hf {summary['inc_hf_version']}",
    }
    return {key: str(words) for key, words in told.items() if words}


def _method(config: PreTrainedConfig) -> str | None:
    return (as_dict(getattr(config, "quantization_config", None)) or {}).get("quant_method")

"""Model cards."""

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

from huggingface_hub import ModelCard, ModelCardData
from torch import nn
from transformers import PreTrainedModel

from inc_hf.evaluation.named_data import data_in_words
from inc_hf.inference.layers import layers_of
from inc_hf.matching.sentences import encoder_of
from inc_hf.models.tasks import task_of
from inc_hf.quantize.bf16 import bf16_modules
from inc_hf.quantize.in_words import activations_in_words, bits_in_words
from inc_hf.quantize.nn import quantized_modules
from inc_hf.results.story import HUB_NAME

PRUNED = 0.1  # of the weights that are zero; rounding alone makes some in every model
THIS_REPOSITORY = "this repository"  # until an upload knows its name


class Kind(NamedTuple):
    """What a card says of a kind of compression; `made` goes on after "A local model", `modules` is how many
    it changed, 0 if none."""

    tags: tuple[str, ...]
    word: str
    made: str
    modules: int
    loaded_by_others: str


def quantized_card(model: nn.Module, summary: Mapping[str, Any], sentence: str | None = None) -> ModelCard:
    """Card of a quantized model: what it is, how it scores, how to load it.

    Args:
        sentence (`str`, *optional*): the class of sentence-transformers that loads it.
    """
    quantization = summary["quantization"]
    bits = " and ".join(f"{bits}-bit" for bits in quantization["weight_bits"])
    samples = quantization["dataset_num_samples"]
    activations = activations_in_words(model)
    calibrated = f", calibrated on {samples} samples" if quantization["is_static"] and samples else ""
    with_activations = f" and 8-bit activations ({activations}{calibrated})" if activations != "weights only" else ""
    kind = _quantized(model, f"with {bits} integer weights{with_activations}", quantization["quantized_modules"])
    return _card(model, summary, kind, sentence)


def _quantized(model: nn.Module, made: str, modules: int) -> Kind:
    method = encoder_of(model).config.quantization_config.to_dict()["quant_method"]
    loaded_by_others = "compressed-tensors" if method == "compressed-tensors" else "nobody"
    return Kind(("int8", "cpu", "quantized", "inc_hf"), "quantized", made, modules, loaded_by_others)


def bf16_card(model: nn.Module, summary: Mapping[str, Any], sentence: str | None = None) -> ModelCard:
    """Card of a model with weights in bfloat16."""
    kind = Kind(
        tags=("bf16", "cpu", "inc_hf"),
        word="in bfloat16",
        made="with weights in bfloat16",
        modules=len(bf16_modules(model)),
        loaded_by_others="float32",
    )
    return _card(model, summary, kind, sentence)


def trained_card(model: nn.Module, summary: Mapping[str, Any], sentence: str | None = None) -> ModelCard:
    """Card of a model that was compressed while it was trained: quantized, or else pruned, or neither."""
    quantized, zeros = quantized_modules(model), summary["zeros"]["weights"]
    if quantized:
        kind = _quantized(model, f"in integers ({bits_in_words(model)})", len(quantized))
    elif zeros >= PRUNED:
        pruned = sum(layer.zeros.share >= PRUNED for layer in layers_of(model).values())
        kind = Kind(("pruned", "cpu", "inc_hf"), "pruned", "pruned in training", pruned, "anybody")
    else:
        kind = Kind(("cpu", "inc_hf"), "trained", "trained", 0, "anybody")
    return _card(model, summary, kind, sentence, "quantized" if quantized else "finetune")


def name_repository(card: Path, repo_id: str) -> None:
    """Let a card that was written say where its model is."""
    text = card.read_text(encoding="utf-8")
    card.write_text(text.replace(f'"{THIS_REPOSITORY}"', f'"{repo_id}"'), encoding="utf-8")


def _card(
    model: nn.Module, summary: Mapping[str, Any], kind: Kind, sentence: str | None, relation: str = "quantized"
) -> ModelCard:
    base, tuning = summary.get("base_model"), summary["tuning"]
    dataset = tuning.get("dataset") or {}
    data = ModelCardData(
        library_name="transformers" if sentence is None else "sentence-transformers",
        tags=list(kind.tags),
        base_model=base,
        base_model_relation=relation if base else None,
        datasets=[dataset["name"]] if HUB_NAME.fullmatch(dataset.get("name", "")) else None,
        metrics=[tuning["metric"]] if tuning.get("metric") else None,
    )
    return ModelCard.from_template(
        data,
        template_str=(files("inc_hf.results") / "templates" / "model_card.md").read_text(encoding="utf-8"),
        architecture=type(model).__name__,
        auto_class=_inc_class(encoder_of(model)),
        sentence=sentence,
        base_model_name=base or "A local model",
        kind=kind,
        coverage=summary["coverage"],
        zeros=summary["zeros"] if summary["zeros"]["weights"] >= PRUNED else None,
        kernels=summary["kernels"],
        tuning=tuning if tuning["score"] is not None else None,
        scored_on=data_in_words(dataset),
        repository=THIS_REPOSITORY,
        versions=summary,
    )


def _inc_class(model: PreTrainedModel) -> str:
    """The `IncModelFor…` of a model class; `IncModel`, which loads any model without its head, if none fits."""
    task = task_of(type(model).__name__, model.main_input_name in ("input_features", "input_values"))
    return "IncModel" if task is None else task.inc_class

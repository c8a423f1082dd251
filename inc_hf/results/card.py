"""Model cards."""

import re
from importlib.resources import files
from pathlib import Path
from typing import Any

from huggingface_hub import ModelCard, ModelCardData
from transformers import PreTrainedModel

from inc_hf.models.tasks import task_of
from inc_hf.quantize.in_words import activations_in_words

HUB_NAME = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")


def model_card(model: PreTrainedModel, summary: dict[str, Any]) -> ModelCard:
    """Card of a quantized model: what it is, how it scores, how to load it."""
    base = model.config.name_or_path or ""
    is_hub_name = HUB_NAME.fullmatch(base) is not None and not Path(base).exists()
    data = ModelCardData(
        library_name="transformers",
        tags=["int8", "cpu", "quantized", "inc_hf"],
        base_model=base if is_hub_name else None,
        base_model_relation="quantized" if is_hub_name else None,
    )
    quantization, tuning = summary["quantization"], summary["tuning"]
    return ModelCard.from_template(
        data,
        template_str=(files("inc_hf.results") / "templates" / "model_card.md").read_text(encoding="utf-8"),
        architecture=type(model).__name__,
        auto_class=_inc_class(model),
        base_model_name=base if is_hub_name else "A local model",
        quant_method=model.config.quantization_config.to_dict()["quant_method"],
        activations=activations_in_words(model),
        is_static=quantization["is_static"],
        weight_bits=" and ".join(f"{bits}-bit" for bits in quantization["weight_bits"]),
        modules=quantization["quantized_modules"],
        coverage=summary["coverage"],
        samples=quantization["dataset_num_samples"],
        tuning=tuning if tuning["score"] is not None else None,
        versions=summary,
    )


def _inc_class(model: PreTrainedModel) -> str:
    """The `IncModelFor…` of a model class; `IncModel`, which loads any model without its head, if none fits."""
    task = task_of(type(model).__name__, model.main_input_name in ("input_features", "input_values"))
    return "IncModel" if task is None else task.inc_class

"""The file of `--config`: sections with the fields of the configs, each checked when it is read."""

import json
import math
from pathlib import Path
from typing import Any, get_args, get_type_hints

from inc_hf.config.checks import did_you_mean
from inc_hf.errors import UsageError, usage_error_for

SECTIONS = ("pruning", "distillation", "quantization", "training")
# Fields of TrainingArguments that would not do what they say here -> what to do instead.
OWNED = {
    "output_dir": "the result goes to -o DIR, checkpoints to --workspace",
    "resume_from_checkpoint": "use --resume",
    "push_to_hub": "use --push-to-hub",
    **dict.fromkeys(("do_train", "do_eval", "do_predict"), "leave it out"),
    **dict.fromkeys(("eval_strategy", "eval_on_start", "load_best_model_at_end"), "data is evaluated at the end only"),
    **dict.fromkeys(("fsdp", "deepspeed"), "whole weights are needed in every process"),
    **dict.fromkeys(("save_only_model", "remove_unused_columns", "label_smoothing_factor"), "leave it out"),
}
NUMBERS = (int, float)


def read_sections(path: str | None, allowed: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """Section -> its fields, as they stand in a YAML or JSON file; none without a file.

    Raises:
        UsageError: it cannot be read, or has another form or another section.
    """
    if path is None:
        return {}
    content = _content(path)
    if not isinstance(content, dict):
        raise UsageError(f"{path} has no sections; it takes {', '.join(allowed)}, each with fields below it.")
    for name, fields in content.items():
        if name not in allowed:
            what = "is for inc-hf train" if name in SECTIONS else f"is none of {', '.join(allowed)}"
            raise UsageError(f"{path}: the section {name!r} {what}{did_you_mean(name, allowed)}")
        if not isinstance(fields, dict | None):
            raise UsageError(f"{path}: `{name}` takes fields, such as `name: value`, got {fields!r}.")
    return {name: fields or {} for name, fields in content.items()}


def _content(path: str) -> Any:
    import yaml

    with usage_error_for(f"{path} cannot be read"):
        text = Path(path).read_text(encoding="utf-8")
        return json.loads(text) if Path(path).suffix == ".json" else yaml.safe_load(text)


def checked_training(fields: dict[str, Any], path: str | None) -> dict[str, Any]:
    """Fields of TrainingArguments, with numbers as numbers: YAML takes `2e-4` for a text.

    Raises:
        UsageError: there is no such field, it is ours, or takes another kind of value.
    """
    if not fields:
        return {}
    from transformers import TrainingArguments

    hints = get_type_hints(TrainingArguments)
    known = [name for name in TrainingArguments.__dataclass_fields__ if name not in OWNED]
    for name in fields:
        if name in OWNED:
            raise UsageError(f"{path}: `training.{name}` has no effect here: {OWNED[name]}.")
        if name not in known:
            raise UsageError(f"{path}: `training` has no field {name!r}{did_you_mean(name, known)}")
    return {name: _of_kind(value, hints[name], f"{path}: `training.{name}`") for name, value in fields.items()}


def _of_kind(value: Any, hint: Any, where: str) -> Any:
    kinds = get_args(hint) or (hint,)
    plain = [kind for kind in kinds if kind in (bool, int, float, str)]
    if len(plain) < len([kind for kind in kinds if kind is not type(None)]) or (value is None and len(kinds) > 1):
        return value  # a list, a dict, a name: TrainingArguments looks at it
    if isinstance(value, str) and str not in plain:
        value = _number(value)
    is_number = isinstance(value, NUMBERS) and not isinstance(value, bool) and math.isfinite(value)
    fits = type(value) in plain or is_number and float in plain
    if not fits:
        words = " or ".join(kind.__name__ for kind in plain)
        raise UsageError(f"{where} takes {words}, got {value!r}.")
    return value


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text

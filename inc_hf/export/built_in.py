"""What a model makes of an input that does not come: which value it stands for, tried on the model itself."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from inc_hf.backends.compare import named
from inc_hf.models.examples import Batch, example, main_inputs
from inc_hf.models.inputs import MISFIT
from inc_hf.models.makers import Sizes, parameters_of
from inc_hf.quantize.workflow import evaluating

PLACES = "arange"  # 0, 1, 2, … along the last axis
SAME = 1e-5  # relative to the largest output
METADATA = "inc_hf_inputs"  # of a file


@dataclass
class BuiltIn:
    """What a file of a model makes of inputs that do not come, and of those that it lacks.

    Args:
        model (`str`): the class of the model.
        defaults (`dict`): input -> the number that stands everywhere in it, or `"arange"`, if it is left out.
        ignored (`list[str]`): inputs that change nothing.
    """

    model: str = ""
    defaults: dict[str, float | str] = field(default_factory=dict)
    ignored: list[str] = field(default_factory=list)

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str | None) -> "BuiltIn | None":
        return None if text is None else cls(**json.loads(text))


def is_default(value: Tensor, default: float | str | None, start: int = 0) -> bool:
    """Whether a tensor says what is built in; places begin behind `start` others."""
    if default == PLACES:
        places = torch.arange(start, start + value.shape[-1], device=value.device)
        return bool((value == places).all())
    return default is not None and bool((value == default).all())


def default_of(shape: torch.Size | tuple[int, ...], default: float | str) -> Tensor:
    """A tensor that says what is built in."""
    if default == PLACES:
        return torch.arange(shape[-1]).expand(shape).contiguous()
    return torch.full(shape, int(default), dtype=torch.long)


@torch.no_grad()
def built_in(model: PreTrainedModel, batch: Batch) -> BuiltIn:
    """What a model has built in besides what is in the batch, and instead of that."""
    with evaluating(model):
        return _tried(model, batch)


def _tried(model: PreTrainedModel, batch: Batch) -> BuiltIn:
    found = BuiltIn(type(model).__name__)
    candidates = candidates_of(model)
    for name in [name for name in parameters_of(model) if name in candidates]:
        if name in main_inputs(model):
            continue
        rest = {key: tensor for key, tensor in batch.items() if key != name}
        without = _outputs(model, rest)
        tensor = _like(name, model, batch)
        if without is None or tensor is None:
            continue
        for default in candidates[name]:
            if _same(without, _outputs(model, {**rest, name: default_of(tensor.shape, default)})):
                found.defaults[name] = default
                break
        is_other = not any(is_default(tensor, default) for default in candidates[name])
        if is_other and name not in batch and _same(without, _outputs(model, {**rest, name: tensor})):
            found.ignored.append(name)
    return found


def candidates_of(model: nn.Module) -> dict[str, list[float | str]]:
    """What the absence of an input may stand for."""
    config = model.config
    return {
        "attention_mask": [1],
        "decoder_attention_mask": [1],
        "token_type_ids": [0],
        "position_ids": [PLACES],
        "bbox": [0],
        "xpath_tags_seq": [getattr(config, "tag_pad_id", 0)],
        "xpath_subs_seq": [getattr(config, "subs_pad_id", 0)],
        "pixel_mask": [1],
        "global_attention_mask": [0],
        "task_type_ids": [0],
        "langs": [0],
    }


def _like(name: str, model: PreTrainedModel, batch: Batch) -> Tensor | None:
    """Something that is not the default, of the shape that belongs to the batch."""
    if name in batch:
        return batch[name]
    text = batch.get("input_ids", batch.get("inputs_embeds"))
    tokens = None if text is None else text.shape[-2 if text.is_floating_point() else -1]
    lengths = {} if text is None else {"batch": text.shape[0], "tokens": tokens}
    try:
        made = example(model, Sizes(**lengths), [*main_inputs(model)[:1], name])[name]
    except MISFIT:
        return None
    if name == "position_ids":
        return made.flip(-1)
    if name in ("attention_mask", "pixel_mask", "decoder_attention_mask"):
        made[..., made.shape[-1] // 2 :] = 0
    if name == "token_type_ids":
        made[..., made.shape[-1] // 2 :] = 1
    return made


def _outputs(model: PreTrainedModel, batch: Mapping[str, Tensor]) -> dict[str, Tensor] | None:
    """None if the model cannot do without what is missing."""
    try:
        return named(model(**batch))
    except MISFIT:
        return None


def _same(a: dict[str, Tensor], b: dict[str, Tensor] | None) -> bool:
    if b is None or a.keys() != b.keys():
        return False
    return all(
        a[name].shape == b[name].shape and (a[name] - b[name]).abs().max() <= SAME * a[name].abs().max()
        for name in a
        if a[name].is_floating_point() and a[name].numel()
    )

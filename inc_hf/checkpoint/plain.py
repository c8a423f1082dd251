"""Models that are neither of transformers nor of sentence-transformers: the state dict, and what its modules are.

`model.safetensors` holds the state dict, `quantization_config.json` the schemes of quantized modules and the names of
those in bfloat16. The class is not stored: whoever loads brings a float model of it.
"""

import json
import os
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from inc_hf.checkpoint.bf16 import ENTRY
from inc_hf.checkpoint.contents import WEIGHTS
from inc_hf.checkpoint.describe import schemes_of_config, to_inc
from inc_hf.checkpoint.validate import CheckpointError, validate_model
from inc_hf.errors import UsageTypeError
from inc_hf.matching.patterns import named_modules_with_duplicates
from inc_hf.matching.sentences import is_sentence_model
from inc_hf.models.json_files import read_object
from inc_hf.quantize.bf16 import bf16_modules, use_bf16
from inc_hf.quantize.nn import empty_twin

CONFIG = "quantization_config.json"


def is_plain(model: nn.Module) -> bool:
    """Whether a module is neither of transformers nor of sentence-transformers, which write their configs, too."""
    from transformers import PreTrainedModel  # see the package's docstring

    return isinstance(model, nn.Module) and not isinstance(model, PreTrainedModel) and not is_sentence_model(model)


def write_plain(model: nn.Module, directory: Path) -> None:
    """Write the state dict of a model and what its modules are."""
    save_file(_apart(model.state_dict()), directory / WEIGHTS, metadata={"format": "pt"})
    config = {**to_inc(model), ENTRY: list(bf16_modules(model)), "class": type(model).__qualname__}
    (directory / CONFIG).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def load_plain(directory: str | os.PathLike, model: nn.Module) -> nn.Module:
    """Make what `write_plain` has written of a float model of the class that was saved, in place.

    Args:
        model: with any weights. If it does not fit, it must not be used any more.

    Raises:
        FileNotFoundError: there is no such checkpoint.
        CheckpointError: it does not fit the model, or is damaged.
    """
    if not isinstance(model, nn.Module):
        raise UsageTypeError(f"`model` must be a float model of the class that was saved, got {type(model).__name__}.")
    directory = Path(directory)
    for name in (WEIGHTS, CONFIG):
        if not (directory / name).is_file():
            raise FileNotFoundError(f"There is no {directory / name}: it is no checkpoint of a plain model.")
    config = read_object(directory / CONFIG)
    kind, own = config.get("class"), type(model).__qualname__
    try:
        _put_twins(model, config)
        _fill(model, load_file(directory / WEIGHTS), directory)
    except CheckpointError as error:
        if not isinstance(kind, str) or kind == own:
            raise
        raise CheckpointError(f"{directory} is of another model, a {kind}, and not of a {own}: {error}") from error
    validate_model(model)
    return model.eval()


def _apart(state: dict[str, Any]) -> dict[str, Tensor]:
    """Without memory that tensors share, which safetensors refuses."""
    return {name: value.detach().clone().contiguous() for name, value in state.items() if isinstance(value, Tensor)}


def _put_twins(model: nn.Module, config: dict[str, Any]) -> None:
    schemes, twins = schemes_of_config(config, model), {}
    for name, module in list(named_modules_with_duplicates(model)):
        if name in schemes and id(module) not in twins:
            twins[id(module)] = empty_twin(module, schemes[name][0])
        if id(module) in twins:
            model.set_submodule(name, twins[id(module)])
    use_bf16(model, config.get(ENTRY) or [])


def _fill(model: nn.Module, state: dict[str, Tensor], directory: Path) -> None:
    try:
        missing, unexpected = model.load_state_dict(state, strict=False)
    except RuntimeError as error:
        _, _, mismatch = str(error).partition("\n\t")
        raise CheckpointError(
            f"The weights of {directory} do not fit a {type(model).__name__}: {mismatch or error}"
        ) from error
    for names, what in ((missing, "is missing"), (unexpected, "is none of the model's")):
        if names:
            raise CheckpointError(
                f"The weights of {directory} do not fit a {type(model).__name__}: `{names[0]}` {what}."
            )

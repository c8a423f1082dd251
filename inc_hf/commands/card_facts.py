"""What a directory says of its model, for a card: in `inc_config.json`, and in its weights."""

from pathlib import Path
from typing import Any

from inc_hf.commands.arguments import check_holds_model
from inc_hf.commands.describe import damaged, read_summary
from inc_hf.errors import UsageError, usage_error_for
from inc_hf.inference.layers import measured
from inc_hf.models.source import config_without_code
from inc_hf.results.about import about_files, compression_of
from inc_hf.results.story import story_of_layers
from inc_hf.results.write_card import INC_CONFIG_NAME
from inc_hf.runtimes.check import check_files
from inc_hf.runtimes.one_by_one import layers_in_files
from inc_hf.version import versions

WEIGHTS = "*.safetensors"


def facts_in(directory: Path) -> dict[str, Any]:
    """What `inc_config.json` would hold if the model was saved now; of its weights one layer is in memory.

    Raises:
        UsageError: there is no model, or one that transformers does not have or whose weights are no safetensors.
        CheckpointError: a weight file is truncated or does not belong to its config.
    """
    if not directory.is_dir():
        is_file = "it is a file; give the directory that it lies in." if directory.is_file() else "no such directory."
        raise UsageError(f"{directory} holds no model: {is_file}")
    check_holds_model(directory)
    with usage_error_for(f"{directory / 'config.json'} cannot be read"):
        config = config_without_code(directory)
    if not any(directory.glob(WEIGHTS)):
        raise UsageError(
            f"{directory} has no {WEIGHTS}, which a card tells of; save the model with `save_pretrained`."
        )
    model = check_files(directory, config)
    if model is None:
        raise UsageError(f"{directory} is of a class that transformers does not have, of which no card is made.")
    layers = measured(layers_in_files(directory, model))
    told = {**{f"{name}_version": version for name, version in versions().items()}, "base_model": None}
    told |= {"coverage": None, "tuning": {"met_criterion": None, "baseline": None, "score": None}}
    file = directory / INC_CONFIG_NAME
    with damaged(file):
        told |= read_summary(file)
        told |= story_of_layers(layers)
        return {**told, "compression": compression_of(model, told, layers), **about_files(directory, model)}

"""A tiny model of an architecture."""

import torch
from architectures.configs import tiny_config
from architectures.heads import head_of, model_class
from architectures.overrides import LEFT_OUT
from torch import nn
from transformers import PreTrainedModel

LARGEST = 20_000_000  # parameters


class TooLargeError(LookupError):
    """The general rules leave something large in the config, or the model computes for long."""


def tiny_model(model_type: str, head: str | None = "") -> PreTrainedModel:
    """With random weights; `head` is one of `heads.HEADS`, None for the base model."""
    if model_type in LEFT_OUT:
        raise TooLargeError(LEFT_OUT[model_type])
    config = tiny_config(model_type)
    found = model_class(model_type, head_of(model_type) if head == "" else head)
    with torch.device("meta"):
        count = sum(parameter.numel() for parameter in found(config).parameters())
    if count > LARGEST:
        raise TooLargeError(f"{count / 1e6:.0f} million parameters")
    torch.manual_seed(0)
    model = found(config).eval()
    randomize(model)
    return model


@torch.no_grad()
def randomize(model: nn.Module) -> None:
    """Weights that keep the size of what goes through them: at the initial scale of 0.02 all outputs are near 0,
    which would hide errors."""
    for name, parameter in model.named_parameters():
        if not parameter.is_floating_point():
            continue
        if parameter.ndim > 1:
            nn.init.normal_(parameter, std=max(1, parameter[0].numel()) ** -0.5)
        elif name.endswith("bias"):
            nn.init.normal_(parameter, std=0.05)

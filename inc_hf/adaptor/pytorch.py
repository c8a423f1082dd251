"""INC 2.X's `neural_compressor.adaptor.pytorch`, as far as scripts use it."""

import importlib.metadata
from collections.abc import Iterable
from enum import Enum
from typing import Any

import torch
from packaging.version import Version
from torch import nn

from inc_hf.config.arguments import check_model
from inc_hf.config.elsewhere import PART_OF_INC, elsewhere
from inc_hf.errors import UsageError
from inc_hf.models.batches import batches_of
from inc_hf.models.samples import elements_of
from inc_hf.results.compressed import held_model

FIT = f"{PART_OF_INC}; quantize with `inc_hf.quantization.fit`"
PyTorchAdaptor = elsewhere("PyTorchAdaptor", FIT)
PyTorch_FXAdaptor = elsewhere("PyTorch_FXAdaptor", FIT)
PyTorch_IPEXAdaptor = elsewhere("PyTorch_IPEXAdaptor", FIT)
PyTorchWeightOnlyAdaptor = elsewhere("PyTorchWeightOnlyAdaptor", FIT)
TemplateAdaptor = elsewhere("TemplateAdaptor", FIT)
_cfg_to_qconfig = elsewhere("_cfg_to_qconfig", FIT)
_propagate_qconfig = elsewhere("_propagate_qconfig", FIT)


class PyTorchVersionMode(Enum):
    """What scripts of INC 1.X compare `get_torch_version()` with."""

    PT111 = Version("1.11")
    PT110 = Version("1.10")
    PT19 = Version("1.9")
    PT18 = Version("1.8")
    PT17 = Version("1.7")
    PT16 = Version("1.6")


def get_torch_version() -> Version:
    """That of the installed torch."""
    return Version(torch.__version__.split("+")[0])


def get_ipex_version() -> Version | None:
    """That of the installed intel_extension_for_pytorch, None if there is none."""
    try:
        return Version(importlib.metadata.version("intel_extension_for_pytorch").split("+")[0])
    except importlib.metadata.PackageNotFoundError:
        return None


def get_example_inputs(model: nn.Module, dataloader: Iterable) -> Any:
    """The inputs of the first batch, as `example_inputs` of a config takes them: a dict, a tuple, or one tensor.

    Args:
        dataloader: in any form that `calib_dataloader` of [`inc_hf.quantization.fit`] has; None if there is none.
    """
    model = held_model(model)
    check_model(model)
    if dataloader is None:
        return None
    first = next(iter(elements_of(dataloader)), None)
    if first is None:
        raise UsageError("`dataloader` is empty; an example needs at least one batch.")
    (batch,) = batches_of([first], model, keep_labels=False)
    return batch[0] if isinstance(batch, tuple) and len(batch) == 1 else batch

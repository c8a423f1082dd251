"""INC's `CompressionManager`: the model, the callbacks that compress it, and the hooks that drive them."""

import copy
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torch import nn
from transformers import TrainerCallback

from inc_hf.callbacks.distillation import DistillationCallback
from inc_hf.callbacks.loop import LoopHooks
from inc_hf.callbacks.pruning import PruningCallback
from inc_hf.callbacks.qat import QuantizationAwareTrainingCallback
from inc_hf.config import (
    DistillationConfig,
    QuantizationAwareTrainingConfig,
    Torch2ONNXConfig,
    WeightPruningConfig,
)
from inc_hf.prune import prepare as pruners_of
from inc_hf.results.compressed import CompressedModel
from inc_hf.telling import warn_once

logger = logging.getLogger(__name__)

Config = WeightPruningConfig | DistillationConfig | QuantizationAwareTrainingConfig
CALLBACKS: dict[type, Callable[[Any], TrainerCallback]] = {
    WeightPruningConfig: PruningCallback,
    DistillationConfig: DistillationCallback,
    QuantizationAwareTrainingConfig: QuantizationAwareTrainingCallback,
}


class CompressionManager(LoopHooks):
    """
    What [`prepare_compression`] returns: the model, and the hooks to call in the loop, see [`LoopHooks`].

    Attributes:
        model ([`CompressedModel`]): train this one, or `model.model` inside it.
        conf: the config, or the list of configs.
        callbacks_list (`list`): what the hooks drive, in the order of the configs.
    """

    def __init__(self, model: nn.Module, confs: list[Config], max_steps: int | None, seed: int):
        super().__init__(model, [CALLBACKS[type(conf)](conf) for conf in confs], max_steps, seed)
        self.conf = confs if len(confs) > 1 else confs[0]
        self._model = CompressedModel(model)
        for entry in self.callbacks_list:
            if isinstance(entry.callback, PruningCallback):
                entry.callback.pruners = pruners_of(model, entry.callback.config, self.max_steps)
            if isinstance(entry.callback, DistillationCallback):
                entry.callback.replaces_loss = False
                entry.callback.teacher = teacher_of(entry.callback.config, model)
                say_how_kl_is_scaled(entry.callback.config, model)

    @property
    def model(self) -> CompressedModel:
        """The model; it cannot be replaced, since the hooks belong to it."""
        return self._model

    @property
    def callbacks(self) -> "CompressionManager":
        """Itself: INC has the hooks there."""
        return self

    @property
    def fp32_model(self) -> CompressedModel:
        """INC's second name for `model`: no copy, there neither."""
        return self._model

    @property
    def qat_callback(self) -> QuantizationAwareTrainingCallback | None:
        """What drives quantization-aware training, if one of the configs is for it."""
        callbacks = [entry.callback for entry in self.callbacks_list]
        return next((c for c in callbacks if isinstance(c, QuantizationAwareTrainingCallback)), None)

    @property
    def quantizes(self) -> bool:
        """Whether one of the configs is for quantization-aware training."""
        return self.qat_callback is not None

    @property
    def float_layers(self) -> dict[str, nn.Module]:
        """Name -> the trained float layer of each quantized one, inside of `keeping_float_layers`."""
        return self.qat_callback.float_layers if self.quantizes else {}

    @contextmanager
    def keeping_float_layers(self) -> Iterator[None]:
        """Let training that ends inside the block leave its float layers, too; they are gone after it."""
        callback = self.qat_callback
        if callback is not None:
            callback.keeps_float = True
        try:
            yield
        finally:
            if callback is not None:
                callback.keeps_float, callback.float_layers = False, {}

    def on_train_end(self) -> None:
        super().on_train_end()
        if self.quantizes:
            self.model.eval()  # what is quantized is not trained
        found = {type(entry.callback): getattr(entry.callback, "coverage", None) for entry in self.callbacks_list}
        self.model.coverage = found.get(QuantizationAwareTrainingCallback) or found.get(PruningCallback)

    def save(self, save_directory: str | os.PathLike) -> Path:
        """See [`CompressedModel.save`]."""
        return self.model.save(save_directory)

    def export(self, save_path: str | os.PathLike, conf: Torch2ONNXConfig | None = None) -> Path:
        """See [`CompressedModel.export`]."""
        return self.model.export(save_path, conf)

    def __repr__(self) -> str:
        return f"CompressionManager({type(self.raw_model).__name__}, {self.callbacks_list})"


def say_how_kl_is_scaled(config: DistillationConfig, model: nn.Module) -> None:
    """A word on the one loss that is larger than INC's, so that its weight may have to be another."""
    losses = config.criterion if isinstance(config.criterion, list) else [config.criterion]
    kinds = [kind for loss in losses if not hasattr(loss, "add_origin_loss") for kind in loss.loss_types[1:]]
    if "KL" in kinds:
        warn_once(
            logger,
            model,
            "The KL loss is the sum over classes, averaged over samples (Hinton et al.); INC's is divided by the "
            "number of classes, too, so that `loss_weights` found with it give the teacher more weight here.",
        )


def teacher_of(config: DistillationConfig, model: nn.Module) -> nn.Module | None:
    """The teacher, a copy of the model if it is to teach itself as in INC's documentation, or None if it is a name."""
    teacher = config.teacher_model
    teacher = teacher.model if isinstance(teacher, CompressedModel) else teacher
    if teacher is model:
        logger.warning("The teacher is the model itself; a copy of what it is now will teach it.")
        return copy.deepcopy(model)
    return teacher if isinstance(teacher, nn.Module) else None

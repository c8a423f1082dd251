"""What training with compression gives back: the model, how it scores, and how to keep it."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import nn

from inc_hf.checkpoint import save_checkpoint, write_model
from inc_hf.checkpoint.describe import to_inc
from inc_hf.checkpoint.save import check_keeps_original
from inc_hf.config import Torch2ONNXConfig
from inc_hf.coverage import Coverage
from inc_hf.export import export
from inc_hf.prune import report_sparsity
from inc_hf.quantize.nn import quantized_modules
from inc_hf.results.story import Scored, base_model_of, story_of_weights
from inc_hf.results.write_card import tell


class CompressedModel(Scored, nn.Module):
    """The model that is compressed, as `.model`. Calls, unknown attributes and the state dict are the model's own.

    Attributes:
        score, baseline (`float` or `None`): after `fit`, of this model and of the one before training.
        metric, dataset: the name of what the scores are, and what is known of the data, or None.
        met_criterion (`bool` or `None`): after `fit`, whether the score reached the accuracy goal.
        coverage (`Coverage` or `None`): after training, how much of the weights was quantized, or else pruned, what
            was left, and why.
    """

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model
        self.coverage: Coverage | None = None

    @property
    def tune_cfg(self) -> dict[str, Any] | None:
        """INC's name for the schemes of the quantized modules; None where there are none."""
        return to_inc(self.model) if quantized_modules(self.model) else None

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.model(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            if name == "model":  # not set yet, while an instance is copied
                raise
            return getattr(self.model, name)

    def state_dict(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        return self.model.state_dict(*args, **kwargs)

    def load_state_dict(self, *args: Any, **kwargs: Any) -> Any:
        return self.model.load_state_dict(*args, **kwargs)

    def save(self, save_directory: str | os.PathLike) -> Path:
        """Write a checkpoint that `from_pretrained` loads; what is in the directory is replaced.

        INC wrote a pickle, `best_model.pt`; this writes config.json and safetensors.

        Raises:
            FileExistsError: the model was loaded from there.
        """
        check_keeps_original(self.model, save_directory)
        return save_checkpoint(self.write, save_directory, overwrite=True)

    def write(self, directory: Path, tokenizer: Any = None) -> None:
        """Write config, safetensors, `inc_config.json`, a model card and the tokenizer, if there is one."""
        write_model(self.model, tokenizer, directory)
        about = {"coverage": self.coverage and self.coverage.to_dict(), **story_of_weights(self.model)}
        tell(self.model, directory, base_model=base_model_of(self.model), **about, tuning=self.scores())

    def report_sparsity(self) -> tuple[Any, float]:
        """A table of the layers with their zeros, and the share of zeros in per cent, see `inc_hf.prune`."""
        return report_sparsity(self.model)

    def export(
        self, save_path: str | os.PathLike, conf: Torch2ONNXConfig | None = None, inputs: Sequence[str] = ()
    ) -> Path:
        """Write the model as ONNX, see [`inc_hf.export.export`]."""
        return export(self.model, save_path, conf, inputs=inputs)


def held_model(model: Any) -> Any:
    """The model in a [`CompressedModel`], as INC's `Model(module)` is one; others as they are."""
    return model.model if isinstance(model, CompressedModel) else model

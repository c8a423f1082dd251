"""What quantization gives back: the model, how it was reached, and how to keep it."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import nn

from inc_hf.checkpoint import attach_quantizers, save_checkpoint, write_model
from inc_hf.checkpoint.describe import Format
from inc_hf.checkpoint.save import check_keeps_original, check_output_directory
from inc_hf.config import PostTrainingQuantConfig, Torch2ONNXConfig
from inc_hf.coverage import Coverage
from inc_hf.export import export
from inc_hf.quantize.in_words import is_mixed, model_in_words
from inc_hf.quantize.nn import quantized_modules
from inc_hf.results.base import StandsForModel, refuse_to_upload_others, refuse_unused
from inc_hf.results.story import Scored, base_model_of, story_of_weights
from inc_hf.results.write_card import tell
from inc_hf.tune import Candidate, TuneResult
from inc_hf.tune.deploy import FILE as DEPLOY
from inc_hf.tune.deploy import DeployConfig
from inc_hf.tune.table import Trials
from inc_hf.version import versions


class QuantizedModel(Scored, StandsForModel):
    """A quantized model with the story of its making. Calls and unknown attributes go to `model`.

    Attributes:
        model (`torch.nn.Module`): the quantized model, a `PreTrainedModel` if the float one was.
        met_criterion (`bool` or `None`): whether it reached the accuracy goal; None if nothing was evaluated.
        score, baseline (`float` or `None`): its score and the float model's.
        metric, dataset: the name of what the scores are, and what is known of the data, or None.
        trials (`list[Trial]`): all that was tried, in order; `print` shows a table.
        coverage (`Coverage` or `None`): how much of the weights was quantized, what was left in float, and why.
        notes (`list[str]`): which approach "auto" took, whether a recipe makes the model worse, why the goal may say
            nothing.
        quantization_config (`PostTrainingQuantConfig`): what was asked for.
        q_config (`dict`): the schemes of its modules (INC's name).
        deploy (`DeployConfig` or `None`): what makes it again, see docs/tune.md.
    """

    upload_message = "Upload quantized model"

    def __init__(
        self,
        model: nn.Module,
        config: PostTrainingQuantConfig,
        candidate: Candidate,
        result: TuneResult | None = None,
        coverage: Coverage | None = None,
        notes: Sequence[str] = (),
        deploy: DeployConfig | None = None,
    ):
        self.model = model
        self.coverage = coverage
        self.notes = list(notes)
        self.quantization_config = config
        self.q_config = candidate.to_dict()
        self.deploy = deploy if deploy or result is None else result.deploy
        if result:
            self.take_scores(result)
        self.interrupted = result.interrupted if result else False
        self.target = result.goal.target if result else None
        self.trials = result.trials if result else Trials()

    @property
    def tune_cfg(self) -> dict[str, Any]:
        """INC's other name for `q_config`."""
        return self.q_config

    def __repr__(self) -> str:
        modules = quantized_modules(self.model)
        approach = self.quantization_config.approach
        found = f" ({model_in_words(self.model)})" if approach == "auto" or is_mixed(self.model) else ""
        return (
            f"QuantizedModel({type(self.model).__name__}, approach={approach!r}{found}, "
            f"{len(modules)} quantized modules{self.score_in_words()}, met_criterion={self.met_criterion})"
        )

    def summary(self) -> dict[str, Any]:
        """How it was made: versions, base model, approach, coverage, zeros and kernels, scores. `inc_config.json` has
        the class, the compression and the size of what is saved as well."""
        is_static = any(module.scheme.is_static for module in quantized_modules(self.model).values())
        return {
            **{f"{name}_version": version for name, version in versions().items()},
            "base_model": base_model_of(self.model),
            "quantization": {
                "approach": self.quantization_config.approach,
                "is_static": is_static,
                "in_words": model_in_words(self.model),
                "notes": self.notes,
                "dataset_num_samples": self.q_config["calibration_samples"],
                "weight_bits": sorted({m.scheme.weight.num_bits for m in quantized_modules(self.model).values()}),
                "quantized_modules": len(quantized_modules(self.model)),
            },
            "coverage": self.coverage and self.coverage.to_dict(),
            **self.story_of_weights(),
            "tuning": self.scores(),
        }

    def story_of_weights(self) -> dict[str, Any]:
        """Zeros and kernels, see [`story_of_weights`]."""
        return story_of_weights(self.model)

    def write_weights(self, directory: Path, tokenizer: Any) -> None:
        """Write config and weights, and the tokenizer beside them."""
        write_model(self.model, tokenizer, directory)

    def save_pretrained(
        self,
        save_directory: str | os.PathLike,
        tokenizer: Any = None,
        format: Format | None = None,
        overwrite: bool = False,
        *,
        push_to_hub: bool = False,
        repo_id: str | None = None,
        **hub: Any,
    ) -> Path:
        """Write config, safetensors, `inc_config.json`, `deploy.json`, a model card and the tokenizer; all of it or
        nothing.

        A model of sentence-transformers, or one that was loaded from the directory of such, comes with its other
        modules, its prompts and its own card as well.

        Args:
            tokenizer: a tokenizer or processor to put beside the model.
            format (`str`, *optional*): "compressed-tensors", "inc", or None for the first that can express the model.
            overwrite (`bool`): whether a directory that is not empty may be replaced.
            push_to_hub, repo_id, hub: whether to upload it as well, where to (by default a repository of the name of
                the directory), and what else `push_to_hub` takes.

        Raises:
            FileExistsError: the directory is not empty, or the float model was loaded from there.
            TypeError: a model that is neither of transformers nor of sentence-transformers is to be uploaded.
        """
        if push_to_hub:
            refuse_to_upload_others(self.model)
        refuse_unused(push_to_hub, {"repo_id": repo_id, **hub})
        check_keeps_original(self.model, save_directory)
        check_output_directory(save_directory, overwrite)
        attach_quantizers(self.model, format)

        def write(directory: Path) -> None:
            self.write_weights(directory, tokenizer or self.tokenizer)
            if self.deploy is not None:
                self.deploy.save(directory / DEPLOY)
            tell(self.model, directory, **self.summary())

        saved = save_checkpoint(write, save_directory, overwrite)
        if push_to_hub:
            self.push_saved(saved, tokenizer, repo_id, hub)
        return saved

    def export(
        self, save_path: str | os.PathLike, conf: Torch2ONNXConfig | None = None, inputs: Sequence[str] = ()
    ) -> Path:
        """Write the model as ONNX, see [`inc_hf.export.export`]."""
        return export(self.model, save_path, conf, inputs=inputs)

"""What mixed precision gives back: the model, how it was reached, and how to keep it."""

import os
from pathlib import Path
from typing import Any

from torch import nn

from inc_hf.checkpoint import save_checkpoint, write_model
from inc_hf.checkpoint.bf16 import load_in_float32, note_bf16
from inc_hf.checkpoint.plain import is_plain
from inc_hf.checkpoint.save import check_keeps_original
from inc_hf.coverage import Coverage
from inc_hf.quantize.bf16 import bf16_modules
from inc_hf.results.base import StandsForModel, refuse_to_upload_others, refuse_unused
from inc_hf.results.story import Scored, base_model_of, story_of_weights
from inc_hf.results.write_card import tell
from inc_hf.tune import TuneResult
from inc_hf.tune.table import Trials


class MixedModel(Scored, StandsForModel):
    """A model with weights in bfloat16, and the story of its making. Calls and unknown attributes go to `model`.

    Attributes:
        model (`torch.nn.Module`): a `PreTrainedModel` if the float one was.
        met_criterion (`bool` or `None`): whether it reached the accuracy goal; None if nothing was evaluated.
        coverage (`Coverage` or `None`): how much of the weights is in bfloat16, what was left, and why.
        score, baseline (`float` or `None`): its score and the float model's.
        metric, dataset: the name of what the scores are, and what is known of the data, or None.
        trials (`list[Trial]`): all that was tried, in order; `print` shows a table.
    """

    upload_message = "Upload model with weights in bfloat16"

    def __init__(self, model: nn.Module, result: TuneResult | None = None):
        self.model = model
        self.coverage: Coverage | None = result.coverage if result else None
        note_bf16(model)
        if result:
            self.take_scores(result)
        self.trials = result.trials if result else Trials()

    @property
    def tune_cfg(self) -> dict[str, Any]:
        """INC's name for what was chosen: the modules in bfloat16."""
        return {"bf16": list(bf16_modules(self.model))}

    def __repr__(self) -> str:
        count = len(bf16_modules(self.model))
        return f"MixedModel({type(self.model).__name__}, {count} modules in bfloat16{self.score_in_words()})"

    def save_pretrained(
        self,
        save_directory: str | os.PathLike,
        tokenizer: Any = None,
        overwrite: bool = False,
        *,
        push_to_hub: bool = False,
        repo_id: str | None = None,
        **hub: Any,
    ) -> Path:
        """Write config, safetensors, `inc_config.json`, a model card and the tokenizer; all of it or nothing.

        Plain `from_pretrained` loads the model in float32, with the same values. `IncModelFor….from_pretrained` puts
        the weights of the modules that `config.json` names back to bfloat16.

        Args:
            push_to_hub, repo_id, hub: whether to upload it as well, where to (by default a repository of the name of
                the directory), and what else `push_to_hub` takes.

        Raises:
            FileExistsError: the directory is not empty, and `overwrite` is not set, or the float model was loaded
                from there.
            TypeError: a model that is neither of transformers nor of sentence-transformers is to be uploaded.
        """
        if push_to_hub:
            refuse_to_upload_others(self.model)
        refuse_unused(push_to_hub, {"repo_id": repo_id, **hub})
        check_keeps_original(self.model, save_directory)
        note_bf16(self.model)

        def write(directory: Path) -> None:
            write_model(self.model, tokenizer or self.tokenizer, directory)
            if not is_plain(self.model):
                load_in_float32(directory / "config.json")
            coverage = self.coverage and self.coverage.to_dict()
            about = {"base_model": base_model_of(self.model), "coverage": coverage, **story_of_weights(self.model)}
            tell(self.model, directory, **about, tuning=self.scores())

        saved = save_checkpoint(write, save_directory, overwrite)
        if push_to_hub:
            self.push_saved(saved, tokenizer, repo_id, hub)
        return saved

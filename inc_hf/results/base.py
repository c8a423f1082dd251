"""Results that stand for a model, and what all of them need to be kept and published."""

import json
import os
from pathlib import Path
from typing import Any, ClassVar

from torch import nn
from transformers import PreTrainedModel

from inc_hf.checkpoint.publish import CARD, push_directory
from inc_hf.errors import UsageTypeError
from inc_hf.results.card import name_repository
from inc_hf.version import versions

INC_CONFIG_NAME = "inc_config.json"


class StandsForModel:
    """Calls and unknown attributes go to `model`. Subclasses say how it is saved.

    `tokenizer` is the one, or the processor, that is saved beside the model unless another is passed.
    """

    model: nn.Module
    tokenizer: Any = None
    upload_message: ClassVar[str] = "Upload model"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.model(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        if name == "model" or name.startswith("__"):  # not set yet, while an instance is copied
            raise AttributeError(name)
        return getattr(self.model, name)

    def save_pretrained(
        self, save_directory: str | os.PathLike, tokenizer: Any = None, overwrite: bool = False
    ) -> Path:
        """Write a directory that `from_pretrained` loads."""
        raise NotImplementedError

    def save(self, output_dir: str | os.PathLike) -> Path:
        """INC's name for `save_pretrained`, which overwrites as INC does."""
        return self.save_pretrained(output_dir, overwrite=True)

    def push_to_hub(
        self,
        repo_id: str,
        tokenizer: Any = None,
        private: bool | None = None,
        token: str | None = None,
        commit_message: str | None = None,
        **commit: Any,
    ) -> str:
        """Upload what `save_pretrained` writes; returns the address of the commit.

        Args:
            commit: `revision`, `create_pr`, `commit_description`, as `huggingface_hub.upload_folder` takes them.

        Raises:
            ConnectionError: the Hub cannot be reached.
        """

        def write(directory: Path) -> None:
            self.save_pretrained(directory, tokenizer)
            name_repository(directory / CARD, repo_id)

        return push_directory(
            write,
            repo_id,
            private,
            token,
            commit_message or self.upload_message,
            **commit,
        )


def write_summary(directory: Path, **about: Any) -> dict[str, Any]:
    """Write `inc_config.json`: versions, and what is told of how the model was made; returns all of it."""
    summary = {**{f"{name}_version": version for name, version in versions().items()}, **about}
    (directory / INC_CONFIG_NAME).write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    return summary


def refuse_to_save_others(model: nn.Module) -> None:
    """Raise TypeError if the model is not one of transformers."""
    if not isinstance(model, PreTrainedModel):
        raise UsageTypeError(
            f"Only a transformers PreTrainedModel can be saved, got {type(model).__name__}; "
            "for others keep `model.state_dict()`."
        )

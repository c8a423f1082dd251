"""Results that stand for a model, and what all of them need to be kept and published."""

import os
import weakref
from pathlib import Path
from typing import Any, ClassVar

from torch import nn

from inc_hf.checkpoint.hub_errors import UploadError
from inc_hf.checkpoint.plain import is_plain
from inc_hf.checkpoint.publish import CARD, push_directory
from inc_hf.config.checks import did_you_mean
from inc_hf.errors import UsageTypeError
from inc_hf.matching.sentences import encoder_of
from inc_hf.prune import report_sparsity
from inc_hf.results.card import name_repository
from inc_hf.results.license import fetch_card
from inc_hf.results.story import base_model_of

HUB_ARGUMENTS = (
    "repo_id", "private", "token", "commit_message", "commit_description", "revision", "create_pr",
)  # fmt: skip
OTHERS = ("tokenizer", "overwrite", "push_to_hub")


class StandsForModel:
    """Calls and unknown attributes go to `model`. Subclasses say how it is saved.

    `tokenizer` is the one, or the processor, that is saved beside the model unless another is passed.
    """

    model: nn.Module
    tokenizer: Any = None
    _fp32_model: "weakref.ref[nn.Module] | None" = None
    upload_message: ClassVar[str] = "Upload model"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.model(*args, **kwargs)

    def made_of(self, model: nn.Module) -> "StandsForModel":
        """Itself, with the float model as `fp32_model` for as long as somebody else has it."""
        self._fp32_model = weakref.ref(model)
        return self

    @property
    def fp32_model(self) -> nn.Module | None:
        """The float model that this one is a copy of (INC's name); None if it was converted in place, or is gone."""
        return None if self._fp32_model is None else self._fp32_model()

    def __getstate__(self) -> dict[str, Any]:
        """Copies and pickles have no float model."""
        return {name: value for name, value in vars(self).items() if name != "_fp32_model"}

    def __getattr__(self, name: str) -> Any:
        if name == "model" or name.startswith("__"):  # not set yet, while an instance is copied
            raise AttributeError(name)
        return getattr(self.model, name)

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
        """Write a directory that `from_pretrained` loads; upload it, too, if that is said, as transformers does."""
        raise NotImplementedError

    def report_sparsity(self) -> tuple[Any, float]:
        """A table of the layers with their zeros, and the share of zeros in per cent, see `inc_hf.prune`."""
        return report_sparsity(self.model)

    def push_saved(self, saved: Path, tokenizer: Any, repo_id: str | None, hub: dict[str, Any]) -> None:
        """Upload a model that is saved, to a repository of that name unless another is named."""
        try:
            self.push_to_hub(repo_id or saved.name, tokenizer, **hub)
        except UploadError as error:
            raise type(error)(error.repo_id, error.error, saved) from error

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
        """Upload what `save_pretrained` writes, as one commit; returns its address, a `huggingface_hub.CommitInfo`.

        If it is interrupted, the repository is as it was. The next try does not send again what has arrived.

        Args:
            private (`bool`, *optional*): whether a repository that is made for it is private.
            token (`str`, *optional*): by default the one of `hf auth login`.
            commit: `revision` (a branch, made if there is none), `create_pr` (open a pull request, whose address is
                `pr_url` of what is returned), `commit_description`.

        Raises:
            ConnectionError: the Hub cannot be reached.
            PermissionError: there is no valid token, or it may not write there.
            TypeError: the model is neither of transformers nor of sentence-transformers.
        """
        refuse_to_upload_others(self.model)
        fetch_card(base_model_of(encoder_of(self.model)))  # for the license

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


def refuse_to_upload_others(model: nn.Module) -> None:
    """Raise TypeError if the model is not one of transformers or sentence-transformers."""
    if is_plain(model):
        raise UsageTypeError(
            "Only a transformers PreTrainedModel or a SentenceTransformer can be uploaded, got "
            f"{type(model).__name__}; save it in a directory, which `inc_hf.utils.pytorch.load` reads."
        )


def refuse_unused(push_to_hub: bool, hub: dict[str, Any]) -> None:
    """Raise TypeError for what says how to upload if nothing is to be uploaded, or for what no upload knows."""
    for name, value in hub.items():
        if name not in HUB_ARGUMENTS:
            nearest = did_you_mean(name, OTHERS + HUB_ARGUMENTS)
            raise UsageTypeError(f"`save_pretrained` has no argument {name!r}{nearest}")
        if value is not None and not push_to_hub:
            raise UsageTypeError(f"`{name}` says how to upload, but nothing is uploaded; add `push_to_hub=True`.")

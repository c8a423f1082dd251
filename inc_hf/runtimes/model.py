"""Models that run outside of torch, as ordinary models of transformers to those who call them."""

import dataclasses
import functools
import inspect
import os
import shutil
import typing
from collections.abc import Collection
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import ModelCardData
from torch import Tensor, nn
from transformers import PreTrainedConfig, PreTrainedModel, modeling_outputs
from transformers.modeling_outputs import ModelOutput

from inc_hf.atomic import write_text
from inc_hf.checkpoint import save_checkpoint
from inc_hf.checkpoint.card_text import marked
from inc_hf.checkpoint.publish import push_directory
from inc_hf.checkpoint.save import check_keeps_original
from inc_hf.checkpoint.stale import CARD
from inc_hf.errors import UsageError
from inc_hf.export.built_in import METADATA, BuiltIn
from inc_hf.export.layout import FOLDER
from inc_hf.models.tasks import TASKS, task_of
from inc_hf.runtimes.arguments import as_asked, feed_of, without_metadata
from inc_hf.runtimes.session import Session
from inc_hf.version import __version__

# End of the name of a model class -> what it returns.
OUTPUTS: dict[str, type[ModelOutput]] = {
    ending: getattr(modeling_outputs, task.output) for task in TASKS if task.output for ending in task.endings
}
SPANS = ("start_positions", "end_positions")
# Their logits are of tokens, those of others of samples.
OF_TOKENS = tuple(ending for task in TASKS if task.per_token for ending in task.endings)


class RuntimeModel:
    """
    What a model class gets put before it so that its forward pass is a file, run by another runtime.

    The rest is that of the class: its name, `generate`, the arguments of `forward`, what it returns. There are no
    weights and no gradients. See [`on_runtime`].

    Attributes:
        backend (`str`): the name of the runtime.
        sessions (`dict[str, Session]`): what runs the files, by their names without what says the dtype.
        files (`list[Path]`): the files; empty if there are none (IPEX).
        built_in (`BuiltIn`): what the files make of inputs that do not come.
    """

    backend: str
    built_in: BuiltIn
    sessions: dict[str, Session]
    files: list[Path]

    @classmethod
    def check(cls, session: Session, path: Path, model_class: type[PreTrainedModel]) -> None:
        """Raise ValueError if a file was not made of such a model."""
        taken = set(inspect.signature(model_class.forward).parameters)
        given = fields_of(output_class_of(model_class, session.output_names))
        foreign = sorted({*session.input_names} - taken | {*session.output_names} - given)
        if foreign and _made_of(session) == model_class.__name__:
            raise UsageError(
                f"{model_class.__name__} runs on torch only: it returns {', '.join(foreign)}, which its class does "
                "not say; use `backend='torch'`."
            )
        if foreign:
            raise UsageError(
                f"{path} was not made of a {model_class.__name__}, which has no {', '.join(foreign)}; "
                "write it anew with `inc_hf.export.export_model` or `inc-hf export`."
            )
        shape, is_known = session.output_shapes.get("logits"), model_class.__name__.endswith(tuple(OUTPUTS))
        if shape and is_known and len(shape) != (3 if model_class.__name__.endswith(OF_TOKENS) else 2):
            raise UsageError(
                f"{path} was not made of a {model_class.__name__}: its logits have {len(shape)} dimensions; load it "
                "with the IncModelFor… of its task."
            )
        refuse_another_class(session, path, model_class)

    @property
    def device(self) -> torch.device:
        """Where it runs: on the CPU, wherever it is said to go."""
        return torch.device("cpu")

    @property
    def dtype(self) -> torch.dtype:
        """Of its float inputs and outputs."""
        return torch.float32

    def compute(self, inputs: dict[str, Any]) -> ModelOutput:
        """Run a batch, as [`feed_of`] says."""
        (session,) = self.sessions.values()
        labels = {name: inputs.pop(name) for name in self._labels_of(session) if name in inputs}
        outputs = session(feed_of(self, session, inputs))
        return output_class_of(type(self), outputs)(**self.with_loss(outputs, inputs | labels))

    def with_loss(self, outputs: dict[str, Tensor], inputs: dict[str, Any]) -> dict[str, Tensor]:
        """The outputs, and where labels came the loss that the model of torch computes from logits."""
        spans = [inputs.get(name) for name in SPANS]
        if "start_logits" in outputs and all(span is not None for span in spans):
            return {"loss": self.loss_function(outputs["start_logits"], outputs["end_logits"], *spans), **outputs}
        labels = inputs.get("labels")
        if labels is None or "logits" not in outputs:
            return outputs
        logits = outputs["logits"]
        vocab_size = getattr(self.config.get_text_config(), "vocab_size", None)
        settings = {"labels": labels, "config": self.config, "vocab_size": vocab_size}
        name = "pooled_logits" if "pooled_logits" in inspect.signature(self.loss_function).parameters else "logits"
        return {"loss": self.loss_function(**{name: logits}, **settings), **outputs}

    def _labels_of(self, session: Session) -> tuple[str, ...]:
        """What the loss is computed of, besides the outputs, where they are all that it takes."""
        if "start_logits" in session.output_names:
            return SPANS
        is_known = type(self).__name__.endswith(tuple(OUTPUTS))
        return ("labels",) if is_known and "logits" in session.output_names else ()

    def save_pretrained(
        self,
        save_directory: str | os.PathLike,
        overwrite: bool = False,
        push_to_hub: bool = False,
        repo_id: str | None = None,
        **kwargs: Any,
    ) -> Path:
        """Write `config.json` and the files in `onnx/`.

        Args:
            overwrite (`bool`): replace a directory that is not empty.
            push_to_hub (`bool`): upload them, too, as `repo_id` or under the name of the directory.
            kwargs: for `push_to_hub`; those that say how weights of torch are written mean nothing here.

        Raises:
            FileExistsError: the directory is not empty and `overwrite` is not set.
            ValueError: there are no files, since the runtime compiles the model of torch (IPEX).
        """
        if not self.files:
            raise UsageError(
                f"A model on {self.backend} has no file of its own; save the one of `backend='torch'`, from which it "
                "is compiled at each load."
            )

        check_keeps_original(self, save_directory)

        def write(directory: Path) -> None:
            self.config.save_pretrained(directory)
            if self.can_generate():
                self.generation_config.save_pretrained(directory)
            (directory / FOLDER).mkdir()
            for file in self.files:
                for path in file.parent.glob(f"{file.name}*"):
                    shutil.copy2(path, directory / FOLDER)

        saved = save_checkpoint(write, save_directory, overwrite)
        if push_to_hub:
            self.push_to_hub(repo_id or saved.name, **kwargs)
        return saved

    def push_to_hub(
        self,
        repo_id: str,
        *,
        commit_message: str | None = None,
        private: bool | None = None,
        token: str | None = None,
        tags: list[str] | None = None,
        max_shard_size: int | str | None = None,
        **commit: Any,
    ) -> str:
        """Upload what `save_pretrained` writes, and a card; what an older model has there is removed.

        Args:
            max_shard_size: means nothing here.
            commit: `revision`, `create_pr`, `commit_description`.
        """

        def write(directory: Path) -> None:
            self.save_pretrained(directory)
            write_text(directory / CARD, self._card(repo_id, tags or []))

        return push_directory(write, repo_id, private, token, commit_message or "Upload model", **commit)

    def _card(self, repo_id: str, tags: list[str]) -> str:
        """What it is, and code that loads it."""
        data = ModelCardData(library_name="transformers", tags=["onnx", "inc_hf", *tags])
        task = task_of(type(self).__name__, self.main_input_name in ("input_features", "input_values"))
        load = "IncModel" if task is None else task.inc_class
        code = f'from inc_hf import {load}\n\nmodel = {load}.from_pretrained("{repo_id}", backend="{self.backend}")'
        text = f"# {type(self).__name__} as ONNX\n\nMade with inc_hf {__version__}.\n\n```python\n{code}\n```"
        return f"---\n{data.to_yaml()}\n---\n\n{marked(text)}"

    def extra_repr(self) -> str:
        files = ", ".join(path.name for path in self.files)
        return f"backend={self.backend!r}" + (f", files: {files}" if files else "")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.extra_repr()})"


def refuse_another_class(session: Session, path: Path, model_class: type[PreTrainedModel]) -> None:
    """Raise ValueError if a file says that it was made of another class."""
    made_of = _made_of(session)
    if made_of not in (None, model_class.__name__):
        raise UsageError(
            f"{path} was not made of a {model_class.__name__}, but of a {made_of}; load it with the "
            "IncModelFor… of its task."
        )


def _made_of(session: Session) -> str | None:
    """The class that a file says it was made of."""
    found = BuiltIn.from_json(session.metadata.get(METADATA))
    return None if found is None else found.model


def on_runtime(
    form: type[RuntimeModel],
    model_class: type[PreTrainedModel],
    config: PreTrainedConfig,
    backend: str,
    sessions: dict[str, Session],
    files: list[Path],
    built_in: BuiltIn | None = None,
) -> PreTrainedModel:
    """A model of `model_class` whose forward pass is that of `form`, and whose weights are in the files alone."""
    namespace = {"__module__": model_class.__module__, "forward": _forward_like(model_class)}
    with torch.device("meta"):
        model = type(model_class.__name__, (form, model_class), namespace)(config)
    for module in model.modules():  # those of other sizes than none would have to be on some device
        module._parameters.clear()
        module._buffers.clear()
    _refuse_parts(model, backend)
    model.backend, model.sessions, model.files = backend, sessions, files
    model.built_in = built_in or without_metadata(config)
    return model.eval()


def _refuse_parts(model: nn.Module, backend: str) -> None:
    """Let all modules inside say that they have nothing to compute with, as `get_image_features` would call them."""

    def forward(*args: Any, **kwargs: Any) -> None:
        raise UsageError(f"Parts of a model on {backend} cannot be called, only the whole; use backend='torch'.")

    for module in list(model.modules())[1:]:
        module.forward = forward


def _forward_like(model_class: type[PreTrainedModel]) -> Any:
    """`forward` with the arguments of that of the class, for those who look which ones it takes."""
    signature = inspect.signature(model_class.forward)
    rest = next((p.name for p in signature.parameters.values() if p.kind is p.VAR_KEYWORD), None)

    @functools.wraps(model_class.forward)
    def forward(self, *args: Any, **kwargs: Any) -> ModelOutput:
        inputs = dict(signature.bind(self, *args, **kwargs).arguments)
        inputs |= inputs.pop(rest, {})
        del inputs["self"]
        return_dict = inputs.pop("return_dict", None)
        return as_asked(self.compute(inputs), return_dict, self.config)

    return forward


def output_class_of(model_class: type, names: Collection[str] = ()) -> type[ModelOutput]:
    """What a model of this class returns: by the end of its name, which says more than some annotations, otherwise by
    the annotation of `forward`; whichever of the two has all of `names`, those of outputs.

    Raises:
        ValueError: neither says it.
    """
    name = model_class.__name__
    by_name = next((output for ending, output in OUTPUTS.items() if name.endswith(ending)), None)
    annotated = _annotated_output(model_class)
    kinds = [annotated, by_name] if name.endswith("Model") else [by_name, annotated]
    kinds = [kind for kind in kinds if kind is not None]
    if not kinds:
        raise UsageError(
            f"{name} runs on torch only, other runtimes have those that generate text and those that end in "
            f"{', '.join(OUTPUTS)}, or say what they return; use `backend='torch'`."
        )
    return next((kind for kind in kinds if set(names) <= fields_of(kind)), kinds[0])


def fields_of(kind: type[ModelOutput]) -> set[str]:
    """The names of its entries."""
    return {field.name for field in dataclasses.fields(kind)}


def _annotated_output(model_class: type) -> type[ModelOutput] | None:
    annotation = inspect.signature(model_class.forward).return_annotation
    kinds = typing.get_args(annotation) or (annotation,)
    return next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, ModelOutput)), None)

"""Loading quantized models: `IncModelFor….from_pretrained`, and `optimize` for what stock transformers has
loaded, and `explain`."""

import os
from collections.abc import Sequence
from typing import Any, ClassVar

from transformers import (
    AutoModel,
    AutoModelForAudioClassification,
    AutoModelForCausalLM,
    AutoModelForImageClassification,
    AutoModelForMaskedLM,
    AutoModelForMultipleChoice,
    AutoModelForQuestionAnswering,
    AutoModelForSeq2SeqLM,
    AutoModelForSequenceClassification,
    AutoModelForSpeechSeq2Seq,
    AutoModelForTokenClassification,
    PreTrainedModel,
)

from inc_hf.inference.explain import explain
from inc_hf.inference.optimize import optimize
from inc_hf.runtimes import load_model


class IncModel:
    """Loads a checkpoint, quantized by this package or in compressed-tensors `int-quantized`, ready to run quantized.

    `from_pretrained` returns an ordinary `PreTrainedModel` whose quantized layers are ours, so that it works in
    `pipeline`, `generate` and `Trainer.evaluate`. A checkpoint that is not quantized is loaded as it is.
    """

    auto_class: ClassVar[type] = AutoModel

    def __init__(self):
        raise OSError(f"Use `{type(self).__name__}.from_pretrained(directory_or_hub_name)`.")

    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: str | os.PathLike,
        backend: str = "torch",
        inputs: Sequence[str] = (),
        **kwargs: Any,
    ) -> PreTrainedModel:
        """Load a model for inference, in evaluation mode.

        Args:
            pretrained_model_name_or_path (`str`): a directory or a name on the Hub.
            backend (`str`): what runs it: "torch" (with our kernels); "onnxruntime" or "openvino": the files in
                `onnx/`, otherwise the model of torch is exported; "ipex": the model of torch, traced, for models that
                do not generate; or "auto", see [`inc_hf.runtimes.choose_backend`].
            inputs (`list[str]`): what an ONNX file is to have besides the usual inputs, such as "position_ids", see
                [`inc_hf.export.export_model`]; torch takes all.
            kwargs: passed to the `from_pretrained` of the auto class: `revision`, `subfolder`, `token`, `dtype`,
                `trust_remote_code` (whether code that lies beside the model may be executed), ….
                ONNX files are taken in the `dtype` that is asked for, or written.

        Raises:
            ValueError: an unknown backend, or one that does not run such a model, or the checkpoint is of a class that
                this one does not load; the message names the one that does.
            ImportError: the backend needs packages that are not installed.
            CheckpointError: the checkpoint is truncated, has been tampered with, or misses tensors.
        """
        return load_model(cls.auto_class, pretrained_model_name_or_path, backend, inputs, **kwargs)


class IncModelForSequenceClassification(IncModel):
    auto_class = AutoModelForSequenceClassification


class IncModelForTokenClassification(IncModel):
    auto_class = AutoModelForTokenClassification


class IncModelForQuestionAnswering(IncModel):
    auto_class = AutoModelForQuestionAnswering


class IncModelForMaskedLM(IncModel):
    auto_class = AutoModelForMaskedLM


class IncModelForMultipleChoice(IncModel):
    auto_class = AutoModelForMultipleChoice


class IncModelForFeatureExtraction(IncModel):
    auto_class = AutoModel


class IncModelForCausalLM(IncModel):
    auto_class = AutoModelForCausalLM


class IncModelForSeq2SeqLM(IncModel):
    auto_class = AutoModelForSeq2SeqLM


class IncModelForSpeechSeq2Seq(IncModel):
    auto_class = AutoModelForSpeechSeq2Seq


class IncModelForImageClassification(IncModel):
    auto_class = AutoModelForImageClassification


class IncModelForAudioClassification(IncModel):
    auto_class = AutoModelForAudioClassification


__all__ = ["explain", "optimize"]
__all__ += [name for name in dir() if name.startswith("IncModel")]

"""Models that run outside of torch, as ordinary models of transformers to those who call them."""

import logging
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedConfig, PreTrainedModel
from transformers.modeling_outputs import (
    BaseModelOutputWithPooling,
    ImageClassifierOutput,
    MaskedLMOutput,
    ModelOutput,
    MultipleChoiceModelOutput,
    QuestionAnsweringModelOutput,
    SequenceClassifierOutput,
    TokenClassifierOutput,
)
from transformers.utils import cached_file

from inc_hf.backends.onnxruntime import open_session
from inc_hf.checkpoint import save_checkpoint
from inc_hf.export import export
from inc_hf.quantize.modules import quantized_modules

logger = logging.getLogger(__name__)

FOLDER = "onnx"  # in a model's directory, as transformers.js, Optimum and sentence-transformers expect it
QUANTIZED, FLOAT = "model_quantized.onnx", "model.onnx"

# End of the name of a model class -> what it returns.
OUTPUTS: dict[str, type[ModelOutput]] = {
    "ForSequenceClassification": SequenceClassifierOutput,
    "ForTokenClassification": TokenClassifierOutput,
    "ForQuestionAnswering": QuestionAnsweringModelOutput,
    "ForMaskedLM": MaskedLMOutput,
    "ForMultipleChoice": MultipleChoiceModelOutput,
    "ForImageClassification": ImageClassifierOutput,
    "Model": BaseModelOutputWithPooling,
}


class OnnxModel(PreTrainedModel):
    """
    A model whose forward pass is an ONNX file, run by ONNX Runtime on the CPU.

    It is called with the keywords of the model of torch and returns what that returns, so that it works in
    `transformers.pipeline`; its class has the name of that model's. There are no weights and no gradients.
    """

    base_model_prefix = ""
    _supports_sdpa = True  # it has no attention of its own that could not

    def __init__(self, config: PreTrainedConfig, path: str | os.PathLike):
        super().__init__(config)
        self.path = Path(path)
        self.session = open_session(path)
        self.output_class = output_class_of(type(self).__name__)
        self.eval()

    @property
    def device(self) -> torch.device:
        """Where it runs: on the CPU, wherever it is said to go."""
        return torch.device("cpu")

    @property
    def dtype(self) -> torch.dtype:
        """Of its float inputs and outputs."""
        return torch.float32

    def forward(self, **inputs: Any) -> ModelOutput:
        """Run a batch. Inputs that the file does not know are left out; a missing `token_type_ids` is zeros."""
        if "token_type_ids" in self.session.input_names and inputs.get("token_type_ids") is None:
            inputs["token_type_ids"] = torch.zeros_like(inputs["input_ids"])
        return self.output_class(**self.session(inputs))

    def save_pretrained(self, save_directory: str | os.PathLike, overwrite: bool = False, **kwargs: Any) -> Path:
        """Write `config.json` and the file in `onnx/`.

        Raises:
            FileExistsError: the directory is not empty and `overwrite` is not set.
        """

        def write(directory: Path) -> None:
            self.config.save_pretrained(directory)
            (directory / FOLDER).mkdir()
            for path in self.path.parent.glob(f"{self.path.name}*"):
                shutil.copy2(path, directory / FOLDER)

        return save_checkpoint(write, save_directory, overwrite)


def output_class_of(model_name: str) -> type[ModelOutput]:
    """What a model of this class returns.

    Raises:
        ValueError: it is of another kind than those of [`OUTPUTS`], such as one that generates text.
    """
    for suffix, output_class in OUTPUTS.items():
        if model_name.endswith(suffix):
            return output_class
    raise ValueError(
        f"{model_name} does not run on ONNX Runtime here yet, only models that end in {', '.join(OUTPUTS)}; "
        "use `backend='torch'`."
    )


def find_onnx(name: str | os.PathLike, **hub: Any) -> Path | None:
    """The ONNX file of a directory or a repository of the Hub, the quantized one first; None if there is none."""
    places = [f"{FOLDER}/{QUANTIZED}", f"{FOLDER}/{FLOAT}", QUANTIZED, FLOAT]
    for place in places:
        found = cached_file(
            name,
            place,
            _raise_exceptions_for_missing_entries=False,
            _raise_exceptions_for_connection_errors=False,
            **hub,
        )
        if found is not None:
            return Path(found)
    return None


def on_onnxruntime(config: PreTrainedConfig, model_name: str, path: Path) -> OnnxModel:
    """The ONNX file as a model that is called `model_name`."""
    return type(model_name, (OnnxModel,), {})(config, path)


def exported(model: PreTrainedModel) -> OnnxModel:
    """A model of torch on ONNX Runtime; the file lies in a temporary directory for as long as the model lives."""
    output_class_of(type(model).__name__)  # refuses before the export
    folder = tempfile.TemporaryDirectory(prefix="inc_hf_onnx_")
    logger.info("There is no ONNX file yet; exporting the model, which `save_pretrained` keeps.")
    path = export(model, Path(folder.name) / (QUANTIZED if quantized_modules(model) else FLOAT))
    found = on_onnxruntime(model.config, type(model).__name__, path)
    found.temporary = folder
    return found

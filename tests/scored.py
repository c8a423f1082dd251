"""Models of each task, inputs for them, and batches of unequal sizes: what tests of scores begin with."""

import torch
import transformers
from tiny import MODELS, tiny_inputs, tiny_model
from torch import nn

ENCODER = {**MODELS["bert"][2], "vocab_size": 96}
AUDIO = {
    **MODELS["bert"][2],
    "conv_dim": [8, 8, 8],
    "conv_stride": [5, 4, 4],
    "conv_kernel": [10, 8, 8],
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 2,
    "classifier_proj_size": 8,
}


def of_class(name: str, **values) -> transformers.PreTrainedModel:
    torch.manual_seed(3)
    model_class = getattr(transformers, name)
    model = model_class(model_class.config_class(**values)).eval()
    for parameter in model.parameters():
        if parameter.ndim > 1:
            nn.init.normal_(parameter, std=0.15)
    return model


def of_task(task: str) -> transformers.PreTrainedModel:
    return {
        "text-classification": lambda: tiny_model("bert", num_labels=3),
        "image-classification": lambda: tiny_model("vit", num_labels=3),
        "audio-classification": lambda: of_class("Wav2Vec2ForSequenceClassification", num_labels=3, **AUDIO),
        "token-classification": lambda: of_class("BertForTokenClassification", num_labels=3, **ENCODER),
        "multiple-choice": lambda: of_class("BertForMultipleChoice", **ENCODER),
        "fill-mask": lambda: of_class("BertForMaskedLM", **ENCODER),
        "text2text-generation": lambda: tiny_model("t5", decoder_start_token_id=0),
        "question-answering": lambda: of_class("BertForQuestionAnswering", **ENCODER),
        "text-generation": lambda: tiny_model("opt"),
    }[task]()


def inputs_of(model: transformers.PreTrainedModel, task: str, count: int = 6) -> dict[str, torch.Tensor]:
    if task == "audio-classification":
        return {"input_values": torch.randn(count, 800)}
    inputs = tiny_inputs(model, 3 * count if task == "multiple-choice" else count)
    inputs.pop("decoder_input_ids", None)
    return {k: v.reshape(count, 3, -1) for k, v in inputs.items()} if task == "multiple-choice" else inputs


@torch.no_grad()
def predicted(model: nn.Module, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
    return model(**inputs).logits.argmax(-1)


def split(batch: dict[str, torch.Tensor], size: int) -> list[dict[str, torch.Tensor]]:
    """The same samples in batches of unequal sizes."""
    return [{k: v[:size] for k, v in batch.items()}, {k: v[size:] for k, v in batch.items()}]

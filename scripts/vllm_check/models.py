"""Tiny models of sizes that vLLM's kernels take, each as a float checkpoint and quantized as vLLM takes it."""

from collections.abc import Iterator
from pathlib import Path

import torch
import transformers
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing
from transformers import PreTrainedTokenizerFast

from inc_hf import IncQuantizer, PostTrainingQuantConfig
from inc_hf.config import WeightPruningConfig
from inc_hf.prune.oneshot import prune_oneshot

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
IDS = {"pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3}
SIZES = {
    "vocab_size": 256,
    "hidden_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 256,
    "max_position_embeddings": 128,
}
# name -> class, config, more of the config, what vLLM does with it
MODELS = {
    "BERT": ("BertForSequenceClassification", "BertConfig", {"num_labels": 3}, "classify"),
    "ModernBERT": (
        "ModernBertForSequenceClassification",
        "ModernBertConfig",
        {"num_labels": 3, "cls_token_id": 2, "sep_token_id": 3, **IDS},
        "classify",
    ),
    "Llama": ("LlamaForCausalLM", "LlamaConfig", {"num_key_value_heads": 2, **IDS}, "generate"),
    "Qwen": ("Qwen2ForCausalLM", "Qwen2Config", {"num_key_value_heads": 1, **IDS}, "generate"),
}


def texts() -> list[str]:
    """Of three to eleven words."""
    return [" ".join(f"w{(i * 11 + j * 5) % 250}" for j in range(3 + i % 9)) for i in range(24)]


def tokenizer() -> PreTrainedTokenizerFast:
    words = [*SPECIAL, *(f"w{i}" for i in range(SIZES["vocab_size"] - len(SPECIAL)))]
    inner = Tokenizer(WordLevel({word: i for i, word in enumerate(words)}, unk_token="[UNK]"))
    inner.pre_tokenizer = Whitespace()
    inner.post_processor = TemplateProcessing("[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    names = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    return PreTrainedTokenizerFast(tokenizer_object=inner, bos_token="[CLS]", eos_token="[SEP]", **names)


def float_model(name: str) -> transformers.PreTrainedModel:
    """With weights large enough that the texts get different answers."""
    model_class, config_class, more, _ = MODELS[name]
    torch.manual_seed(0)
    model = getattr(transformers, model_class)(getattr(transformers, config_class)(**SIZES, **more)).eval()
    for parameter in model.parameters():
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=0.08)
    return model


def checkpoints(name: str, folder: Path) -> Iterator[tuple[str, Path, Path]]:
    """(what it is, its directory, that of the float model), one after the other."""
    for density in ("dense", "sparse"):
        model, exact = float_model(name), folder / f"{name}-{density}-float"
        if density == "sparse":
            prune_oneshot(
                model, WeightPruningConfig(pruning_type="magnitude", target_sparsity=0.8, pattern="4x1"), None
            )
        for part in (model, tokenizer()):
            part.save_pretrained(exact)
        if density == "dense":
            yield f"{name} float", exact, exact
        for approach in ("dynamic", "static"):
            directory = folder / f"{name}-{density}-{approach}"
            quantizer = IncQuantizer.from_pretrained(type(model).from_pretrained(exact), tokenizer=tokenizer())
            config = PostTrainingQuantConfig(approach=approach, calibration_sampling_size=len(texts()))
            data = texts() if approach == "static" else None
            runtime = None if MODELS[name][-1] == "generate" else "vllm"  # decoders as they are by default
            quantizer.quantize(config, directory, calibration_dataset=data, runtime=runtime)
            yield f"{name} {'80 % zeros ' * (density == 'sparse')}{approach}", directory, exact

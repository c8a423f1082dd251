"""Tiny models of random weights, inputs for them, and a tokenizer of a few words."""

import os
import sys
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing
from torch import nn
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from inc_hf import PostTrainingQuantConfig, QuantizedModel
from inc_hf.quantization import fit

VOCABULARY = 96
WORDS = "the a film plot actor was is not very good bad dull great and but".split()
ENCODER = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
SEQ2SEQ = {
    "d_model": 16,
    "encoder_layers": 1,
    "decoder_layers": 1,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 32,
    "decoder_ffn_dim": 32,
    "max_position_embeddings": 64,
}
VIDEO = {"image_size": 16, "patch_size": 8, "num_frames": 4, "tubelet_size": 2}
# name -> model class, config class, config values
MODELS = {
    "bert": ("BertForSequenceClassification", "BertConfig", ENCODER),
    "roberta": ("RobertaForSequenceClassification", "RobertaConfig", ENCODER),
    "electra": ("ElectraForSequenceClassification", "ElectraConfig", {**ENCODER, "embedding_size": 16}),
    "distilbert": (
        "DistilBertForSequenceClassification",
        "DistilBertConfig",
        {"dim": 16, "n_layers": 1, "n_heads": 2, "hidden_dim": 32},
    ),
    "albert": ("AlbertForSequenceClassification", "AlbertConfig", {**ENCODER, "embedding_size": 8}),
    "mpnet": ("MPNetForSequenceClassification", "MPNetConfig", ENCODER),
    "deberta": (
        "DebertaV2ForSequenceClassification",
        "DebertaV2Config",
        {**ENCODER, "relative_attention": True, "pos_att_type": ["c2p", "p2c"], "position_buckets": 8},
    ),
    "llama": ("LlamaForCausalLM", "LlamaConfig", ENCODER),
    "phi": ("PhiForCausalLM", "PhiConfig", ENCODER),
    "gpt2": ("GPT2LMHeadModel", "GPT2Config", {"n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": 64}),
    "opt": (
        "OPTForCausalLM",
        "OPTConfig",
        {
            "hidden_size": 16,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "ffn_dim": 32,
            "word_embed_proj_dim": 16,
            "max_position_embeddings": 64,
        },
    ),
    "t5": (
        "T5ForConditionalGeneration",
        "T5Config",
        {"d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 1, "num_heads": 2},
    ),
    "bart": ("BartForConditionalGeneration", "BartConfig", SEQ2SEQ),
    "whisper": (
        "WhisperForConditionalGeneration",
        "WhisperConfig",
        {
            **SEQ2SEQ,
            "num_mel_bins": 8,
            "max_source_positions": 16,
            "max_target_positions": 32,
            **dict.fromkeys(("pad_token_id", "bos_token_id", "decoder_start_token_id"), 1),
            "eos_token_id": 2,
        },
    ),
    "vit": ("ViTForImageClassification", "ViTConfig", {**ENCODER, "image_size": 16, "patch_size": 4}),
}
# As above: models whose inputs are more than text, or other ones.
MORE_INPUTS = {
    "modernbert": (
        "ModernBertForSequenceClassification",
        "ModernBertConfig",
        {**ENCODER, "pad_token_id": 0, **dict.fromkeys(("bos_token_id", "cls_token_id"), 1)},
    ),
    "nomic_bert": ("NomicBertForSequenceClassification", "NomicBertConfig", ENCODER),
    "eurobert": (
        "EuroBertForSequenceClassification",
        "EuroBertConfig",
        {**ENCODER, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "mask_token_id": 3},
    ),
    "layoutlm": ("LayoutLMForTokenClassification", "LayoutLMConfig", ENCODER),
    "markuplm": ("MarkupLMForTokenClassification", "MarkupLMConfig", {**ENCODER, "max_depth": 4}),
    "tapas": ("TapasForSequenceClassification", "TapasConfig", ENCODER),
    "xlnet": (
        "XLNetForSequenceClassification",
        "XLNetConfig",
        {"d_model": 16, "n_layer": 1, "n_head": 2, "d_inner": 32},
    ),
    "hubert": (
        "HubertForSequenceClassification",
        "HubertConfig",
        {
            **ENCODER,
            **dict.fromkeys(("num_conv_pos_embeddings", "num_conv_pos_embedding_groups"), 4),
            **{"conv_dim": (8, 8), "conv_stride": (5, 4), "conv_kernel": (10, 8), "num_feat_extract_layers": 2},
        },
    ),
    "clip": (
        "CLIPModel",
        "CLIPConfig",
        {
            "text_config": {**ENCODER, "vocab_size": VOCABULARY, "eos_token_id": 2},
            "vision_config": {**ENCODER, "image_size": 32, "patch_size": 8},
            "projection_dim": 16,
        },
    ),
    "siglip": (
        "SiglipModel",
        "SiglipConfig",
        {
            "text_config": {**ENCODER, "vocab_size": VOCABULARY, "projection_size": 16},
            "vision_config": {**ENCODER, "image_size": 32, "patch_size": 8},
        },
    ),
    "swin": (
        "SwinForImageClassification",
        "SwinConfig",
        {"embed_dim": 8, "depths": [1, 1], "num_heads": [1, 2], "image_size": 32, "patch_size": 4, "window_size": 4},
    ),
    "videomae": ("VideoMAEForVideoClassification", "VideoMAEConfig", {**ENCODER, **VIDEO}),
    "clap": (
        "ClapModel",
        "ClapConfig",
        {
            "text_config": {**ENCODER, "vocab_size": VOCABULARY},
            "audio_config": {
                **{"spec_size": 64, "hidden_size": 32, "patch_size": 4, "patch_embeds_hidden_size": 16},
                **{"depths": [1, 1], "num_attention_heads": [2, 2], "num_hidden_layers": 2, "window_size": 4},
                **{"num_mel_bins": 16, "patch_stride": [4, 4]},
            },
            "projection_dim": 8,
        },
    ),
    "convnext": (
        "ConvNextForImageClassification",
        "ConvNextConfig",
        {"hidden_sizes": [8, 16], "depths": [1, 1], "num_stages": 2, "image_size": 32},
    ),
}


class TinyNet(nn.Module):
    """A model that is none of transformers."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 2)

    def forward(self, x):
        return self.linear(x)


def tiny_model(name: str, **values: Any) -> PreTrainedModel:
    """A model of the two lists above, in evaluation mode; `values` overrides its config. Always the same weights."""
    class_name, config_name, defaults = (MODELS | MORE_INPUTS)[name]
    generator = torch.random.get_rng_state()
    torch.manual_seed(1)
    config = getattr(transformers, config_name)(**{"vocab_size": VOCABULARY, **defaults, **values})
    model = getattr(transformers, class_name)(config).eval()
    for parameter in model.parameters():
        if parameter.ndim > 1:  # weights of the initial scale of 0.02 would hide errors in logits near 0
            nn.init.normal_(parameter, std=0.15)
    torch.random.set_rng_state(generator)
    return model


def tiny_inputs(model: PreTrainedModel, batch_size: int = 3) -> dict[str, torch.Tensor]:
    """A batch for a model of `tiny_model`, always the same."""
    generator = torch.Generator().manual_seed(2)
    if model.main_input_name == "pixel_values":
        return {"pixel_values": torch.randn(batch_size, 3, 16, 16, generator=generator)}
    ids = torch.randint(5, VOCABULARY, (batch_size, 10), generator=generator)
    if model.main_input_name == "input_features":
        return {"input_features": torch.randn(batch_size, 8, 32, generator=generator), "decoder_input_ids": ids}
    inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    return {**inputs, "decoder_input_ids": ids} if model.config.is_encoder_decoder else inputs


@torch.no_grad()
def logits_of(model: nn.Module, inputs: dict[str, torch.Tensor] | None = None) -> torch.Tensor:
    """Logits of the model on `inputs`, by default those of `tiny_inputs`."""
    return model(**(tiny_inputs(model) if inputs is None else inputs)).logits


def quantized(model: PreTrainedModel | str, approach: str = "dynamic", **settings: Any) -> QuantizedModel:
    """A model, or the tiny one of that name, quantized with `PostTrainingQuantConfig(approach, **settings)`."""
    model = tiny_model(model) if isinstance(model, str) else model
    config = PostTrainingQuantConfig(approach=approach, **settings)
    return fit(model, config, calib_dataloader=[tiny_inputs(model)] if approach == "static" else None)


def tiny_tokenizer() -> PreTrainedTokenizerFast:
    """Splits at white space and knows `WORDS`."""
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer = Tokenizer(WordLevel({word: i for i, word in enumerate(special + WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.post_processor = TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    names = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token")
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, model_max_length=32, **dict(zip(names, special, strict=True))
    )


def offline_environment(**variables: str) -> dict[str, str]:
    """Environment for a fresh interpreter that imports what this one can and runs on one thread."""
    path = os.pathsep.join(entry for entry in sys.path if entry)
    return {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", **variables}

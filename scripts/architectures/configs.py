"""A tiny config of any architecture: the defaults of its class, with all that is a size made small."""

import contextlib
import dataclasses
import re
from typing import Any

from architectures.overrides import OVERRIDES
from transformers import CONFIG_MAPPING, PreTrainedConfig

VOCABULARY = 160
FIRST_SPECIAL = 128  # special tokens that lie behind the tiny vocabulary come here
MOST_LAYERS = 8
# What a name contains -> the largest value; the first that fits counts. None leaves the value as it is.
SIZES: tuple[tuple[str, int | None], ...] = (
    (r"codebook_size", 128),
    (r"vocab(ulary)?_size|num_embeddings$|num_buckets$", VOCABULARY),
    (r"^(n|topk)_group$|n_groups$|n_shared_experts|first_k_dense", 1),
    (r"experts_per_tok|experts_per_token|top_?k|moe_k$", 2),
    (r"experts", 4),
    (r"mamba_(n_heads|num_heads)", 8),
    (r"max_tree_id_unit|max_xpath|max_depth", None),
    (r"(key_value|kv)_(heads|head)|multi_query_group|num_kv$", 2),
    (r"lora_rank|_rank$", 8),
    (r"rotary_dim$|qk_rope_head_dim", 8),
    (r"(^|_)(d_kv|head_dim|head_size|d_head|head_v_dim|head_qk_dim|dim_head|kv_channels)", 16),
    (r"(^|_)(n_?heads?|num_.*heads?|heads)$|attention_heads|n_head", 4),
    (r"num_encoder_blocks|num_stages", None),
    (r"(^|_)(n_?layers?|num_.*layers?|layers|depth|num_(.*_)?blocks|n_blocks|num_hidden_layers)($|_)", 2),
    (r"max_.*position|n_positions|n_ctx|max_(source|target)_pos|max_seq|max_.*length|seq_length$", 256),
    (r"image_size|img_size|^resolution$", 32),
    (r"patch_size", 8),
    (r"mel_bins|num_freq|n_mels", 16),
    (r"conv_depthwise_kernel|conv_kernel_size", 15),
    (r"conv_pos_embeddings$|num_conv_pos", 16),
    (r"num_conv_pos_embedding_groups", 4),
    (r"num_queries|num_query_tokens|num_latents|num_learnable", 8),
    (r"d_state|state_size|d_conv_state", 8),
    (r"chunk_size|window_size$|block_size", 16),
    (r"intermediate|ffn|d_ff|ff_dim|feedforward|d_inner|mlp_(dim|size)|n_inner|hidden_dim$|dim_feed", 96),
    (r"stride|kernel|pad|token|index|window|scale|factor|ratio|year|expand|bins|bits|sample|rate|num_labels", None),
    (r"size|dim|d_model|n_embd|width|channels|hidden|embed|proj|d_embed|features", 64),
)
LISTS_OF_DEPTHS = re.compile(r"depth|layers|blocks|num_hidden")
LISTS_OF_SIZES = re.compile(r"size|dim|channel|width|hidden|filters")
LISTS_OF_HEADS = re.compile(r"heads")


def tiny_config(model_type: str) -> PreTrainedConfig:
    """Of random weights this makes a model of some 100,000 parameters."""
    config_class = CONFIG_MAPPING[model_type]
    override = OVERRIDES.get(model_type, {})
    config = config_class(**merged(shrunk(config_class(), SpecialTokens()), override))
    if getattr(config, "pad_token_id", 0) is None:  # heads for classification look for it
        config.pad_token_id = 0
    return config


class SpecialTokens(dict):
    """Token of the large vocabulary -> token of the tiny one, the same one in all parts of a config."""

    def __missing__(self, token: int) -> int:
        self[token] = FIRST_SPECIAL + len(self) % (VOCABULARY - FIRST_SPECIAL)
        return self[token]


class UnchangedError(Exception):
    """A value that is no size."""


def shrunk(config: PreTrainedConfig, tokens: SpecialTokens) -> dict[str, Any]:
    """The values of a config, small ones; those that it derives from others are left out."""
    values: dict[str, Any] = {}
    for field in dataclasses.fields(config):
        with contextlib.suppress(Exception):  # some attributes of configs of layers that differ cannot be read
            value = getattr(config, field.name)
            if isinstance(value, PreTrainedConfig):
                override = OVERRIDES.get(value.model_type, {})
                values[field.name] = {**merged(shrunk(value, tokens), override), "model_type": value.model_type}
            elif field.name == "rope_parameters" or isinstance(value, dict) and "mrope_section" in value:
                values[field.name] = small_rope(value)
            elif field.default is not None and field.default is not dataclasses.MISSING:
                values[field.name] = small(field.name, value, tokens)
    if values.get("num_key_value_heads") and config.num_key_value_heads == config.num_attention_heads:
        values["num_key_value_heads"] = values.get("num_attention_heads", config.num_attention_heads)
    values |= {name: layers for name in ("num_hidden_layers",) if name in values and (layers := all_kinds(config))}
    return values


def all_kinds(config: PreTrainedConfig) -> int | None:
    """As many layers as it takes to have one of each kind; None where all are alike, or that were too many."""
    kinds = getattr(config, "layer_types", None) or getattr(config, "layers_block_type", None)
    if not isinstance(kinds, list) or len(set(kinds)) < 2:
        return None
    count = 1 + max(kinds.index(kind) for kind in set(kinds))
    return count if count <= MOST_LAYERS else None


def small(name: str, value: Any, tokens: SpecialTokens) -> Any:
    if re.search(r"token_?(id|index)|_id$", name):
        return small_token(value, tokens)
    if isinstance(value, list | tuple) and value and all(type(v) is int for v in value):
        return small_list(name, list(value))
    if type(value) is not int:
        raise UnchangedError
    limit = next((limit for pattern, limit in SIZES if re.search(pattern, name)), None)
    if limit is None or value <= limit:
        raise UnchangedError
    return limit


def small_token(value: Any, tokens: SpecialTokens) -> Any:
    if isinstance(value, list | tuple):
        return [small_token(item, tokens) for item in value]
    if type(value) is not int or value < FIRST_SPECIAL:
        raise UnchangedError
    return tokens[value]


def small_list(name: str, values: list[int]) -> list[int]:
    """Of the same length: one layer at each stage, a quarter of the size."""
    if LISTS_OF_HEADS.search(name):
        return [max(1, value * 2 // 3) if value % 3 == 0 else value for value in values]
    if LISTS_OF_DEPTHS.search(name) and max(values) < 64:
        return [1] * len(values)
    if LISTS_OF_SIZES.search(name) and max(values) > 96:
        return [max(8, value // 4) if value > 8 else value for value in values]
    raise UnchangedError


def small_rope(value: dict) -> dict:
    """With sections that fit heads of 16."""
    if not isinstance(value, dict) or not (section := value.get("mrope_section")):
        raise UnchangedError
    half = int(8 * value.get("partial_rotary_factor", 1.0))
    first = [half * size // sum(section) for size in section[:-1]]
    return {**value, "mrope_section": [*first, half - sum(first)]}


def merged(values: dict[str, Any], override: dict[str, Any]) -> dict[str, Any]:
    """With the override's values, those of nested configs included."""
    result = dict(values)
    for name, value in override.items():
        is_nested = isinstance(value, dict) and isinstance(result.get(name), dict)
        result[name] = merged(result[name], value) if is_nested else value
    return result

"""What single architectures need beside the general rules of `configs.py`."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedConfig


def sections(*sizes: int) -> dict[str, Any]:
    return {"rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": list(sizes)}}


def half_sections(*sizes: int) -> dict[str, Any]:
    rope = sections(*sizes)["rope_parameters"]
    return {"rope_parameters": {**rope, "partial_rotary_factor": 0.5}}


HEAD_DIM = {"head_dim": 16}
SWIN = {"image_size": 64, "patch_size": 4, "window_size": 2, "depths": [1, 1, 1, 1], "num_heads": [2, 4, 8, 16]}
OVERRIDES: dict[str, dict[str, Any]] = {
    "aria": {"projector_patch_to_query_dict": {16: 4}},
    "bamba": {"attn_layer_indices": [1]},
    "bit": {"num_groups": 4},
    "csm": {"codec_config": {"upsample_groups": 8}},
    "deepseek_v2": {"num_experts_per_tok": 2},
    "dbrx": {"attn_config": {"kv_n_heads": 2, "clip_qkv": 8.0, "rope_theta": 10000.0}},
    "dinov3_convnext": {"hidden_sizes": [16, 32, 48, 64]},
    "donut-swin": SWIN,
    "efficientnet": {"hidden_dim": 1280},
    "esm": {"vocab_size": 33, "mask_token_id": 32, "pad_token_id": 1},
    "gemma3": {"mm_tokens_per_image": 4},
    "gemma3n_text": {"intermediate_size": 96, "num_kv_shared_layers": 0, "activation_sparsity_pattern": None},
    "glm4v_moe_text": half_sections(1, 1, 2),
    "glm4v_text": sections(2, 3, 3),
    "glm5_next_text": {"num_key_value_heads": 4},
    "glm_image_text": sections(2, 3, 3),
    "glm_ocr_text": sections(2, 3, 3),
    "gpt_neo": {"attention_types": [[["global", "local"], 1]]},
    "granitemoehybrid": {"layer_types": ["mamba", "attention"]},
    "hiera": {
        "image_size": [32, 32],
        "patch_stride": [2, 2],
        "depths": [1, 1, 1, 1],
        "num_query_pool": 2,
        "masked_unit_size": [8, 8],
    },
    "hunyuan_v1_dense": HEAD_DIM,
    "hunyuan_v1_moe": HEAD_DIM,
    "hunyuan_vl_text": HEAD_DIM,
    "layoutlmv3": {"coordinate_size": 11, "shape_size": 10},
    "levit": {"image_size": 128, "patch_size": 16, "hidden_sizes": [16, 32, 48], "num_attention_heads": [2, 4, 6]},
    "lfm2_moe": {"num_hidden_layers": 4, "layer_types": ["conv", "conv", "full_attention", "conv"]},
    "lilt": {"hidden_size": 96},
    "llava_next": {"image_grid_pinpoints": [[32, 32]]},
    "llava_next_video": {"image_grid_pinpoints": [[32, 32]]},
    "llava_onevision": {"image_grid_pinpoints": [[32, 32]]},
    "lxmert": {"visual_feat_dim": 64},
    "maskformer-swin": SWIN,
    "mamba2": {"num_heads": 8},
    "mimi": {"upsample_groups": 8},
    "mimi_decoder": {"upsample_groups": 8},
    "mimi_encoder": {"upsample_groups": 8},
    "ministral": HEAD_DIM,
    "nemotron": {**HEAD_DIM, "num_key_value_heads": 2},
    "qwen2_5_vl_text": sections(2, 3, 3),
    "qwen2_vl_text": sections(2, 3, 3),
    "pix2struct_vision_model": {"patch_embed_hidden_size": 768},
    "swin": SWIN,
    "swin2sr": {"image_size": 16, "patch_size": 1, "window_size": 2, "depths": [1, 1], "num_heads": [2, 2]},
    "swinv2": SWIN,
    "vipllava": {"vision_feature_layers": [-1, -2]},
    "wav2vec2-bert": {"vocab_size": 32},
    "wav2vec2-conformer": {"vocab_size": 32},
    "xlstm": {"num_heads": 4, "num_blocks": 2},
    "xmod": {"default_language": "en_XX"},
    "zamba2": {"num_hidden_layers": 2, "layers_block_type": ["mamba", "hybrid"], "layer_types": ["mamba", "hybrid"]},
    "zamba": {"num_hidden_layers": 3, "layers_block_type": ["mamba", "hybrid", "hybrid"]},
}
LEFT_OUT = {"vits": "with random weights it speaks for minutes"}
BATCH, PATCHES = 2, 16


def floats(*shape: int) -> Callable[[PreTrainedConfig], Tensor]:
    return lambda config: torch.randn(BATCH, *shape)


def ids(*shape: int, below: int = 100) -> Callable[[PreTrainedConfig], Tensor]:
    return lambda config: torch.randint(5, below, (BATCH, *shape))


def ones(*shape: int) -> Callable[[PreTrainedConfig], Tensor]:
    return lambda config: torch.ones(BATCH, *shape, dtype=torch.long)


def always(tensor: Tensor) -> Callable[[PreTrainedConfig], Tensor]:
    return lambda config: tensor


PATCHES_OF_ANY_SIZE = {
    "pixel_values": floats(PATCHES, 3 * 8 * 8),
    "pixel_attention_mask": ones(PATCHES),
    "spatial_shapes": always(torch.tensor([[4, 4]] * BATCH)),
}
# model type -> name of an input -> what makes it of the config, for models whose signature does not tell
INPUTS: dict[str, dict[str, Callable[[PreTrainedConfig], Any]]] = {
    "decision_transformer": {
        "states": floats(6, 17),
        "actions": floats(6, 4),
        "rewards": floats(6, 1),
        "returns_to_go": floats(6, 1),
        "timesteps": always(torch.arange(6).expand(BATCH, 6)),
        "attention_mask": ones(6),
    },
    "lxmert": {"input_ids": ids(12), "visual_feats": floats(4, 64), "visual_pos": floats(4, 4)},
    "mimi_decoder": {"latents": floats(64, 10)},
    "mllama": {
        "input_ids": ids(12),
        "pixel_values": floats(1, 4, 3, 32, 32),
        "aspect_ratio_ids": ones(1),
        "aspect_ratio_mask": ones(1, 4),
    },
    "pix2struct": {"flattened_patches": lambda config: torch.rand(BATCH, PATCHES, 770), "decoder_input_ids": ids(5)},
    "siglip2": {"input_ids": ids(12), **PATCHES_OF_ANY_SIZE},
    "siglip2_vision_model": PATCHES_OF_ANY_SIZE,
    "timesfm": {"past_values": lambda config: list(torch.randn(BATCH, 64))},
    "timesfm2_5": {"past_values": lambda config: list(torch.randn(BATCH, 64))},
}

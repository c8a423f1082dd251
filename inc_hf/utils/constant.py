"""INC 2.X's `neural_compressor.utils.constant`: values for `op_type_dict` and `op_name_dict`."""

from typing import Any


def _of(dtype: str, scheme: str, algorithm: str, granularity: str) -> dict[str, list[str]]:
    return {"dtype": [dtype], "scheme": [scheme], "algorithm": [algorithm], "granularity": [granularity]}


FP32 = {"weight": {"dtype": ["fp32"]}, "activation": {"dtype": ["fp32"]}}
BF16 = {"weight": {"dtype": ["bf16"]}, "activation": {"dtype": ["bf16"]}}
INT8_SYM_MINMAX_PERCHANNEL = _of("int8", "sym", "minmax", "per_channel")
INT8_SYM_MINMAX_PERTENSOR = _of("int8", "sym", "minmax", "per_tensor")
INT8_SYM_KL_PERCHANNEL = _of("int8", "sym", "kl", "per_channel")
INT8_SYM_KL_PERTENSOR = _of("int8", "sym", "kl", "per_tensor")
UINT8_ASYM_MINMAX_PERCHANNEL = _of("uint8", "asym", "minmax", "per_channel")
UINT8_ASYM_MINMAX_PERTENSOR = _of("uint8", "asym", "minmax", "per_tensor")
UINT8_ASYM_KL_PERCHANNEL = _of("uint8", "asym", "kl", "per_channel")
UINT8_ASYM_KL_PERTENSOR = _of("uint8", "asym", "kl", "per_tensor")
# What tuning tries of the recipes, besides what a config asks for: nothing here.
RECIPES: dict[str, dict[str, list[Any]]] = {"common": {}, "pytorch": {}}
RECIPES_PRIORITY: list[str] = []

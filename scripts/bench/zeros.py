"""Weights with zeros in 4x1 blocks. Without inc_hf: a worker has loaded another build of its kernels."""

import torch
from torch import Tensor


def zero_blocks(codes: Tensor, zeros: int) -> Tensor:
    """`codes` with `zeros` per cent of its 4x1 blocks, chosen at random, set to zero."""
    groups, columns = codes.shape[0] // 4, codes.shape[1]
    keep = torch.ones(groups * columns, dtype=torch.int8)
    keep[torch.randperm(keep.numel())[: keep.numel() * zeros // 100]] = 0
    return codes * keep.reshape(groups, columns).repeat_interleave(4, 0)

"""A sentence gets the same logits alone, padded, and in a batch with any others.

`test_ops.py` shows that a row of a quantized Linear is bit-equal in any batch. Between these layers torch adds up in
an order that depends on the shape: float64 (1e-15 here) shows that nothing else does. In float32 (1e-7) the difference
moves an activation to the next integer now and then, and such a sentence is off by up to a quantization step.
"""

import pytest
import torch
from tiny import tiny_model

from inc_hf import PostTrainingQuantConfig
from inc_hf.quantization import fit

LENGTHS = torch.arange(4, 20).repeat(2)


def sentences() -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randint(5, 96, (int(length),), generator=generator) for length in LENGTHS]


def padded(rows: list[torch.Tensor], width: int) -> dict[str, torch.Tensor]:
    ids, mask = (torch.zeros(len(rows), width, dtype=torch.long) for _ in range(2))
    for i, row in enumerate(rows):
        ids[i, : len(row)], mask[i, : len(row)] = row, 1
    return {"input_ids": ids, "attention_mask": mask}


@torch.no_grad()
def logits(model, groups: list[list[torch.Tensor]], width: int | None = None) -> torch.Tensor:
    return torch.cat([model(**padded(rows, width or max(map(len, rows)))).logits for rows in groups])


@pytest.mark.parametrize("approach", ["dynamic", "static"])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
def test_company_and_padding_do_not_matter(approach, dtype):
    model = tiny_model("bert", hidden_size=32, num_hidden_layers=2).to(dtype)
    rows = sentences()
    config = PostTrainingQuantConfig(approach=approach)
    quantized = fit(model, config, [padded(rows, 20)] if approach == "static" else None).model
    alone = logits(quantized, [[row] for row in rows])
    scale = alone.abs().max()
    for other in (logits(quantized, [[row] for row in rows], width=128), logits(quantized, [rows[:7], rows[7:]])):
        differences = (other - alone).abs().amax(1) / scale
        if dtype == torch.float64:
            assert differences.max() < 1e-12
        else:
            assert (differences < 1e-5).double().mean() >= 0.8
            assert differences.max() < 0.05

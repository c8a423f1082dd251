import sys

import pytest
import torch
from pruning import Net, pruners_of, run
from torch import nn

from inc_hf.prune import get_sparsity_ratio, report_sparsity


def pruned():
    model = Net()
    pruners = pruners_of(
        model, pruning_configs=[{"op_names": ["first"], "pattern": "4x1"}, {"op_names": ["second"], "pattern": "2:4"}]
    )
    run(model, pruners, range(2))
    return model, pruners


def test_sparsity_ratio():
    model, pruners = pruned()
    with torch.no_grad():
        model.first.weight[0, :] = 0  # more zeros, but no more blocks
    over_layers, over_all, blockwise = get_sparsity_ratio(pruners, model)
    layers = 64 + 32 + 128 + 128 + 32
    zeros = int((model.first.weight == 0).sum()) + 64
    assert over_layers == pytest.approx(zeros / layers)
    assert over_all == pytest.approx(zeros / sum(p.numel() for p in model.parameters()))
    assert blockwise == pytest.approx((64 + 64) / layers)


def test_sparsity_ratio_of_nothing():
    assert get_sparsity_ratio([], nn.LayerNorm(3)) == (0, 0, 0)
    assert get_sparsity_ratio([], Net()) == (0, 0, 0)


def test_a_shared_weight_counts_once():
    model = nn.ModuleList([nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 4)])
    model[1].weight = model[0].weight
    with torch.no_grad():
        model[0].weight.zero_()
    assert get_sparsity_ratio([], model)[0] == 0.5
    assert len(report_sparsity(model)[0]) == 2


def test_table():
    model, _ = pruned()
    table, total = report_sparsity(model)
    assert list(table.columns) == ["Name", "Shape", "NNZ (dense)", "NNZ (sparse)", "Sparsity(%)"]
    rows = {row[0]: tuple(row[1:]) for row in table.itertuples(index=False)}
    assert rows["first"] == ((8, 16), 64, 64, 50.0) and rows["second"] == ((8, 16), 64, 64, 50.0)
    assert rows["head"] == ((2, 16), 32, 0, 0.0) and len(rows) == 5
    assert total == pytest.approx(100 * 128 / 384)


def test_without_pandas(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="pip install pandas"):
        report_sparsity(Net())

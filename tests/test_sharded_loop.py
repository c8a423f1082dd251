"""Masks on weights that `fully_shard` has cut over two processes."""

from pathlib import Path

import torch
from fresh import run_ranks
from sharded_loop import CONFIGS, train
from tiny import offline_environment


def test_sharded_weights_get_the_same_masks(tmp_path):
    script = Path(__file__).parent / "sharded_loop.py"
    ends = run_ranks(script, tmp_path, env=offline_environment())
    assert [end.returncode for end in ends] == [0, 0], ends
    results = [torch.load(tmp_path / f"result-{rank}.pt") for rank in (0, 1)]
    for name in CONFIGS:
        weights, zeros = train(name, sharded=False)
        for found, ratio in (results[0][name], results[1][name]):
            assert ratio == zeros > 0.4
            for key, expected in weights.items():
                assert torch.equal(found[key] == 0, expected == 0), key
                # The mean of the gradients of two equal batches is that of one, up to rounding.
                torch.testing.assert_close(found[key], expected, rtol=1e-4, atol=1e-5)

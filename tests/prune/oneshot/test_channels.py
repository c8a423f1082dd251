from itertools import combinations

import pytest
import torch
from tiny import logits_of, tiny_inputs, tiny_model

from inc_hf.config import WeightPruningConfig
from inc_hf.prune.layout import to_matrix
from inc_hf.prune.oneshot import channels, prune_oneshot
from inc_hf.prune.oneshot.channels import column_scales, rearrange


def test_rearranged_masks_do_less_harm_together():
    gradients = torch.randn(5, 12)
    mask = torch.ones(12, dtype=torch.bool)
    mask[gradients.square().sum(0).argsort()[:4]] = False

    def harm(pruned):
        return float(gradients[:, list(pruned)].sum(1).square().sum())

    pruned = [int(i) for i in (~rearrange(mask, gradients)).nonzero()]
    best = min(harm(four) for four in combinations(range(12), 4))
    assert len(pruned) == 4 and harm(pruned) < harm([int(i) for i in (~mask).nonzero()])
    assert harm(pruned) < 5 * best  # greedy


def test_rearranging_none_or_all():
    for mask in (torch.ones(4, dtype=torch.bool), torch.zeros(4, dtype=torch.bool)):
        assert torch.equal(rearrange(mask, torch.randn(3, 4)), mask)


@pytest.mark.parametrize("width", [1, 2])
def test_scales_are_those_of_least_squares(width):
    """Against `lstsq` on the outputs of all tokens, with the damping as further rows."""
    weight = torch.randn(6, 8, dtype=torch.float64)
    inputs = torch.randn(30, 8, dtype=torch.float64) @ torch.randn(8, 8, dtype=torch.float64)
    units = torch.ones(8 // width, dtype=torch.bool)
    units[[1, 2]] = False
    of_units = (inputs[:, :, None] * weight.t()).unflatten(1, (-1, width)).sum(2)  # (tokens, units, rows)
    design = of_units[:, units].movedim(1, 2).flatten(0, 1) * 2**0.5  # the Hessian has twice the squares
    missing = of_units[:, ~units].sum(1).flatten() * 2**0.5
    damp = (0.01 * design.square().sum(0).mean()).sqrt() * torch.eye(design.shape[1], dtype=torch.float64)
    extra = torch.linalg.lstsq(torch.cat([design, damp]), torch.cat([missing, missing.new_zeros(len(damp))])).solution
    expected = torch.ones(8 // width, dtype=torch.float64)
    expected[units] += extra
    scales = column_scales(weight, 2 * inputs.t() @ inputs, units)
    torch.testing.assert_close(scales, expected.repeat_interleave(width), rtol=1e-8, atol=1e-8)


def test_nothing_pruned_nothing_scaled():
    assert torch.equal(column_scales(torch.randn(4, 4), torch.eye(4), torch.ones(4, dtype=torch.bool)), torch.ones(4))
    assert torch.equal(column_scales(torch.randn(4, 4), torch.eye(4), torch.zeros(4, dtype=torch.bool)), torch.ones(4))


@pytest.fixture
def prune(labelled):
    def call(model, pattern, sparsity=0.5, **settings):
        config = WeightPruningConfig(
            pruning_type="retrain_free", pattern=pattern, target_sparsity=sparsity, **settings
        )
        return prune_oneshot(model, config, labelled(model), progress=False)

    return call


@pytest.mark.parametrize("scope", ["global", "local"])
@pytest.mark.parametrize("pattern", ["channelx1", "1xchannel", "channelx4"])
@pytest.mark.parametrize("name", ["bert", "distilbert", "gpt2", "llama"])
def test_whole_channels_are_zero(prune, name, pattern, scope):
    model = tiny_model(name)
    prune(model, pattern, pruning_scope=scope, excluded_op_names=["pooler", "pre_classifier", "lm_head", "classifier"])
    zero = total = 0
    for name, module in model.named_modules():
        if type(module).__name__ in ("Linear", "Conv1D") and not name.endswith(
            ("pooler.dense", "classifier", "lm_head")
        ):
            matrix = to_matrix(module, module.weight)
            dead = (matrix == 0).all(1 if pattern == "1xchannel" else 0)
            assert int((matrix == 0).sum()) == int(dead.sum()) * matrix.numel() // len(dead)
            zero, total = zero + int(dead.sum()), total + len(dead)
            if scope == "local":
                assert int(dead.sum()) == len(dead) // 2
    assert zero == total // 2


def test_heads(prune):
    model = tiny_model("bert", num_hidden_layers=2, num_attention_heads=4)
    prune(model, "mha", 0.25)
    gone = 0
    for layer in model.bert.encoder.layer:
        attention = layer.attention
        rows = [getattr(attention.self, n).weight.unflatten(0, (4, 4)) for n in ("query", "key", "value")]
        columns = attention.output.dense.weight.t().unflatten(0, (4, 4))
        dead = [(w == 0).flatten(1).all(1) for w in (*rows, columns)]
        assert all(torch.equal(d, dead[0]) for d in dead)
        gone += int(dead[0].sum())
    assert gone == 2


def test_rescaling_brings_the_output_of_a_layer_nearer(prune, monkeypatch):
    name, outputs = "bert.encoder.layer.1.output.dense", []

    def outputs_of(model):
        with model.get_submodule(name).register_forward_hook(lambda _, args, output: outputs.append(output)):
            logits_of(model)
        return outputs.pop()

    dense = outputs_of(tiny_model("bert", num_hidden_layers=2))
    scaled = outputs_of(prune(tiny_model("bert", num_hidden_layers=2), "channelx1", op_names=[name]))
    monkeypatch.setattr(channels, "column_scales", lambda matrix, *_: torch.ones(matrix.shape[1]))
    masked = outputs_of(prune(tiny_model("bert", num_hidden_layers=2), "channelx1", op_names=[name]))
    assert (scaled - dense).norm() < (masked - dense).norm()


def test_limits_of_a_layer(prune):
    model = prune(tiny_model("bert"), "channelx1", 0.6, min_sparsity_ratio_per_op=0.5, max_sparsity_ratio_per_op=0.75)
    for layer in (model.bert.encoder.layer[0].intermediate.dense, model.bert.encoder.layer[0].output.dense):
        dead = float((layer.weight == 0).all(0).float().mean())
        assert 0.5 <= dead <= 0.75


def test_labels_are_asked_for():
    model = tiny_model("bert")
    config = WeightPruningConfig(pruning_type="retrain_free", pattern="channelx1", target_sparsity=0.5)
    with pytest.raises(ValueError, match="'retrain_free' needs the loss of each batch, so `labels`"):
        prune_oneshot(model, config, [tiny_inputs(model)], progress=False)

import copy

import pytest
import torch
from pruning import Net, gradients_of, matrices_of, pruners_of, run, zeros_of
from tiny import tiny_model
from torch import nn

from inc_hf.config import WeightPruningConfig
from inc_hf.prune import prepare
from inc_hf.prune.schedule import Schedule

LAYERS = {"conv": 64, "conv2d": 32, "first": 128, "second": 128}
TOTAL = sum(LAYERS.values())


def pruned_zeros(model):
    return sum(count for name, count in zeros_of(model).items() if name in LAYERS)


@pytest.mark.parametrize("decay", ["exp", "linear", "cos", "cube", "cubic"])
@pytest.mark.parametrize("pattern", ["1x1", "4x1", "1x4", "2:4"])
def test_the_weights_are_as_sparse_as_the_schedule_says(pattern, decay):
    model = Net()
    (pruner,) = pruners_of(
        model, pattern=pattern, start_step=2, end_step=14, pruning_frequency=4, sparsity_decay_type=decay,
        pruning_type="snip_momentum",
    )  # fmt: skip
    schedule = Schedule(2, 14, 4, decay, 0.5)
    now, block = 0.0, {"1x1": 1, "4x1": 4, "1x4": 4, "2:4": 2}[pattern]

    def after_step(step):
        nonlocal now
        now = schedule.sparsity(step) if schedule.is_update(step) else now
        assert pruned_zeros(model) == block * round(now * TOTAL / block)
        assert pruner.sparsity() == pytest.approx(pruned_zeros(model) / TOTAL)

    run(model, [pruner], range(20), after_step=after_step)
    assert pruned_zeros(model) == TOTAL / 2
    assert zeros_of(model)["head"] == 0


@pytest.mark.parametrize("scope", ["global", "local"])
def test_scopes(scope):
    model = Net()
    with torch.no_grad():
        model.first.weight.mul_(100)
    run(model, pruners_of(model, pattern="4x1", pruning_scope=scope), range(1))
    zeros = zeros_of(model)
    if scope == "local":
        assert zeros == {**{name: count // 2 for name, count in LAYERS.items()}, "head": 0}
    else:
        assert sum(zeros.values()) == TOTAL // 2 and zeros["first"] == 0


def test_limits_per_layer_and_redistribution():
    model = Net()
    with torch.no_grad():
        model.first.weight.mul_(100)
        model.second.weight.div_(100)
    run(model, pruners_of(model, max_sparsity_ratio_per_op=0.75, min_sparsity_ratio_per_op=0.25), range(1))
    zeros = zeros_of(model)
    assert (zeros["first"], zeros["second"]) == (32, 96)
    assert pruned_zeros(model) == TOTAL // 2


def test_limits_of_n_of_m_are_shares_of_weights():
    model = Net()
    with torch.no_grad():
        model.first.weight.mul_(100)
    settings = {"pattern": "2:4", "target_sparsity": 0.25, "max_sparsity_ratio_per_op": 0.375}
    run(model, pruners_of(model, **settings), range(1))
    zeros = zeros_of(model)
    assert pruned_zeros(model) == TOTAL // 4 and zeros["second"] <= 48


def test_n_of_m_at_its_largest_target_prunes_every_group():
    model = Net()
    run(model, pruners_of(model, pattern="2:4"), range(1))
    for name, matrix in matrices_of(model).items():
        if name in LAYERS:
            assert {int(g.sum()) for g in (matrix == 0).unflatten(1, (-1, 4)).flatten(0, 1)} == {2}


def test_channels():
    model = Net()
    run(model, pruners_of(model, pattern="1xchannel", op_names=["first"]), range(1))
    assert (model.first.weight == 0).all(1).sum() == 4
    run(model, pruners_of(model, pattern="channelx1", op_names=["second"]), range(1))
    assert (model.second.weight.T == 0).all(0).sum() == 4


def test_every_config_has_its_layers_and_inherits_the_rest():
    model = Net()
    first, second = pruners_of(
        model,
        pruning_configs=[
            {"op_names": ["first"], "pattern": "4x1"},
            {"op_names": ["conv"], "target_sparsity": 0.25, "pruning_scope": "local"},
        ],
        target_sparsity=0.75,
    )
    assert (first.config.target_sparsity, second.config.pattern) == (0.75, "1x1")
    run(model, [first, second], range(1))
    assert zeros_of(model) == {"conv": 16, "conv2d": 8, "first": 96, "second": 0, "head": 0}


def test_a_layer_of_two_configs():
    with pytest.raises(ValueError, match="`first` is in `pruning_configs` 0 and 1; exclude it from one"):
        pruners_of(Net(), pruning_configs=[{"op_names": ["first"]}, {}])


def test_frozen_layers():
    model = Net()
    model.second.weight.requires_grad_(False)
    with pytest.raises(ValueError, match="these layers are frozen: second; name them in `excluded_op_names`"):
        pruners_of(model, pruning_type="snip", end_step=5)
    pruners_of(model, pruning_type="magnitude")
    pruners_of(model, pruning_type="snip", end_step=5, excluded_op_names=["second"])


def test_group_lasso_needs_blocks():
    with pytest.raises(ValueError, match="`reg_type` 'group_lasso' needs blocks, and the pattern is '2:4'"):
        pruners_of(Net(), pattern="2:4", pruning_configs=[{"reg_type": "group_lasso"}])


def test_group_lasso_shrinks_between_the_first_and_the_last_step():
    model = Net()
    local = {"reg_type": "group_lasso", "parameters": {"reg_coeff": 0.01}}
    pruners = pruners_of(
        model, pruning_configs=[local], pattern="4x1", start_step=2, end_step=4, target_sparsity=0, pruning_type="snip"
    )
    norms = []
    run(model, pruners, range(7), lr=0.0, after_step=lambda step: norms.append(model.first.weight.norm().item()))
    falls = [a > b for a, b in zip(norms, norms[1:], strict=False)]
    assert falls == [False, True, True, True, False, False]


def sparse_net():
    model = Net()
    run(model, pruners_of(model, pattern="4x1", target_sparsity=0.25), range(1))
    return model


@pytest.mark.parametrize("pattern", ["4x1", "2:4"])
def test_pattern_lock_keeps_the_zeros_that_there_are(pattern):
    model = Net()
    run(model, pruners_of(model, pattern=pattern, target_sparsity=0.25), range(1))
    before = {name: matrix == 0 for name, matrix in matrices_of(model).items()}
    pruners = pruners_of(model, pruning_type="pattern_lock", pattern=pattern, start_step=3, end_step=3)
    run(model, pruners, range(3, 8))
    after = {name: matrix == 0 for name, matrix in matrices_of(model).items()}
    assert all(torch.equal(before[name], after[name]) for name in LAYERS)


def test_pattern_lock_of_heads():
    model = tiny_model("bert")
    attention = model.bert.encoder.layer[0].attention
    with torch.no_grad():
        for weight in (attention.self.query.weight, attention.self.key.weight, attention.self.value.weight):
            weight[8:] = 0
        attention.self.query.weight[:8] = 0  # the other three of this head are dense
        attention.output.dense.weight[:, 8:] = 0
    (pruner,) = pruners_of(model, pruning_type="pattern_lock", pattern="mha")
    assert pruner.update(0)
    (mask,) = pruner.masks.values()
    assert mask.tolist() == [True, False]


def test_locked_zeros_stay_and_the_schedule_begins_with_them():
    model = sparse_net()
    before = {name: matrix == 0 for name, matrix in matrices_of(model).items()}
    (pruner,) = pruners_of(
        model, pruning_configs=[{"lock_init_sparsity": True}], pattern="4x1", pruning_type="gradient", end_step=10,
        pruning_frequency=5, sparsity_decay_type="linear",
    )  # fmt: skip
    assert pruner.initial == 0.25
    history = []
    run(model, [pruner], range(12), after_step=lambda step: history.append(pruner.sparsity()))
    assert history == [0.25] * 5 + [0.375] * 5 + [0.5] * 2
    assert all((matrices_of(model)[name] == 0)[before[name]].all() for name in LAYERS)


def test_locked_zeros_stay_beyond_the_limit_of_a_layer():
    model = Net()
    with torch.no_grad():
        model.first.weight[:, :14] = 0
        model.first.weight[:, 14:] *= 100
    lock = [{"lock_init_sparsity": True}]
    (pruner,) = pruners_of(model, pruning_configs=lock, pattern="4x1", max_sparsity_ratio_per_op=0.6)
    run(model, [pruner], range(2))
    assert zeros_of(model)["first"] == 112 and pruned_zeros(model) > 112


def test_a_pruned_model_goes_on_from_where_it_is():
    model = sparse_net()
    settings = {"pattern": "4x1", "pruning_type": "snip_momentum", "end_step": 4, "pruning_frequency": 2}
    (pruner,) = pruners_of(model, pruning_configs=[{"resume_from_pruned_checkpoint": True}], **settings)
    zeros = []
    run(model, [pruner], range(6), after_step=lambda step: zeros.append(pruned_zeros(model) / TOTAL))
    assert zeros[:2] == [0.25, 0.25] and 0.25 < zeros[2] < 0.5 and zeros[4:] == [0.5, 0.5]


def test_a_target_that_is_reached_already_changes_nothing():
    model = sparse_net()
    (pruner,) = pruners_of(
        model, pruning_configs=[{"resume_from_pruned_checkpoint": True}], pattern="4x1", target_sparsity=0.1
    )
    run(model, [pruner], range(3))
    assert pruned_zeros(model) == TOTAL // 4


LARGEST = {"pruning_configs": [{"criterion_reduce_type": "max"}]}
SETTINGS = {
    "snip momentum": {"pruning_type": "snip_momentum", "pattern": "4x1"},
    "largest": {"pruning_type": "snip_momentum", "pattern": "4x1", **LARGEST},
    "n of m": {"pruning_type": "snip_momentum", "pattern": "2:4"},
    "progressive": {"pruning_type": "snip_momentum_progressive", "pattern": "4x1"},
    "progressive n of m": {"pruning_type": "gradient_progressive", "pattern": "2:4"},
    "block mask": {"pruning_type": "block_mask", "pattern": "4x1"},
    "magnitude": {"pruning_type": "magnitude", "pattern": "1x4"},
    "little memory": {"pruning_type": "snip_momentum", "pattern": "4x1", "low_memory_usage": True},
    "locked": {"pruning_type": "snip", "pattern": "4x1", "pruning_configs": [{"lock_init_sparsity": True}]},
}  # fmt: skip


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
@pytest.mark.parametrize("stop", [1, 6, 9, 11, 17, 25])
def test_stopped_and_resumed_to_the_same_bits(settings, stop, tmp_path):
    settings = {"start_step": 1, "end_step": 17, "pruning_frequency": 4, **settings}
    whole = sparse_net()
    parts = copy.deepcopy(whole)
    pruners = pruners_of(whole, **settings)
    run(whole, pruners, range(28))

    before = pruners_of(parts, **settings)
    run(parts, before, range(stop))
    torch.save([p.state_dict() for p in before], tmp_path / "state.pt")
    after = pruners_of(parts, **settings)
    for pruner, state in zip(after, torch.load(tmp_path / "state.pt", weights_only=True), strict=True):
        pruner.load_state_dict(state)
    run(parts, after, range(stop, 28))
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), parts.parameters(), strict=True))
    one, other = pruners[0].state_dict(), after[0].state_dict()
    for name in ("masks", "elements", "scores", "locked"):
        assert one[name].keys() == other[name].keys()
        assert all(torch.equal(one[name][key], other[name][key]) for key in one[name])


def test_a_state_of_other_layers():
    model = Net()
    (one,) = pruners_of(model, op_names=["first"])
    one.update(0)
    (other,) = pruners_of(model, op_names=["second"])
    with pytest.raises(ValueError, match="pruned in other layers, first, than this config asks for, second; resume"):
        other.load_state_dict(one.state_dict())


def bytes_of(state):
    if isinstance(state, torch.Tensor):
        return state.untyped_storage().nbytes()
    return sum(map(bytes_of, state.values())) if isinstance(state, dict) else 0


@pytest.mark.parametrize(
    ("settings", "most"),
    [
        ({"pattern": "4x1"}, 5 / 4),
        ({"pattern": "4x1", "low_memory_usage": True}, 3 / 4),
        ({"pattern": "1xchannel", "low_memory_usage": True}, 3 / 16),
        ({"pattern": "4x1", **LARGEST}, 4 + 1 / 4),
        ({"pattern": "1x1"}, 4 + 1),
        ({"pattern": "1x1", "low_memory_usage": True}, 2 + 1),
        ({"pattern": "2:4"}, 4 + 1 + 1 / 4),
        ({"pattern": "4x1", "pruning_type": "snip_momentum_progressive"}, 4 + 2 + 1 / 4),
        ({"pattern": "4x1", "pruning_type": "magnitude"}, 1 / 4),
    ],
    ids=["4x1", "low 4x1", "low channel", "max", "1x1", "low 1x1", "2:4", "progressive", "magnitude"],
)
def test_bytes_per_weight(settings, most):
    model = nn.Sequential(nn.Linear(16, 64, bias=False), nn.Linear(64, 16, bias=False))
    settings = {"pruning_type": "snip_momentum", "end_step": 50, "pruning_frequency": 10, **settings}
    (pruner,) = pruners_of(model, **settings)
    peak = 0
    for step in range(60):
        pruner.update(step)
        for parameter in model.parameters():
            parameter.grad = torch.rand_like(parameter)
        pruner.collect(step)
        pruner.apply()
        peak = max(peak, bytes_of(pruner.state_dict()))
    weights = 2 * 16 * 64
    assert peak <= most * weights
    assert bytes_of(pruner.state_dict()["scores"]) == 0  # once the masks stay


def test_the_same_update_twice_changes_nothing():
    model = Net()
    (pruner,) = pruners_of(model, pruning_type="snip", pattern="4x1", end_step=4, pruning_frequency=2)
    run(model, [pruner], range(2))
    pruner.update(2)
    before = matrices_of(model)
    pruner.update(2)
    assert all(torch.equal(before[name], after) for name, after in matrices_of(model).items())


def test_accumulated_gradients_are_those_of_one_batch():
    one, other = Net(), Net()
    other.load_state_dict(one.state_dict())
    x, y = torch.randn(8, 4, 6), torch.randint(0, 2, (8,))
    loss = nn.functional.cross_entropy
    loss(one(x), y).backward()
    for i in range(4):
        (loss(other(x[2 * i : 2 * i + 2]), y[2 * i : 2 * i + 2]) / 4).backward()
    masks = []
    for model in (one, other):
        (pruner,) = pruners_of(model, pruning_type="snip", pattern="4x1", end_step=1)
        pruner.collect(0)
        pruner.update(1)
        masks.append(pruner.masks)
    assert all(torch.equal(masks[0][name], masks[1][name]) for name in LAYERS)


def test_the_model_has_the_same_keys_and_hooks_as_before():
    model = tiny_model("bert")
    keys = list(model.state_dict())
    pruners = prepare(model, WeightPruningConfig(pruning_type="magnitude"), 10)
    pruners[0].update(0)
    assert list(model.state_dict()) == keys
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())
    gradients_of(Net(), 0)

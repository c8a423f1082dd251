import copy

import pytest
import torch
from pruning import Net
from tiny import tiny_inputs, tiny_model

from inc_hf.config import WeightPruningConfig
from inc_hf.prune.layout import to_matrix
from inc_hf.prune.oneshot import prune_oneshot


def config_of(pruning_type, pattern="1x1", sparsity=0.5, **settings):
    return WeightPruningConfig(pruning_type=pruning_type, pattern=pattern, target_sparsity=sparsity, **settings)


def matrices_of(model, head):
    """The matrices of all layers but the head."""
    return {
        name: to_matrix(module, module.weight.detach())
        for name, module in model.named_modules()
        if type(module).__name__ in ("Linear", "Conv1D", "Conv2d") and not name.endswith(head)
    }


PATTERNS = [
    ("1x1", 0.5),
    ("4x1", 0.5),
    ("4x1", 0.25),
    ("1x4", 0.5),
    ("2x2", 0.5),
    ("2:4", 0.5),
    ("2:4", 0.25),
    ("1:4", 0.25),
]
CASES = [("sparse_gpt", *c) for c in PATTERNS] + [("wanda", *c) for c in PATTERNS]
CASES += [("dsnot", *c) for c in PATTERNS if c[0] == "1x1" or ":" in c[0]]
MODELS = {"bert": "classifier", "distilbert": "classifier", "vit": "classifier", "gpt2": "lm_head", "llama": "lm_head"}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize(("pruning_type", "pattern", "sparsity"), CASES)
def test_exact_sparsity(name, pruning_type, pattern, sparsity):
    model = tiny_model(name)
    head = copy.deepcopy(model.get_submodule(MODELS[name]).weight)
    assert (
        prune_oneshot(model, config_of(pruning_type, pattern, sparsity), [tiny_inputs(model)], progress=False) is model
    )
    for layer, matrix in matrices_of(model, MODELS[name]).items():
        zero = matrix == 0
        assert zero.double().mean() == sparsity, layer
        if pattern == "4x1":
            assert torch.equal(zero.unflatten(0, (-1, 4)).all(1).repeat_interleave(4, 0), zero)
        if ":" in pattern:
            of = int(pattern[2:])
            zeros = zero.unflatten(1, (-1, of)).sum(2)
            assert set(zeros.unique().tolist()) <= {0, int(pattern[0])}
        if pruning_type != "sparse_gpt" and pattern in ("1x1", "4x1"):
            assert (zero.double().mean(1) == sparsity).all()
    assert torch.equal(model.get_submodule(MODELS[name]).weight, head)


@pytest.mark.parametrize("pruning_type", ["wanda", "dsnot"])
def test_what_stays_is_not_changed(pruning_type):
    model = tiny_model("gpt2")
    dense = copy.deepcopy(model)
    prune_oneshot(model, config_of(pruning_type), [tiny_inputs(model)], progress=False)
    for name, parameter in model.named_parameters():
        before = dense.get_parameter(name)
        assert torch.equal(parameter, torch.where(parameter == 0, 0, before))


@pytest.mark.parametrize("pattern", ["1x1", "4x1", "2:4", "channelx1", "mha"])
@pytest.mark.parametrize("scope", ["global", "local"])
def test_magnitude_needs_no_data(pattern, scope):
    model = tiny_model("bert")
    config = config_of("magnitude", pattern, pruning_scope=scope, start_step=5, end_step=90, pruning_frequency=3)
    prune_oneshot(model, config, None, progress=False)
    names = [n for n in matrices_of(model, "classifier") if pattern != "mha" or "attention" in n]
    matrices = [m for n, m in matrices_of(model, "classifier").items() if n in names]
    assert sum(int((m == 0).sum()) for m in matrices) / sum(m.numel() for m in matrices) == pytest.approx(
        0.5, abs=0.03
    )
    if scope == "local" and pattern in ("1x1", "2:4"):
        assert all((m == 0).double().mean() == 0.5 for m in matrices)


@pytest.mark.parametrize("pattern", ["1x1", "4x1", "1x4", "2:4"])
@pytest.mark.parametrize("pruning_type", ["sparse_gpt", "wanda", "dsnot", "magnitude"])
def test_zeros_that_are_locked(pruning_type, pattern):
    """What is zero before is zero after; without the lock, SparseGPT lets zeros make up for what it prunes."""
    if pruning_type == "dsnot" and pattern not in ("1x1", "2:4"):
        pattern = "1x1"
    lost = {}
    for lock in (True, False):
        model = tiny_model("bert")
        for weight in matrices_of(model, "classifier").values():
            weight[torch.rand(weight.shape, generator=torch.Generator().manual_seed(0)) < 0.7] = 0
        zeros = {name: weight == 0 for name, weight in matrices_of(model, "classifier").items()}
        settings = {"pruning_type": pruning_type, "pattern": pattern, "lock_init_sparsity": lock}
        prune_oneshot(model, WeightPruningConfig([settings], target_sparsity=0.5), [tiny_inputs(model)])
        after = matrices_of(model, "classifier")
        lost[lock] = sum(int((zeros[name] & (weight != 0)).sum()) for name, weight in after.items())
    assert lost[True] == 0
    assert (lost[False] > 0) == (pruning_type == "sparse_gpt")


def test_several_elements():
    model = tiny_model("bert")
    elements = [
        {"pruning_type": "sparse_gpt", "pattern": "4x1", "op_names": ["query", "key"]},
        {"pruning_type": "wanda", "pattern": "2:4", "op_names": ["value", "pooler"]},
        {"pruning_type": "magnitude", "op_names": ["intermediate"], "target_sparsity": 0.75},
        {"pruning_type": "retrain_free", "pattern": "channelx1", "op_names": [r"layer\.\d+\.output.dense"]},
    ]
    config = WeightPruningConfig(elements, pattern="1x1", target_sparsity=0.5)
    prune_oneshot(model, config, [{**tiny_inputs(model), "labels": torch.tensor([0, 1, 0])}], progress=False)
    shares = {name: float((m == 0).double().mean()) for name, m in matrices_of(model, "classifier").items()}
    assert list(shares.values()) == [0.5, 0.5, 0.5, 0.0, 0.75, 0.5, 0.5]


def test_the_same_inputs_give_the_same_weights():
    for pruning_type in ("sparse_gpt", "wanda", "dsnot"):
        models = [tiny_model("llama") for _ in range(2)]
        for model in models:
            prune_oneshot(model, config_of(pruning_type), [tiny_inputs(model)] * 2, progress=False)
            torch.rand(3)
        assert all(torch.equal(p, models[1].get_parameter(n)) for n, p in models[0].named_parameters())


def test_limits_of_a_layer():
    model = tiny_model("llama")
    prune_oneshot(
        model, config_of("wanda", sparsity=0.9, max_sparsity_ratio_per_op=0.25), [tiny_inputs(model)], progress=False
    )
    assert all((m == 0).double().mean() == 0.25 for m in matrices_of(model, "lm_head").values())


@pytest.mark.parametrize(
    ("pruning_type", "patterns", "allowed"),
    [
        ("sparse_gpt", ("channelx1", "1xchannel", "mha"), "NxM or N:M"),
        ("wanda", ("channelx1", "1xchannel", "mha"), "NxM or N:M"),
        ("dsnot", ("4x1", "1x4", "channelx1", "mha"), "1x1 or N:M"),
        ("retrain_free", ("4x1", "1x1", "2:4"), "channelxK, Kxchannel or mha"),
    ],
)
def test_patterns_that_are_not_possible(pruning_type, patterns, allowed):
    for pattern in patterns:
        with pytest.raises(
            ValueError, match=f"{pruning_type!r} takes the patterns {allowed}, got {pattern!r}; choose"
        ):
            prune_oneshot(tiny_model("bert"), config_of(pruning_type, pattern), [])


def test_types_for_training():
    with pytest.raises(
        ValueError, match="'snip_momentum' needs training, .* `PruningCallback`; .* 'sparse_gpt', 'wanda'"
    ):
        prune_oneshot(tiny_model("bert"), WeightPruningConfig(), [])


@pytest.mark.parametrize("pruning_type", ["sparse_gpt", "wanda", "dsnot", "retrain_free"])
def test_no_data(pruning_type):
    config = config_of(pruning_type, "channelx1" if pruning_type == "retrain_free" else "1x1")
    with pytest.raises(ValueError, match=f"{pruning_type!r} needs data: pass `batches`, inputs of the model"):
        prune_oneshot(tiny_model("bert"), config, None)
    with pytest.raises(ValueError, match=f"`batches` is empty, and the pruning type {pruning_type!r} needs data"):
        prune_oneshot(tiny_model("bert"), config, iter([]))


def test_a_layer_in_two_elements():
    config = WeightPruningConfig([{}, {"op_names": ["query"]}], pruning_type="wanda", target_sparsity=0.5)
    with pytest.raises(ValueError, match=r"layer\.0\.attention\.self\.query` is in `pruning_configs` 0 and 1"):
        prune_oneshot(tiny_model("bert"), config, [])


def test_layers_that_cannot_be_pruned_from_their_inputs():
    net = Net()
    with pytest.raises(ValueError, match="`conv` is a Conv1d that cannot be pruned from its inputs"):
        prune_oneshot(net, config_of("wanda"), [torch.randn(6, 4, 6)])
    prune_oneshot(net, config_of("wanda", excluded_op_names=["^conv$"]), [torch.randn(6, 4, 6)], progress=False)
    assert all((m == 0).double().mean() == 0.5 for m in (net.conv2d.weight, net.first.weight, net.second.weight))


@pytest.mark.parametrize("pruning_type", ["sparse_gpt", "wanda"])
def test_values_that_are_not_finite(pruning_type):
    model = tiny_model("bert", num_hidden_layers=2)
    with torch.no_grad():
        model.bert.encoder.layer[0].output.LayerNorm.weight[3] = torch.nan
    with pytest.raises(ValueError, match=r"The inputs of `bert\.encoder\.layer\.1\.\S+` give .* NaN or infinite"):
        prune_oneshot(model, config_of(pruning_type), [tiny_inputs(model)], progress=False)
    model = tiny_model("bert")
    with torch.no_grad():
        model.bert.encoder.layer[0].intermediate.dense.weight[0, 0] = torch.inf
    with pytest.raises(ValueError, match=r"The weight of `bert\.encoder\.layer\.0\.intermediate\.dense` has NaN"):
        prune_oneshot(model, config_of(pruning_type), [tiny_inputs(model)], progress=False)


def test_a_float64_model():
    model, single = tiny_model("gpt2").double(), tiny_model("gpt2")
    for each in (model, single):
        prune_oneshot(each, config_of("sparse_gpt", "4x1"), [tiny_inputs(model)], progress=False)
    weight = model.transformer.h[0].mlp.c_fc.weight
    assert weight.dtype == torch.float64
    torch.testing.assert_close(weight.float(), single.transformer.h[0].mlp.c_fc.weight, rtol=1e-3, atol=1e-4)


def test_progress(capsys):
    model = tiny_model("gpt2", n_layer=2)
    prune_oneshot(model, config_of("wanda"), [tiny_inputs(model)])
    assert "Pruning" in capsys.readouterr().err

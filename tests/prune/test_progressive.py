import pytest
import torch
from pruning import Net, matrices_of, pruners_of, run

from inc_hf.prune.progressive import advance, share_due
from inc_hf.prune.schedule import Schedule

LAYERS = ["conv", "conv2d", "first", "second"]


@pytest.mark.parametrize(
    ("frequency", "due"),
    [
        (8, {0: 1 / 4, 2: 1 / 3, 4: 1 / 2, 6: 1}),
        (10, {0: 1 / 4, 2: 1 / 3, 4: 1 / 2, 6: 1}),
        (4, {0: 1 / 4, 1: 1 / 3, 2: 1 / 2, 3: 1}),
        (3, {0: 1 / 3, 1: 1 / 2, 2: 1}),
        (2, {0: 1 / 2, 1: 1}),
    ],
)
def test_stages(frequency, due):
    schedule = Schedule(5, 5 + 3 * frequency, frequency, "exp", 0.5)
    for update in (1, 2, 3):
        begin = 5 + update * frequency
        assert {i: s for i in range(frequency) if (s := share_due(schedule, begin + i)) is not None} == due
    assert share_due(schedule, 5 + 4 * frequency) is None  # after the last one there is no next


def test_of_what_is_pending_the_lowest_go_first():
    now = {"a": torch.tensor([True, True, False]), "b": torch.tensor([True, True, True])}
    goal = {"a": torch.tensor([False, True, True]), "b": torch.tensor([False, False, False])}
    scores = {"a": torch.tensor([4.0, 0, 0]), "b": torch.tensor([3.0, 1, 2])}
    half = advance(now, goal, scores, 0.5)
    assert {n: m.tolist() for n, m in half.items()} == {"a": [True, True, True], "b": [True, False, False]}
    assert all(torch.equal(m, goal[n]) for n, m in advance(now, goal, scores, 1.0).items())


@pytest.mark.parametrize("pattern", ["4x1", "1x4", "2:4"])
@pytest.mark.parametrize("kind", ["magnitude", "snip_momentum"])
def test_a_quarter_of_an_update_at_a_time(kind, pattern):
    """Zeros grow by a quarter of each update's, and are the goal's at the end of it."""
    model = Net()
    (pruner,) = pruners_of(
        model, 60, pruning_type=f"{kind}_progressive", pattern=pattern, end_step=24, pruning_frequency=8,
        sparsity_decay_type="linear", target_sparsity=0.375,
    )  # fmt: skip
    assert pruner.progressive and pruner.last_change == 24 + 6
    history, masks = [], []

    def after_step(step):
        weights = matrices_of(model)
        history.append(sum(int((weights[name] == 0).sum()) for name in LAYERS))
        masks.append({name: mask.clone() for name, mask in pruner.masks.items()})

    run(model, [pruner], range(40), after_step=after_step)
    total = sum(matrices_of(model)[name].numel() for name in LAYERS)
    full = [0, *(history[8 * update + 7] for update in (1, 2, 3))]
    assert full == pytest.approx([0, total / 8, total / 4, total * 3 / 8], abs=2)
    for update in (1, 2, 3):
        for step in range(8):
            stage = min(step // 2 + 1, 4)
            # What a new mask brings back cannot be counted from here; with magnitudes of zeros there is none.
            if kind == "magnitude":
                before, after = full[update - 1], full[update]
                assert history[8 * update + step] == pytest.approx(before + (after - before) * stage / 4, abs=3)
    weights = matrices_of(model)
    for part in pruner.parts():
        units = part.pattern.nonzero_units(weights[part.name])
        assert torch.equal(units, masks[-1][part.name])
    assert not pruner.goal and (pruner.elements != {}) == (pattern == "2:4") and not pruner.scores.kept


def test_the_end_of_the_run_ends_an_update_before_its_time():
    model = Net()
    (pruner,) = pruners_of(
        model, 20, pruning_type="magnitude_progressive", pattern="4x1", end_step=-1, start_step=3, pruning_frequency=8
    )
    assert (pruner.schedule.last_step, pruner.last_change) == (19, 19)
    run(model, [pruner], range(20))
    for part in pruner.parts():
        assert torch.equal(part.pattern.nonzero_units(matrices_of(model)[part.name]), pruner.masks[part.name])


@pytest.mark.parametrize("settings", [{"end_step": 4, "pruning_frequency": 2}, {"end_step": 20}])
def test_without_the_time_for_it_the_type_is_the_plain_one(settings):
    one, other = Net(), Net()
    other.load_state_dict(one.state_dict())
    for model, kind in ((one, "snip_progressive"), (other, "snip")):
        run(model, pruners_of(model, 60, pruning_type=kind, pattern="4x1", **settings), range(30))
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))

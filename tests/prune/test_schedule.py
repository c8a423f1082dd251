import math

import pytest

from inc_hf.config import WeightPruningConfig
from inc_hf.prune.schedule import Schedule, resolve_step, schedule_of, steps_needed


def schedule(total=100, **settings):
    settings = {"pruning_type": "magnitude", "pattern": "1x1", **settings}
    return schedule_of(WeightPruningConfig(**settings).merged_configs()[0], total)


def as_inc_does(start, end, frequency, kind, target, steps, initial=0.0):
    """Sparsity after each step, in the way of INC's scheduler: a count of updates that goes up with every one."""
    count, now, history = 0, initial, []
    updates = (end - start + frequency) // frequency - 1
    one_shot = updates == 0
    for step in range(steps):
        if start <= step <= end and (step - start) % frequency == 0:
            t = 1.0 if one_shot else count / updates
            if one_shot or count > 0:
                now = {
                    "exp": lambda t: 1 - (1 - initial) * ((1 - target) / (1 - initial)) ** t,
                    "linear": lambda t: initial + (target - initial) * t,
                    "cos": lambda t: initial + (target - initial) * (1 - math.cos(math.pi * t / 2)),
                    "cube": lambda t: initial + (target - initial) * t * t * t,
                    "cubic": lambda t: target + (initial - target) * (1 - t) ** 3,
                }[kind](t)
            count += 1
        history.append(now)
    return history


@pytest.mark.parametrize("kind", ["exp", "linear", "cos", "cube", "cubic"])
@pytest.mark.parametrize("initial", [0.0, 0.3])
@pytest.mark.parametrize(
    ("start", "end", "frequency"),
    [(0, 10, 1), (3, 17, 5), (4, 4, 1), (2, 9, 20), (5, 30, 7)],
    ids=["every step", "ends between", "one shot", "rarer than the span", "ragged"],
)
def test_every_step_is_as_in_inc(kind, initial, start, end, frequency):
    expected = as_inc_does(start, end, frequency, kind, 0.8, 40, initial)
    s = Schedule(start, end, frequency, kind, 0.8)
    now, history = initial, []
    for step in range(40):
        if s.is_update(step):
            now = s.sparsity(step, initial)
        history.append(now)
    assert history == pytest.approx(expected, abs=1e-12)
    assert history[s.last_step] == pytest.approx(0.8)


@pytest.mark.parametrize(
    ("kind", "halfway"),
    [("exp", 1 - 0.2**0.5), ("linear", 0.4), ("cos", 0.8 * (1 - 0.5**0.5)), ("cube", 0.1), ("cubic", 0.7)],
)
def test_halfway_by_hand(kind, halfway):
    assert Schedule(0, 10, 5, kind, 0.8).sparsity(5) == pytest.approx(halfway)


def test_the_update_at_the_start_counts_if_asked_for():
    s = Schedule(4, 12, 4, "linear_from_start", 0.6)
    assert [step for step in range(20) if s.is_update(step)] == [4, 8, 12]
    assert [s.sparsity(step) for step in (4, 8, 12)] == pytest.approx([0.2, 0.4, 0.6])
    assert Schedule(4, 4, 4, "linear_from_start", 0.6).sparsity(4) == 0.6
    assert schedule(pruning_type="snip", end_step=8, sparsity_decay_type="linear_from_start").first_step == 0


def test_what_is_sparser_than_the_target_stays_so():
    s = Schedule(0, 10, 5, "exp", 0.5)
    assert [s.sparsity(step, 0.7) for step in (5, 10)] == [0.7, 0.7]
    assert s.sparsity(5, 1.0) == 1.0


def test_the_limit_of_a_layer_limits_the_target():
    assert schedule(target_sparsity=0.9, max_sparsity_ratio_per_op=0.6, end_step=10).target == 0.6


@pytest.mark.parametrize(("step", "resolved"), [(0, 0), (7, 7), (0.25, 50), (0.999, 200), (-1, 199)])
def test_steps_and_shares_of_the_run(step, resolved):
    assert resolve_step(step, 200) == resolved


def test_shares_of_the_run():
    s = schedule(200, start_step=0.1, end_step=0.6, pruning_frequency=10)
    assert (s.start, s.end, s.first_step, s.last_step) == (20, 120, 30, 120)


def test_the_end_of_the_run_is_the_last_step():
    assert schedule(100, end_step=-1).last_step == 99


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"end_step": 101}, "up to step 101, but training has 100 optimizer steps"),
        ({"end_step": 100}, "up to step 100, .* -1 for the last step"),
        ({"end_step": 105, "pruning_frequency": 30}, "up to step 105"),
        ({"start_step": 100, "end_step": 100}, "up to step 100"),
        ({"start_step": 50, "end_step": 0.25}, "`end_step` must not be before .* are the steps 25 and 50 of 100"),
        (
            {"pruning_type": "snip", "end_step": 0},
            "needs gradients, but the first update is at step 0; set `end_step`",
        ),
        (
            {"pruning_type": "snip", "end_step": 9, "pruning_frequency": 10},
            "at step 0, since `pruning_frequency` 10 is longer than the steps up to `end_step` 9; choose a smaller",
        ),
        ({"pruning_type": "wanda", "end_step": 9}, "'wanda' is not for training; choose one of magnitude, gradient"),
    ],
)
def test_what_does_not_fit_the_run(settings, message):
    with pytest.raises(ValueError, match=message):
        schedule(**settings)


def test_a_gradient_is_there_when_the_first_update_comes_later():
    assert schedule(pruning_type="snip", end_step=10, pruning_frequency=5).first_step == 5
    assert schedule(pruning_type="snip", start_step=1, end_step=1).first_step == 1


@pytest.mark.parametrize("total", [2, 3, 10, 100, 1_000, 60_000])
@pytest.mark.parametrize("kind", ["snip_momentum", "magnitude"])
def test_the_defaults_prune_over_any_run(total, kind):
    s = schedule_of(WeightPruningConfig(pruning_type=kind).merged_configs()[0], total, warmup=total // 10)
    assert s.start == total // 10 and s.first_step > s.start
    assert s.sparsity(s.last_step) == pytest.approx(0.9)
    assert s.last_step <= total - 1 and s.end == pytest.approx(0.64 * total, abs=1)
    assert total < 200 or 60 <= s.last <= 130


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"end_step": 50}, (0, 50, 1)),
        ({"end_step": 0}, (0, 0, 1)),
        ({"end_step": -1}, (0, 999, 1)),
        ({"end_step": 0.5}, (0, 500, 7)),
        ({"start_step": 500}, (500, 800, 4)),
        ({"start_step": 0}, (0, 600, 9)),
        ({"pruning_frequency": 25}, (100, 640, 25)),
        ({"pruning_type": "pattern_lock"}, (100, 100, 1)),
    ],
    ids=str,
)
def test_what_is_given_is_obeyed(given, expected):
    config = WeightPruningConfig(**{"pruning_type": "magnitude", **given})
    s = schedule_of(config.merged_configs()[0], 1000, warmup=100)
    assert (s.start, s.end, s.frequency) == expected


def test_a_warm_up_over_the_whole_run_leaves_time_to_prune():
    s = schedule_of(WeightPruningConfig().merged_configs()[0], 100, warmup=100)
    assert (s.start, s.end) == (50, 80)


def test_more_zeros_need_more_steps():
    assert [steps_needed(s) for s in (0.0, 0.5, 0.75)] == [0, 600, 1200]

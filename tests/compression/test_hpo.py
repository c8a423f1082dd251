"""INC's search for hyperparameters."""

import sys

import numpy as np
import pytest

from inc_hf.compression.hpo import (
    BayesianOptimizationSearcher,
    ContinuousSearchSpace,
    DiscreteSearchSpace,
    GridSearcher,
    RandomSearcher,
    SearchSpace,
    SimulatedAnnealingOptimizer,
    prepare_hpo,
)
from inc_hf.config import HPOConfig
from inc_hf.errors import UsageError

SPACE = {
    "rate": SearchSpace((0.0, 1.0)),
    "decay": SearchSpace(bound=(-1.0, 0.0), type="continuous"),
    "epochs": SearchSpace(bound=(0, 20), interval=1),
    "kind": ["a", "b", "c"],
}


def metric_of(param):
    """At most 0, at 0.3, -0.2, 7 and "b"."""
    far = (param["rate"] - 0.3) ** 2 + (param["decay"] + 0.2) ** 2 + (param["epochs"] - 7) ** 2 / 100
    return -far - 0.2 * (param["kind"] != "b")


def best_of(searcher, sign=1, trials=15):
    for _ in range(trials):
        searcher.get_feedback(sign * metric_of(searcher.suggest()))
    return searcher.best


class TestSpaces:
    def test_kinds(self):
        assert SPACE["epochs"].get_all() == list(range(20)) and SPACE["epochs"].type == "discrete"
        assert isinstance(SearchSpace(value=[4, "x"]), DiscreteSearchSpace)
        assert isinstance(SPACE["rate"], ContinuousSearchSpace)
        tenths = DiscreteSearchSpace(bound=[0.01, 0.1])
        assert tenths.interval == 0.01 and tenths.total_num == 9 and tenths.get_value(2) == 0.03
        assert tenths.get_value() in tenths.get_all() == tenths.get_value(-1)
        assert [tenths.index(value) for value in tenths.get_all()] == list(range(9))
        assert all(-1 <= SPACE["decay"].get_value() < 0 for _ in range(20))

    @pytest.mark.parametrize(
        "settings, message",
        [
            ({}, "`bound` must be"),
            ({"bound": (1, 1)}, "low < high"),
            ({"bound": (1, 2, 3)}, "`bound` must be"),
            ({"bound": "12"}, "`bound` must be"),
            ({"bound": (0, 1), "interval": 2}, "`interval=2` is longer than the space"),
            ({"value": []}, "`value` must be a list"),
            ({"bound": (0, 1), "type": "continuos"}, "did you mean 'continuous'"),
            ({"bound": (0, 1), "interval": 1, "type": "continuous"}, "neither `interval` nor `value`"),
        ],
    )
    def test_wrong_settings(self, settings, message):
        with pytest.raises(UsageError, match=message):
            SearchSpace(**settings)


class TestSearchers:
    def test_grid(self, caplog):
        searcher = prepare_hpo(HPOConfig({"b": [1, 2], "a": SearchSpace(bound=(0, 2), interval=1)}, "grid"))
        first = [searcher.suggest() for _ in range(4)]
        assert first == [{"a": 0, "b": 1}, {"a": 0, "b": 2}, {"a": 1, "b": 1}, {"a": 1, "b": 2}]
        assert not caplog.text and searcher.suggest() == first[0] and "it starts anew" in caplog.text
        with pytest.raises(UsageError, match="A grid has no continuous space, as 'rate' is"):
            GridSearcher({"rate": SPACE["rate"]})

    @pytest.mark.parametrize("kind", [RandomSearcher, BayesianOptimizationSearcher])
    def test_seeds_and_directions(self, kind):
        up = best_of(kind(SPACE, seed=3), trials=7)
        down = best_of(kind(SPACE, higher_is_better=False, seed=3), sign=-1, trials=7)
        assert up[0] == down[0] and up[1] == -down[1] == metric_of(up[0])
        assert best_of(kind(SPACE, seed=4), trials=3)[0] != best_of(kind(SPACE, seed=3), trials=3)[0]

    def test_a_model_of_the_metric_is_better_than_chance(self):
        scores = {kind: best_of(prepare_hpo(HPOConfig(SPACE, kind, seed=0)))[1] for kind in ("random", "bo")}
        assert scores["bo"] > scores["random"] / 2 > scores["random"]

    def test_feedback(self):
        searcher = prepare_hpo(HPOConfig(SPACE, "bo"))
        with pytest.raises(UsageError, match=r"Call `suggest\(\)` first"):
            searcher.get_feedback(1.0)
        param = searcher.suggest()
        searcher.feedback(param, np.float32(0.5))
        searcher.get_feedback(0.25)
        assert searcher.best == (param, 0.5)
        with pytest.raises(UsageError, match="`param` has no 'epochs'"):
            searcher.feedback({"rate": 0.5, "decay": -0.5}, 1.0)

    def test_without_their_packages(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "xgboost", None)
        monkeypatch.setitem(sys.modules, "sklearn.ensemble", None)
        with pytest.raises(
            ImportError, match=r'"xgb" needs xgboost or scikit-learn: pip install "inc-hf\[evaluate\]"'
        ):
            prepare_hpo(HPOConfig(SPACE))
        monkeypatch.delitem(sys.modules, "inc_hf.compression.hpo.bayesian", raising=False)
        monkeypatch.setitem(sys.modules, "optuna", None)
        with pytest.raises(ImportError, match=r'"bo" needs Optuna: pip install "inc-hf\[tune\]", or take "random"'):
            prepare_hpo(HPOConfig(SPACE, "bo"))

    @pytest.mark.parametrize("package", ["xgboost", "sklearn"])
    @pytest.mark.parametrize("loss_type", ["reg", "rank"])
    def test_xgb(self, loss_type, package, monkeypatch):
        pytest.importorskip(package)
        if package == "sklearn":
            monkeypatch.setitem(sys.modules, "xgboost", None)
        searcher = prepare_hpo(HPOConfig(SPACE, loss_type=loss_type, min_train_samples=5, seed=2))
        assert best_of(searcher)[1] > best_of(prepare_hpo(HPOConfig(SPACE, "random", seed=2)))[1]

    def test_wrong_configs(self):
        for values, message in (
            (({},), "`search_space` must be a dict"),
            ((SPACE, "tpe"), "`searcher` must be one of grid, random, bo, xgb"),
            ((SPACE, "xgb", True, "mse"), "`loss_type` must be one of reg, rank"),
            ((SPACE, "xgb", True, "reg", 0), "`min_train_samples`"),
        ):
            with pytest.raises(UsageError, match=message):
                HPOConfig(*values)
        with pytest.raises(TypeError, match=r"search_space\['rate'\]` must be a SearchSpace"):
            prepare_hpo(HPOConfig({"rate": 0.1}, "random"))
        with pytest.raises(TypeError, match="`config` must be a HPOConfig"):
            prepare_hpo({"searcher": "grid"})


@pytest.mark.parametrize("settings", [{"T0": 100, "Tf": 0, "alpha": 0.9}, {"T0": 1, "Tf": 0.01, "alpha": None}])
@pytest.mark.parametrize("higher", [True, False])
def test_annealing(settings, higher):
    points = np.random.default_rng(0).standard_normal((5, 6))
    sign = 1 if higher else -1

    def score(x):
        return -sign * (x**2).sum(1)

    best = SimulatedAnnealingOptimizer(**settings, higher_is_better=higher, seed=0).gen_next_params(score, points)
    assert best.shape == (6,) and sign * score(best[None])[0] >= (sign * score(points)).max()

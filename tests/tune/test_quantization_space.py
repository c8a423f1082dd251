"""The candidates of post-training quantization."""

import pytest
import torch
from fitting import ErrorAgainstFloat, config, images, net
from torch import nn

from inc_hf import AccuracyCriterion, PostTrainingQuantConfig
from inc_hf.quantization import fit
from inc_hf.quantize.observer import OBSERVERS, MinMaxObserver
from inc_hf.tune.calibration import Calibration
from inc_hf.tune.quantization_space import QuantizationSpace

pytest_plugins = ["workspace_fixture"]
pytestmark = pytest.mark.usefixtures("workspace")


TRIED = [f"observer {name}" for name, observer in OBSERVERS.items() if observer.tried_by_tuning]


class TestCandidates:
    def labels(self, **settings) -> list[str]:
        model = net()
        goal = AccuracyCriterion(higher_is_better=False, criterion="absolute", tolerable_loss=0)
        settings = {"approach": "static", "calibration_sampling_size": 6, **settings}
        result = fit(
            model,
            config(goal=goal, **settings),
            calib_dataloader=[images(4), images(2)],
            eval_func=ErrorAgainstFloat(model, images()),
        )
        return [trial.label for trial in result.trials if "in float" not in trial.label]

    def test_default_then_observers(self):
        assert {"observer mse", "observer percentile"} <= set(TRIED)
        assert self.labels() == ["static, 6 samples", *(f"static, {tried}" for tried in TRIED)]

    def test_auto_ends_with_dynamic(self):
        assert self.labels(approach="auto") == [
            "default, 6 samples",
            *(f"default, {tried}" for tried in TRIED),
            "dynamic",
        ]

    @pytest.mark.parametrize("approach", ["dynamic", "weight_only"])
    def test_nothing_to_calibrate(self, approach):
        assert self.labels(approach=approach) == [approach]

    def test_sampling_sizes(self):
        labels = self.labels(calibration_sampling_size=[2, 4, 6])
        assert labels[:3] == ["static, 2 samples", "static, 4 samples", "static, 6 samples"]
        assert len(labels) == 3 + len(TRIED)

    def test_sampling_sizes_beyond_the_data_are_one(self):
        assert self.labels(calibration_sampling_size=[4, 50, 100])[:3] == [
            "static, 4 samples",
            "static, 6 samples",
            f"static, {TRIED[0]}",
        ]

    def observer(self, *names: str) -> dict:
        return {"activation": {"algorithm": list(names)}}

    def test_observers_of_the_user(self):
        labels = self.labels(op_type_dict={".*": self.observer("kl", "moving_average")})
        assert labels == ["static, 6 samples", "static, observer moving_average"]

    @pytest.mark.parametrize("key", ["op_type_dict", "op_name_dict"])
    def test_one_observer_for_each_is_no_variant(self, key):
        names = ("Linear", "Conv2d") if key == "op_type_dict" else ("h.*", "conv")
        settings = {names[0]: self.observer("kl"), names[1]: self.observer("mse")}
        assert self.labels(**{key: settings}) == ["static, 6 samples"]

    def test_the_same_is_not_tried_twice(self):
        assert self.labels(op_type_dict={".*": {"activation": {"dtype": "None"}}}) == ["static"]
        assert self.labels(op_type_dict={".*": self.observer("kl", "kl")}) == ["static, 6 samples"]

    @pytest.mark.parametrize("alphas", [[0.3, 0.7], [0.0, 0.5]], ids=str)
    def test_smoothing(self, alphas):
        recipes = {"smooth_quant": True, "smooth_quant_args": {"alpha": alphas}}
        labels = self.labels(approach="dynamic", recipes=recipes)
        assert labels == ["dynamic, 6 samples", f"dynamic, smoothing {alphas[1]}"]


def test_each_size_of_calibration_counts_its_samples(monkeypatch):
    seen = []
    ranges = MinMaxObserver.update

    def update(self, x, low, high):
        seen.append(len(x))
        ranges(self, x, low, high)

    monkeypatch.setattr(MinMaxObserver, "update", update)
    model = nn.Sequential(nn.Linear(4, 3))
    conf = PostTrainingQuantConfig(calibration_sampling_size=[3, 7, 12])
    batches = list(torch.randn(12, 4).split(5))
    space = QuantizationSpace(model, conf, Calibration(batches), batches)
    counts = {}
    for candidate in space.candidates()[:3]:
        seen.clear()
        space.build(candidate)
        counts[candidate.calibration_samples] = sum(seen)
    assert counts == {3: 3, 7: 7, 12: 12}

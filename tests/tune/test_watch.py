"""Evaluations that end before their data does: the decision is certain, or the time is over."""

import json
import math
import time
from dataclasses import replace

import pytest
import torch
from fitting import Net, config, images, net
from tiny import tiny_model
from torch.utils.data import DataLoader, TensorDataset

from inc_hf import AccuracyCriterion, PostTrainingQuantConfig, TuningCriterion
from inc_hf.config import set_resume_from, set_workspace
from inc_hf.quantization import fit
from inc_hf.quantize.nn import quantized_modules
from inc_hf.quantizer import IncQuantizer

pytest_plugins = ["workspace_fixture"]
pytestmark = pytest.mark.usefixtures("workspace")

SAMPLES, BATCH = 96, 4
X = torch.randn(SAMPLES, 3, 8, 8, generator=torch.Generator().manual_seed(5))


class Wrong(Net):
    """Gives class 0, as the float model; in integers, where a bias says so, class 1 to every image."""

    def __init__(self):
        super().__init__()
        self.destroyed = "hidden"

    def forward(self, x):
        logits = super().forward(x) * 0
        logits[:, 0] = 1
        if self.destroyed in quantized_modules(self):
            logits[:, 1] = 2
        return logits


def model() -> Wrong:
    torch.manual_seed(1)
    return Wrong().eval()


def loader(right: int = SAMPLES, **settings) -> DataLoader:
    """Labels of which the float model has the first `right` right."""
    labels = (torch.arange(SAMPLES) >= right).long() * 2
    return DataLoader(TensorDataset(X, labels), batch_size=BATCH, **settings)


def searched(data=None, loss: float = 0.1, **tuning):
    conf = PostTrainingQuantConfig(
        approach="dynamic",
        accuracy_criterion=AccuracyCriterion(criterion="absolute", tolerable_loss=loss),
        tuning_criterion=TuningCriterion("basic", **tuning),
    )
    return fit(model(), conf, eval_dataloader=data or loader(), eval_metric="accuracy")


class TestEarly:
    def test_a_miss_ends_when_it_is_certain(self, workspace):
        result = searched()
        missed, met = result.trials[0], result.trials[-1]
        assert not missed.meets_goal and missed.samples == 12 and missed.total == SAMPLES, "10 wrong ones are too many"
        assert missed.score == 0.0 and (missed.low, missed.high) == (0, 1 - 12 / SAMPLES)
        assert met.meets_goal and met.samples == met.total == SAMPLES and met.low is None and met.score == 1.0
        stored = json.loads((workspace / "history.json").read_text())["trials"]
        assert [trial["samples"] for trial in stored] == [trial.samples for trial in result.trials]

    def test_without_it_the_search_is_the_same(self, tmp_path):
        early = searched()
        set_workspace(tmp_path / "whole")
        whole = searched(early_stop=None)
        assert {trial.samples for trial in whole.trials} == {SAMPLES}
        assert [t.label for t in whole.trials] == [t.label for t in early.trials]
        assert [t.meets_goal for t in whole.trials] == [t.meets_goal for t in early.trials]
        assert whole.q_config == early.q_config and whole.score == early.score

    def test_a_resumed_search_takes_up_what_is_certain_for_its_goal(self, workspace):
        """With a goal that 12 of 96 say nothing about, it is evaluated again."""
        first = searched(max_trials=1)
        set_resume_from(workspace)
        assert searched(max_trials=1).trials == first.trials
        stricter = searched(max_trials=1, loss=0.05)
        assert stricter.trials == first.trials
        looser = searched(max_trials=1, loss=0.5)
        assert looser.trials[0].samples == 52
        met = searched(max_trials=1, loss=1.0)
        assert met.trials[0].samples == SAMPLES and met.met_criterion

    def test_accepting_early(self):
        result = searched(loss=0.25, early_accept=True)
        met = result.trials[-1]
        assert met.meets_goal and met.samples == 72 and met.score == 1.0 and (met.low, met.high) == (0.75, 1.0)
        assert result.met_criterion and result.score == 1.0

    def test_sequential_needs_less(self):
        exact = searched(loss=0.4)
        assert exact.trials[0].samples == 40
        sequential = searched(loss=0.4, early_stop="sequential")
        assert not sequential.trials[0].meets_goal and sequential.trials[0].samples < 25
        assert sequential.trials[-1].meets_goal and sequential.trials[-1].samples == SAMPLES

    def test_in_another_order_each_time_only_what_is_certain_counts(self):
        torch.manual_seed(3)
        result = searched(loader(right=64, shuffle=True), loss=0.2, early_stop="sequential")
        missed = result.trials[0]
        assert not missed.meets_goal and missed.high < 64 / SAMPLES - 0.2
        assert missed.high == (SAMPLES - missed.samples) / SAMPLES, "no bet was won"

    def test_what_is_no_share_of_right_answers_is_evaluated_whole(self):
        conf = config("dynamic", AccuracyCriterion(tolerable_loss=0.01))
        result = fit(model(), conf, eval_dataloader=loader(48), eval_metric={"f1": "micro"})
        assert {trial.samples for trial in result.trials} == {SAMPLES} and {t.low for t in result.trials} == {None}

    def test_a_function_of_the_user_is_left_alone(self):
        result = fit(model(), config(), eval_func=lambda m: float(m(X).argmax(-1).eq(0).float().mean()))
        assert result.met_criterion and {trial.samples for trial in result.trials} == {None}

    @pytest.mark.parametrize("metric", [None, "sst2"])
    def test_a_dataset_of_the_quantizer(self, metric):
        pytest.importorskip("evaluate")
        bert = tiny_model("bert", num_labels=2)
        with torch.no_grad():
            bert.classifier.bias[0] = 100  # class 0, and integers cannot change that
        rows = [{"input_ids": [1, 2 + i % 9, 3], "attention_mask": [1] * 3, "label": int(i >= 20)} for i in range(24)]
        quantizer = IncQuantizer(bert, task="text-classification", metric_name=metric)
        goal = AccuracyCriterion(criterion="absolute", tolerable_loss=0.25)
        conf = config("dynamic", goal)
        conf.tuning_criterion.early_accept = True
        result = quantizer.quantize(conf, eval_dataset=rows, batch_size=2)
        assert result.baseline == 20 / 24 and result.trials[0].samples == 14, "14 of 24 are needed"
        assert result.score == result.baseline, "the estimate knows that the last four are hard"


class Clock:
    """Stands where the search looks at the time; a batch takes a second, and nothing else any."""

    def __init__(self):
        self.now, self.perf_counter = 0.0, time.perf_counter

    def monotonic(self) -> float:
        return self.now

    def __iter__(self):
        for batch in loader():
            self.now += 1
            yield batch


BATCHES = SAMPLES // BATCH


class TestDeadline:
    @pytest.fixture
    def clock(self, monkeypatch):
        clock = Clock()
        for place in ("tuner", "watch", "study.standing"):
            monkeypatch.setattr(f"inc_hf.tune.{place}.time", clock)
        return clock

    def test_within_an_evaluation_it_does_not_count(self, clock, caplog):
        result = searched(clock, timeout=1.5 * BATCHES, early_stop=None)
        assert [trial.samples for trial in result.trials] == [SAMPLES], "the second was left in its middle"
        assert clock.now == 2 * BATCHES + BATCHES // 2 + 1
        assert "Time has run out in the evaluation of" in caplog.text and quantized_modules(result.model)

    def test_at_the_last_batch_of_an_evaluation_it_counts(self, clock):
        result = searched(clock, timeout=2 * BATCHES - 0.5, early_stop=None)
        assert [trial.samples for trial in result.trials] == [SAMPLES] * 2

    def test_the_first_trial_ends_whatever_it_takes(self, clock):
        result = searched(clock, timeout=1, early_stop=None)
        assert [trial.samples for trial in result.trials] == [SAMPLES] and not result.met_criterion
        assert clock.now == 2 * BATCHES and quantized_modules(result.model)

    def test_a_function_of_the_user_ends_by_itself(self, clock):
        def slow(model):
            clock.now += 10
            return 0.5

        result = fit(model(), config(timeout=15), eval_func=slow)
        assert [trial.score for trial in result.trials] == [0.5] * 2 and clock.now == 30

    def test_in_a_study(self, clock, workspace):
        """What was not evaluated whole is free for others."""
        optuna = pytest.importorskip("optuna")
        from optuna.storages.journal import JournalFileBackend

        tuning = TuningCriterion("random", timeout=1.5 * BATCHES, early_stop=None)
        conf = PostTrainingQuantConfig(approach="dynamic", tuning_criterion=tuning)
        fit(model(), conf, eval_dataloader=clock, eval_metric="accuracy")
        storage = optuna.storages.JournalStorage(JournalFileBackend(str(workspace / "study.journal")))
        trials = optuna.load_study(study_name=None, storage=storage).trials
        assert [trial.state.name for trial in trials] == ["COMPLETE", "FAIL"]


class TestBad:
    """What an evaluation gives for a trial, after 0.9 for the float model and 0.5 for the first trial."""

    @pytest.mark.parametrize(
        "bad, kind, message",
        [
            (None, TypeError, "must return a number or a dict of numbers, got None"),
            ("good", TypeError, "must return a number or a dict of numbers, got 'good'"),
            ([], ValueError, "an empty list"),
            ({}, ValueError, "an empty dict"),
            (LookupError("of mine"), LookupError, "of mine"),
        ],
        ids=str,
    )
    def test_what_is_no_score_is_an_error_and_the_trials_stay(self, bad, kind, message, workspace):
        given = iter([0.9, 0.5, bad])

        def my_evaluation(model):
            score = next(given)
            if isinstance(score, Exception):
                raise score
            return score

        with pytest.raises(kind, match=message) as caught:
            fit(net(), config(), eval_func=my_evaluation)
        if isinstance(bad, Exception):
            assert caught.value is bad and "my_evaluation" in [entry.name for entry in caught.traceback]
        stored = json.loads((workspace / "history.json").read_text())
        assert [trial["score"] for trial in stored["trials"]] == [0.5] and stored["baseline"] == 0.9
        assert sorted(path.name for path in workspace.iterdir()) == ["deploy", "history.json"], "and no half a file"

    @pytest.mark.parametrize("bad", [math.nan, torch.tensor(math.nan), {"loss": math.nan}, [math.nan]], ids=str)
    def test_nan_of_the_float_model_is_an_error(self, bad, workspace):
        with pytest.raises(ValueError, match="must return a number, got"):
            fit(net(), config(), eval_func=lambda model: bad)
        assert not workspace.exists()

    @pytest.mark.parametrize("strategy", ["basic", "auto", "mse_v2", "tpe"])
    @pytest.mark.parametrize("higher", [True, False])
    def test_nan_of_a_trial_is_the_worst_score(self, strategy, higher, workspace, caplog):
        """A model in few bits may overflow; the search goes on."""
        if strategy == "tpe":
            pytest.importorskip("optuna")
        scores = [1.0, math.nan, 0.5 if higher else 1.5, math.nan, 1.0]

        def evaluate(model):
            model(images())
            return scores.pop(0) if len(scores) > 1 else scores[0]

        goal = AccuracyCriterion(higher)
        result = fit(
            net(), replace(config("dynamic", goal), tuning_criterion=TuningCriterion(strategy)), eval_func=evaluate
        )
        assert [t.meets_goal for t in result.trials[:4]] == [False, False, False, True]
        assert math.isnan(result.trials[0].score) and result.met_criterion and result.score == 1.0
        told = [line for line in caplog.messages if line.startswith("Trial ")]
        assert told[0].endswith(", missed by a score that is no number: the model has overflown")
        assert told[1].endswith(", missed") and ", met" in told[3]
        set_resume_from(workspace)
        again = fit(net(), config("dynamic", goal, max_trials=2), eval_func=lambda model: 1.0)
        assert math.isnan(again.trials[0].score), "taken up as it was"

    def test_nothing_but_nan(self, tmp_path):
        scores = iter([0.9])
        bert = tiny_model("bert")
        result = fit(bert, config(max_trials=3), eval_func=lambda model: next(scores, math.nan))
        assert not result.met_criterion and math.isnan(result.score) and quantized_modules(result.model)
        result.save_pretrained(tmp_path / "saved")
        assert (tmp_path / "saved" / "model.safetensors").exists()

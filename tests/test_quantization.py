import copy
import json
import logging
import pickle
from pathlib import Path

import pytest
import torch
from tiny import logits_of, tiny_inputs, tiny_model
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from inc_hf import AccuracyCriterion, PostTrainingQuantConfig, QuantizedModel, TuningCriterion
from inc_hf.config import options, set_random_seed, set_resume_from, set_workspace
from inc_hf.quantization import fit
from inc_hf.quantize.nn.modules import QConv, QEmbedding, QLinear, quantized_modules
from inc_hf.quantize.workflow import planned_modules

FP32 = {"weight": {"dtype": "fp32"}}
# Met by the tiny models with all modules quantized, missed by far if one of them is destroyed.
ERROR_GOAL = AccuracyCriterion(higher_is_better=False, criterion="absolute", tolerable_loss=0.02)
NEVER_MET = AccuracyCriterion(higher_is_better=False, criterion="absolute", tolerable_loss=0)
DAMAGED = "bert.encoder.layer.0.output.dense"


@pytest.fixture(autouse=True)
def workspace(tmp_path):
    """A workspace of its own, which does not exist yet; the options as they were, after the test."""
    before = options.to_dict()
    set_workspace(tmp_path / "workspace")
    set_resume_from(None)
    yield tmp_path / "workspace"
    vars(options).update(before)


class Net(nn.Module):
    """A plain module: an image of 3 x 8 x 8 to 4 classes; its first channel is always zero after the ReLU."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
        self.hidden = nn.Linear(8 * 36, 16)
        self.head = nn.Linear(16, 4)
        self.float()

    def forward(self, x):
        return self.head(self.hidden(self.conv(x).relu().flatten(1)).relu())


def net() -> Net:
    torch.manual_seed(1)
    return Net().eval()


def images(count: int = 6) -> torch.Tensor:
    return torch.randn(count, 3, 8, 8, generator=torch.Generator().manual_seed(2))


def damaged_bert():
    """A Bert with a module that integers destroy: one huge weight in each row, for an input that is always zero."""
    model = tiny_model("bert")
    layer = model.bert.encoder.layer[0]
    with torch.no_grad():
        layer.intermediate.dense.weight[0] = 0
        layer.intermediate.dense.bias[0] = -100  # gelu(-100) is 0
        layer.output.dense.weight.mul_(4)
        layer.output.dense.weight[:, 0] = 1e4
    return model


class ErrorAgainstFloat:
    """Evaluation: mean squared difference from the float logits over their variance. Counts its calls."""

    def __init__(self, model: nn.Module, inputs=None):
        self.inputs = inputs
        self.expected = self.logits(model)
        self.calls = 0

    @torch.no_grad()
    def logits(self, model: nn.Module) -> torch.Tensor:
        return model(self.inputs) if self.inputs is not None else logits_of(model)

    def __call__(self, model: nn.Module) -> float:
        self.calls += 1
        error = (self.logits(model) - self.expected).square().mean()
        return float(error / self.expected.var())


def snapshot(model: nn.Module) -> dict:
    """Everything about a model that `fit` could change: its modules, their attributes and hooks, its tensors."""
    return {
        "modules": dict(model.named_modules(remove_duplicate=False)),
        "attributes": {name: set(vars(module)) for name, module in model.named_modules()},
        "hooks": {
            name: [len(hooks) for key, hooks in vars(module).items() if "hooks" in key and hooks is not None]
            for name, module in model.named_modules()
        },
        "training": {name: module.training for name, module in model.named_modules()},
        "state": {key: value.clone() for key, value in model.state_dict().items()},
    }


def assert_unchanged(model: nn.Module, before: dict) -> None:
    after = snapshot(model)
    assert all(after["modules"][name] is module for name, module in before["modules"].items())
    for key in ("attributes", "hooks", "training"):
        assert after[key] == before[key]
    assert after["state"].keys() == before["state"].keys()
    assert all(after["state"][key].equal(value) for key, value in before["state"].items())


def config(approach: str = "dynamic", goal: AccuracyCriterion | None = None, max_trials: int = 100, **settings):
    tuning = TuningCriterion(max_trials=max_trials, timeout=settings.pop("timeout", 0))
    return PostTrainingQuantConfig(approach=approach, accuracy_criterion=goal, tuning_criterion=tuning, **settings)


def data_of(model: nn.Module) -> list:
    return [images()] if isinstance(model, Net) else [tiny_inputs(model)]


def models(kind: str) -> nn.Module:
    return net() if kind == "net" else tiny_model("bert")


class TestWithoutEvaluation:
    @pytest.mark.parametrize("approach", ["dynamic", "static", "auto", "weight_only"])
    @pytest.mark.parametrize("kind", ["bert", "net"])
    def test_the_model_itself_is_converted(self, kind, approach, workspace):
        model = models(kind)
        expected = ErrorAgainstFloat(model, images() if kind == "net" else None)
        calibration = None if approach in ("dynamic", "weight_only") else data_of(model)
        result = fit(model, config(approach), calib_dataloader=calibration)
        assert result.model is model
        assert 0 < expected(model) < 0.02
        modules = quantized_modules(model)
        assert {type(module) for module in modules.values()} == (
            {QConv, QLinear} if kind == "net" else {QEmbedding, QLinear}
        )
        matmuls = [module.scheme for module in modules.values() if not isinstance(module, QEmbedding)]
        assert all(scheme.is_static is (approach in ("static", "auto")) for scheme in matmuls)
        assert all((scheme.activation is None) is (approach == "weight_only") for scheme in matmuls)
        assert result.met_criterion is result.score is result.baseline is result.target is None
        assert result.trials == [] and not result.interrupted
        assert not workspace.exists()
        assert planned_modules(model) == {}

    def test_auto_without_data_is_dynamic(self):
        model = tiny_model("bert")
        result = fit(model, config("auto"))
        assert not any(module.scheme.is_static for module in quantized_modules(model).values())
        assert result.summary()["quantization"]["is_static"] is False

    @pytest.mark.parametrize("half", [{"eval_metric": "accuracy"}, {"eval_dataloader": [1]}], ids=["metric", "data"])
    def test_metric_and_data_go_together(self, half):
        with pytest.raises(ValueError, match="`eval_dataloader` and `eval_metric` go together"):
            fit(net(), config(), **half)

    def test_a_batch_of_each_form_gives_the_same_scales(self):
        x = images()
        scales = []
        for data in (
            [x],
            [(x, torch.zeros(6))],
            [[x, torch.zeros(6)]],
            [{"x": x}],
            DataLoader(TensorDataset(x, x), 4),
        ):
            result = fit(net(), config("static"), calib_dataloader=data)
            scales.append(torch.stack([module.input_scale for module in quantized_modules(result.model).values()]))
        assert all(torch.equal(scale, scales[0]) for scale in scales[1:])

    def test_calib_func_is_called_instead_of_a_dataloader(self):
        seen = []

        def calibrate(model):
            seen.append((model, model.training, torch.is_grad_enabled()))
            model(images())

        model = net().train()
        result = fit(model, config("static"), calib_func=calibrate)
        assert seen == [(model, False, False)]
        by_loader = fit(net(), config("static"), calib_dataloader=[images()])
        assert all(
            torch.equal(module.input_scale, quantized_modules(by_loader.model)[name].input_scale)
            for name, module in quantized_modules(result.model).items()
        )
        assert result.q_config["calibration_samples"] is None

    def test_comes_back_in_evaluation_mode(self):
        model = net().train()
        fit(model, config("static"), calib_dataloader=[images()])
        assert not any(module.training for module in model.modules())


class TestTuning:
    @pytest.mark.parametrize("approach", ["dynamic", "static", "auto", "weight_only"])
    @pytest.mark.parametrize("kind", ["bert", "net"])
    def test_goal_met_by_the_default(self, kind, approach, workspace):
        model = models(kind)
        before = snapshot(model)
        evaluate = ErrorAgainstFloat(model, images() if kind == "net" else None)
        result = fit(model, config(approach, ERROR_GOAL), calib_dataloader=data_of(model), eval_func=evaluate)
        assert result.met_criterion is True and not result.interrupted
        assert result.baseline == 0.0 and result.target == 0.02 and 0 < result.score <= 0.02
        assert evaluate.calls == 2 and len(result.trials) == 1
        assert result.model is not model and len(quantized_modules(result.model)) == result.trials[0].quantized_modules
        assert evaluate(result.model) == result.score
        assert_unchanged(model, before)
        assert [path.name for path in workspace.iterdir()] == ["history.json"]

    def test_training_mode_during_evaluation(self):
        """Evaluations see a model in evaluation mode and without gradients, and the user's model stays in training."""
        model, modes = net().train(), []

        def evaluate(model):
            modes.append((model.training, torch.is_grad_enabled()))
            return 1.0

        result = fit(model, config(), eval_func=evaluate)
        assert modes == [(False, False)] * 2 and model.training and not result.model.training

    @pytest.mark.parametrize("approach", ["dynamic", "static"])
    def test_fallback_of_the_module_that_integers_destroy(self, approach, caplog):
        model = damaged_bert()
        before = snapshot(model)
        evaluate = ErrorAgainstFloat(model)
        with caplog.at_level(logging.WARNING, "inc_hf"):
            result = fit(model, config(approach, ERROR_GOAL), calib_dataloader=data_of(model), eval_func=evaluate)
        assert result.met_criterion
        assert type(result.model.get_submodule(DAMAGED)) is nn.Linear
        everything = fit(copy.deepcopy(model), config()).model
        assert quantized_modules(everything).keys() - quantized_modules(result.model).keys() == {DAMAGED}
        assert result.trials[0].score > 10 * ERROR_GOAL.tolerable_loss
        assert result.trials[-1].label.endswith(f", 1 in float ({DAMAGED})")
        assert [trial.meets_goal for trial in result.trials] == [False] * (len(result.trials) - 1) + [True]
        assert_unchanged(model, before)
        assert "not met" not in caplog.text

    def test_fallback_without_calibration_data_uses_the_inputs_of_the_evaluation(self):
        model = damaged_bert()
        result = fit(model, config("dynamic", ERROR_GOAL), eval_func=ErrorAgainstFloat(model))
        assert [trial.label for trial in result.trials] == ["dynamic", f"dynamic, 1 in float ({DAMAGED})"]
        assert result.met_criterion

    def test_fallback_of_a_plain_module_called_with_positions(self):
        class Sum(Net):
            def forward(self, *parts):
                return super().forward(sum(parts))

        torch.manual_seed(1)
        model, x = Sum().eval(), images()
        with torch.no_grad():
            model.conv.weight[0], model.conv.bias[0] = 0, -1
            model.hidden.weight.mul_(4)
            model.hidden.weight[:, 0] = 1e4
            expected = model(x, x)
        result = fit(
            model,
            config("dynamic", ERROR_GOAL),
            eval_func=lambda m: float((m(x, x) - expected).square().mean() / expected.var()),
        )
        assert result.met_criterion and sorted(quantized_modules(result.model)) == ["conv", "head"]

    @pytest.mark.parametrize("name", ["gpt2", "t5"])
    def test_tied_modules_fall_back_together(self, name):
        model = tiny_model(name)
        result = fit(model, config("dynamic", NEVER_MET), eval_func=ErrorAgainstFloat(model))
        assert not result.met_criterion and len(result.trials) > 3
        embeddings, output = result.model.get_input_embeddings(), result.model.get_output_embeddings()
        assert isinstance(embeddings, QEmbedding) == isinstance(output, QLinear)

    def test_best_so_far_when_the_goal_is_never_met(self, caplog):
        model = damaged_bert()
        evaluate = ErrorAgainstFloat(model)
        with caplog.at_level(logging.WARNING, "inc_hf"):
            result = fit(model, config("dynamic", NEVER_MET, max_trials=4), eval_func=evaluate)
        assert result.met_criterion is False and len(result.trials) == 4
        assert result.score == min(trial.score for trial in result.trials)
        assert evaluate(result.model) == result.score
        assert "was not met in 4 trials; returning the best model found" in caplog.text

    def test_generate_as_evaluation(self):
        """The calls of `generate` cannot be repeated, apart from the first; modules are ranked all the same."""
        model = tiny_model("opt", bos_token_id=1, eos_token_id=2)
        ids = tiny_inputs(model)["input_ids"]
        expected = model.generate(ids, max_new_tokens=6, do_sample=False)

        def evaluate(model):
            tokens = model.generate(ids, max_new_tokens=6, do_sample=False)
            return float((tokens == expected).double().mean())

        goal = AccuracyCriterion(criterion="absolute", tolerable_loss=0)
        result = fit(model, config("dynamic", goal, max_trials=4, timeout=100), eval_func=evaluate)
        assert result.baseline == 1.0 and len(result.trials) == 4

    def test_the_encoder_is_quantized_when_the_evaluation_generates(self):
        model = tiny_model("t5", decoder_start_token_id=0)
        ids = tiny_inputs(model)["input_ids"]
        result = fit(
            model,
            config("dynamic"),
            eval_func=lambda m: float(m.generate(ids, max_new_tokens=3).shape[0]),
        )
        assert any(name.startswith("encoder.") for name in quantized_modules(result.model))

    def test_metric_name(self):
        model = net()
        result = fit(
            model,
            config(),
            eval_func=lambda model: {"f1": 0.5, "accuracy": torch.tensor(0.75)},
            metric_name="accuracy",
        )
        assert result.baseline == result.score == 0.75

    def test_the_error_of_an_evaluation_propagates(self, workspace):
        model, error = net(), LookupError("no such sentence")
        before = snapshot(model)
        scores = iter([1.0, 0.1, 0.2])

        def evaluate(model):
            score = next(scores, None)
            if score is None:
                raise error
            return score

        with pytest.raises(LookupError) as caught:
            fit(model, config(), eval_func=evaluate)
        assert caught.value is error
        assert_unchanged(model, before)
        assert [t["score"] for t in json.loads((workspace / "history.json").read_text())["trials"]] == [0.1, 0.2]

    def test_interrupt(self):
        model, scores = net(), iter([1.0, 0.3, 0.5])

        def evaluate(model):
            score = next(scores, None)
            if score is None:
                raise KeyboardInterrupt
            return score

        result = fit(model, config(), eval_func=evaluate)
        assert result.interrupted and result.score == 0.5 and result.met_criterion is False
        assert quantized_modules(result.model)

    @pytest.mark.parametrize("calls", [0, 1], ids=["baseline", "first trial"])
    def test_interrupt_before_a_trial_has_ended(self, calls, workspace):
        model, scores = net(), iter([1.0] * calls)
        before = snapshot(model)

        def evaluate(model):
            score = next(scores, None)
            if score is None:
                raise KeyboardInterrupt
            return score

        with pytest.raises(KeyboardInterrupt):
            fit(model, config(), eval_func=evaluate)
        assert_unchanged(model, before)
        assert not workspace.exists()

    def test_resume(self, workspace, tmp_path):
        model = damaged_bert()
        evaluate = ErrorAgainstFloat(model)
        whole = fit(model, config("dynamic", NEVER_MET, max_trials=5), eval_func=evaluate)
        set_workspace(tmp_path / "interrupted")
        fit(model, config("dynamic", NEVER_MET, max_trials=3), eval_func=evaluate)
        set_workspace(tmp_path / "resumed")
        set_resume_from(tmp_path / "interrupted")
        evaluate.calls = 0
        resumed = fit(model, config("dynamic", NEVER_MET, max_trials=5), eval_func=evaluate)
        assert evaluate.calls == 1 + 2, "the baseline and the two trials that were not in the history"
        assert resumed.q_config == whole.q_config and resumed.score == whole.score
        assert [t.score for t in resumed.trials] == [t.score for t in whole.trials]
        assert torch.equal(logits_of(resumed.model), logits_of(whole.model))
        stored = [json.loads((tmp_path / d / "history.json").read_text()) for d in ("workspace", "resumed")]
        assert [t["fingerprint"] for t in stored[0]["trials"]] == [t["fingerprint"] for t in stored[1]["trials"]]

    def test_trials_of_another_model_in_the_same_workspace_stay(self, workspace):
        """And are never taken for those of the model that came later."""
        for score in (0.9, 0.7):
            fit(net(), config(), eval_func=lambda model, score=score: score)
        stored = json.loads((workspace / "history.json").read_text())["trials"]
        assert [(trial["score"], trial["baseline"]) for trial in stored] == [(0.7, 0.7), (0.9, 0.9)]
        set_resume_from(workspace)
        assert fit(net(), config(), eval_func=lambda model: 0.7).score == 0.7
        assert json.loads((workspace / "history.json").read_text())["trials"] == stored

    def test_a_file_that_is_no_history_is_not_overwritten(self, workspace):
        workspace.mkdir()
        (workspace / "history.json").write_text("mine")
        with pytest.raises(ValueError, match="not a tuning history"):
            fit(net(), config(), eval_func=lambda model: 0.9)
        assert (workspace / "history.json").read_text() == "mine"

    def test_resume_with_another_model_is_worth_a_warning(self, workspace, caplog):
        """Its scores would be taken for those of this model."""
        fit(net(), config(), eval_func=lambda model: 0.9)
        set_resume_from(workspace)
        with caplog.at_level(logging.WARNING, "inc_hf"):
            fit(net(), config(), eval_func=lambda model: 0.9)
            assert caplog.text == ""
            fit(net(), config(), eval_func=lambda model: 0.7)
        assert "0.9000" in caplog.text and "0.7000" in caplog.text and str(workspace) in caplog.text

    @pytest.mark.parametrize("content", ["", "{", '{"version": 0}'], ids=["empty", "truncated", "version"])
    def test_damaged_history(self, tmp_path, workspace, content):
        (tmp_path / "history.json").write_text(content)
        set_resume_from(tmp_path)
        evaluate = ErrorAgainstFloat(net(), images())
        with pytest.raises(ValueError, match="not a tuning history"):
            fit(net(), config(), eval_func=evaluate)
        assert evaluate.calls == 0 and not workspace.exists()


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
        assert self.labels() == ["static, 6 samples", "static, observer mse", "static, observer percentile"]

    def test_auto_ends_with_dynamic(self):
        assert self.labels(approach="auto") == [
            "default, 6 samples",
            "default, observer mse",
            "default, observer percentile",
            "dynamic",
        ]

    @pytest.mark.parametrize("approach", ["dynamic", "weight_only"])
    def test_nothing_to_calibrate(self, approach):
        assert self.labels(approach=approach) == [approach]

    def test_sampling_sizes(self):
        labels = self.labels(calibration_sampling_size=[2, 4, 6])
        assert labels[:3] == ["static, 2 samples", "static, 4 samples", "static, 6 samples"]
        assert len(labels) == 5

    def test_sampling_sizes_beyond_the_data_are_one(self):
        assert self.labels(calibration_sampling_size=[4, 50, 100])[:3] == [
            "static, 4 samples",
            "static, 6 samples",
            "static, observer mse",
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


class TestCalibrationData:
    def test_batch_size_of_the_loader_is_not_touched(self):
        loader = DataLoader(TensorDataset(images(7), torch.zeros(7)), batch_size=3)
        result = fit(net(), config("static", calibration_sampling_size=5), calib_dataloader=loader)
        assert loader.batch_size == 3
        assert result.q_config["calibration_samples"] == 5

    def test_only_so_many_samples_are_used(self):
        """The first 5 of 7, so that two of a much wider range do not count."""
        wide = images(7)
        wide[5:] *= 100
        few = fit(net(), config("static", calibration_sampling_size=5), calib_dataloader=[wide[:4], wide[4:]])
        expected = fit(net(), config("static"), calib_dataloader=[images(7)[:5]])
        for name, module in quantized_modules(few.model).items():
            assert torch.equal(module.input_scale, quantized_modules(expected.model)[name].input_scale)

    @pytest.mark.parametrize("has_evaluation", [False, True], ids=["converted", "tuned"])
    def test_more_asked_than_there_are(self, has_evaluation, tmp_path, caplog):
        model = tiny_model("bert")
        evaluate = ErrorAgainstFloat(model) if has_evaluation else None
        with caplog.at_level(logging.WARNING, "inc_hf"):
            result = fit(
                model,
                config("static", ERROR_GOAL, calibration_sampling_size=100),
                calib_dataloader=[tiny_inputs(model, 4), tiny_inputs(model, 3)],
                eval_func=evaluate,
            )
        assert "100 calibration samples were asked for, 7 are there" in caplog.text
        assert result.q_config["calibration_samples"] == 7
        result.save_pretrained(tmp_path / "saved")
        stored = json.loads((tmp_path / "saved" / "inc_config.json").read_text())
        assert stored["quantization"]["dataset_num_samples"] == 7
        assert "calibrated on 7 samples" in (tmp_path / "saved" / "README.md").read_text()

    def test_enough_is_no_warning(self, caplog):
        with caplog.at_level(logging.WARNING, "inc_hf"):
            fit(net(), config("static", calibration_sampling_size=[2, 6]), calib_dataloader=[images()])
        assert caplog.text == ""


class TestEvalMetric:
    x = torch.randn(30, 3, 8, 8, generator=torch.Generator().manual_seed(5))

    def loader(self, kind: str):
        with torch.no_grad():
            outputs = net()(self.x)
        labels = {"classes": outputs.argmax(-1), "second": outputs.topk(2).indices[:, 1], "numbers": outputs}[kind]
        return DataLoader(TensorDataset(self.x, labels), batch_size=8)

    @pytest.mark.parametrize(
        ("kind", "metric", "baseline"),
        [
            ("classes", "accuracy", 1.0),
            ("classes", {"topk": 1}, 1.0),
            ("second", {"topk": 1}, 0.0),
            ("second", {"topk": 2}, 1.0),
            ("numbers", "mse", 0.0),
            ("numbers", "mae", 0.0),
        ],
        ids=["accuracy", "top 1", "top 1 of the second", "top 2", "mse", "mae"],
    )
    def test_by_name(self, kind, metric, baseline):
        is_error = kind == "numbers"
        goal = AccuracyCriterion(not is_error, "absolute", 0.2)
        result = fit(net(), config("dynamic", goal), eval_dataloader=self.loader(kind), eval_metric=metric)
        assert result.baseline == pytest.approx(baseline, abs=1e-6)
        assert result.met_criterion and len(result.trials) == 1
        assert (result.score > 0) if is_error else abs(result.score - baseline) <= 0.2

    def test_object(self):
        class Agreement:
            def reset(self):
                self.hits = []

            def update(self, preds, labels):
                self.hits.append(preds.argmax(-1) == labels)

            def result(self):
                return torch.cat(self.hits).double().mean()

        result = fit(net(), config(), eval_dataloader=self.loader("classes"), eval_metric=Agreement())
        assert result.baseline == 1.0 and result.met_criterion

    def test_eval_func_comes_first(self):
        result = fit(
            net(), config(), eval_func=lambda m: 0.25, eval_dataloader=self.loader("classes"), eval_metric="accuracy"
        )
        assert result.baseline == 0.25


BAD_REQUESTS = {
    "static without data": (config("static"), {}, ValueError, "needs calibration data: pass `calib_dataloader`"),
    "empty list": (config("static"), {"calib_dataloader": []}, ValueError, "at least one sample"),
    "empty dataloader": (config("static"), {"calib_dataloader": DataLoader([])}, ValueError, "at least one sample"),
    "empty generator": (
        config("static"),
        {"calib_dataloader": (batch for batch in [])},
        ValueError,
        "calibration data is empty",
    ),
    "calib_func that does not call the model": (
        config("static"),
        {"calib_func": lambda model: None},
        ValueError,
        "need calibration",
    ),
    "calib_func that fails": (config("static"), {"calib_func": lambda m: m(1 / 0)}, ZeroDivisionError, "by zero"),
    "calibration data with NaN": (
        config("static"),
        {"calib_dataloader": [images() * float("nan")]},
        ValueError,
        "NaN or infinite values",
    ),
    "calibration data of another shape": (
        config("static"),
        {"calib_dataloader": [torch.ones(2, 5, 8, 8)]},
        RuntimeError,
        "channels",
    ),
    "strategy": (
        PostTrainingQuantConfig(approach="dynamic", tuning_criterion={"strategy": "bayesian"}),
        {},
        ValueError,
        "'bayesian' is not available yet; choose from basic",
    ),
    "dict instead of a config": (
        {"approach": "dynamic"},
        {},
        TypeError,
        "must be a PostTrainingQuantConfig, got dict",
    ),
    "no config": (None, {}, TypeError, "must be a PostTrainingQuantConfig, got NoneType"),
    "nothing to quantize": (config(op_type_dict={".*": FP32}), {}, ValueError, "leaves no module to quantize"),
    "name that hits nothing": (
        config(op_name_dict={"heads": FP32}),
        {},
        ValueError,
        "'heads' matches no module.*did you mean 'head'",
    ),
    "metric": (
        config(),
        {"eval_dataloader": [images()], "eval_metric": "bleu"},
        ValueError,
        "Unknown metric 'bleu'",
    ),
    "backend": (
        PostTrainingQuantConfig(approach="dynamic", backend="ipex"),
        {},
        ValueError,
        "backend 'ipex' is not available yet",
    ),
    "score is None": (config(), {"eval_func": lambda model: None}, TypeError, "must return a number"),
    "score is NaN": (config(), {"eval_func": lambda model: float("nan")}, ValueError, "must return a number"),
    "several scores": (config(), {"eval_func": lambda m: {"a": 1, "b": 2}}, ValueError, "`metric_name`"),
}


class TestBadInput:
    """Each is an error that names what came, the model is as it was, and nothing has been written."""

    @pytest.mark.parametrize("case", BAD_REQUESTS)
    def test_request(self, case, workspace):
        conf, arguments, error, message = BAD_REQUESTS[case]
        model = net().train()
        before = snapshot(model)
        with pytest.raises(error, match=message):
            fit(model, conf, **arguments)
        assert_unchanged(model, before)
        assert not workspace.exists()

    def test_nothing_to_quantize_with_an_evaluation(self, workspace):
        model = net()
        before = snapshot(model)
        with pytest.raises(ValueError, match="leaves no module to quantize"):
            fit(model, config(op_type_dict={".*": FP32}), eval_func=lambda model: 1.0)
        assert_unchanged(model, before)
        assert not workspace.exists()

    @pytest.mark.parametrize("value", [float("nan"), float("inf")], ids=["NaN", "Inf"])
    @pytest.mark.parametrize("approach", ["dynamic", "static"])
    def test_weights_that_are_not_finite(self, value, approach, workspace):
        """The last module is the broken one; those before it must not have been converted."""
        model = net()
        with torch.no_grad():
            model.head.weight[1, 2] = value
        before = snapshot(model)
        before["state"].pop("head.weight")
        calibration = [images()] if approach == "static" else None
        with pytest.raises(ValueError, match="`head`.*NaN or infinite"):
            fit(model, config(approach), calib_dataloader=calibration)
        after = snapshot(model)
        assert after["state"].pop("head.weight").shape == (4, 16)
        assert quantized_modules(model) == {} and after["hooks"] == before["hooks"]
        assert after["attributes"] == before["attributes"]
        assert not workspace.exists()

    @pytest.mark.parametrize("kind", ["bert", "net"])
    def test_model_is_quantized(self, kind, workspace):
        model = models(kind)
        fit(model, config())
        before = snapshot(model)
        with pytest.raises(ValueError, match="already quantized; start from the FP32 model"):
            fit(model, config())
        assert_unchanged(model, before)

    def test_model_is_prepared(self):
        from inc_hf.quantize import Scheme, WeightScheme, prepare

        model = prepare(net(), {"head": Scheme(WeightScheme())})
        with pytest.raises(ValueError, match="already prepared; call `convert` or `unprepare` first"):
            fit(model, config())

    @pytest.mark.parametrize(("model", "name"), [("bert", "str"), (None, "NoneType")], ids=["text", "None"])
    def test_model_is_none(self, model, name):
        with pytest.raises(TypeError, match=f"must be a torch.nn.Module, got {name}; load it first"):
            fit(model, config())

    def test_the_result_of_fit_is_no_model(self):
        with pytest.raises(TypeError, match="must be a torch.nn.Module, got QuantizedModel"):
            fit(fit(net(), config()), config())

    def test_a_module_that_would_have_to_replace_itself(self):
        model = nn.Linear(4, 4)
        before = snapshot(model)
        with pytest.raises(ValueError, match="itself the module to replace"):
            fit(model, config())
        assert_unchanged(model, before)


class TestSeeds:
    def scales(self, seed: int) -> torch.Tensor:
        """Calibrated on random data, made after the seed was set."""
        set_random_seed(seed)
        result = fit(net(), config("static"), calib_func=lambda model: model(torch.randn(2, 3, 8, 8)))
        return torch.cat([module.input_scale for module in quantized_modules(result.model).values()])

    def test_calibration(self):
        assert torch.equal(self.scales(7), self.scales(7))
        assert not torch.equal(self.scales(7), self.scales(8))

    def test_two_runs_are_equal(self, tmp_path):
        results = []
        for run in ("first", "second"):
            set_workspace(tmp_path / run)
            torch.rand(3)
            model = damaged_bert()
            results.append(
                fit(
                    model,
                    config("static", ERROR_GOAL),
                    calib_dataloader=data_of(model),
                    eval_func=ErrorAgainstFloat(model),
                )
            )
        first, second = results
        assert first.q_config == second.q_config
        assert [(t.label, t.fingerprint, t.score, t.bytes) for t in first.trials] == [
            (t.label, t.fingerprint, t.score, t.bytes) for t in second.trials
        ]
        states = first.model.state_dict(), second.model.state_dict()
        assert states[0].keys() == states[1].keys()
        assert all(value.equal(states[1][key]) for key, value in states[0].items())


class TestQuantizedModel:
    @pytest.fixture
    def converted(self):
        return fit(tiny_model("bert"), config())

    @pytest.fixture
    def tuned(self):
        model = tiny_model("bert")
        return fit(model, config("dynamic", ERROR_GOAL), eval_func=ErrorAgainstFloat(model))

    def test_repr(self, converted, tuned):
        assert repr(converted) == (
            "QuantizedModel(BertForSequenceClassification, approach='dynamic', 11 quantized modules, "
            "met_criterion=None)"
        )
        assert repr(tuned) == (
            "QuantizedModel(BertForSequenceClassification, approach='dynamic', 11 quantized modules, "
            f"score={tuned.score:.4f}, baseline=0.0000, met_criterion=True)"
        )

    def test_call(self, converted):
        inputs = tiny_inputs(converted.model)
        with torch.no_grad():
            assert torch.equal(converted(**inputs).logits, converted.model(**inputs).logits)
            by_position = converted(inputs["input_ids"], attention_mask=inputs["attention_mask"])
        assert torch.equal(by_position.logits, logits_of(converted.model))

    def test_unknown_attributes_are_those_of_the_model(self, converted):
        assert converted.classifier is converted.model.classifier
        assert converted.num_parameters() == converted.model.num_parameters()
        assert converted.device == torch.device("cpu")
        with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
            converted.nonsense  # noqa: B018
        assert not hasattr(converted, "__len__")

    @pytest.mark.parametrize(
        "duplicate", [copy.deepcopy, lambda result: pickle.loads(pickle.dumps(result))], ids=["deepcopy", "pickle"]
    )
    @pytest.mark.parametrize("kind", ["bert", "net"])
    def test_duplicate(self, kind, duplicate):
        model, inputs = models(kind), data_of(models(kind))
        result = fit(
            model,
            config("static", ERROR_GOAL),
            calib_dataloader=inputs,
            eval_func=ErrorAgainstFloat(model, images() if kind == "net" else None),
        )
        twin = duplicate(result)
        assert twin.model is not result.model
        assert repr(twin) == repr(result) and twin.q_config == result.q_config and twin.trials == result.trials
        states = twin.model.state_dict(), result.model.state_dict()
        assert all(value.equal(states[1][key]) for key, value in states[0].items())

    def test_an_empty_instance_does_not_recurse(self):
        empty = QuantizedModel.__new__(QuantizedModel)
        for name in ("model", "config", "anything"):
            with pytest.raises(AttributeError, match="^model$"):
                getattr(empty, name)

    def test_summary(self, tuned):
        summary = tuned.summary()
        assert summary["quantization"]["approach"] == "dynamic"
        assert summary["quantization"]["dataset_num_samples"] is None
        assert summary["quantization"]["quantized_modules"] == 11
        assert summary["tuning"] == {
            "met_criterion": True,
            "baseline": 0.0,
            "score": tuned.score,
            "trials": 1,
        }
        assert json.loads(json.dumps(summary)) == summary

    def test_save_pretrained(self, tuned, tmp_path):
        directory = tuned.save_pretrained(tmp_path / "a" / "out")
        assert directory == tmp_path / "a" / "out"
        assert sorted(path.name for path in directory.iterdir()) == [
            "README.md",
            "config.json",
            "inc_config.json",
            "model.safetensors",
        ]
        assert json.loads((directory / "inc_config.json").read_text()) == tuned.summary()

    def test_a_directory_that_is_not_empty_is_kept(self, converted, tmp_path):
        (tmp_path / "notes.txt").write_text("mine")
        with pytest.raises(FileExistsError, match="is not empty; .*overwrite=True"):
            converted.save_pretrained(tmp_path)
        assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]

    def test_overwrite(self, converted, tmp_path):
        out = tmp_path / "out"
        converted.save_pretrained(out)
        (out / "model.safetensors").write_bytes(b"old")
        (out / "notes.txt").write_text("mine")
        with pytest.raises(FileExistsError):
            converted.save_pretrained(out)
        converted.save_pretrained(out, overwrite=True)
        assert (out / "model.safetensors").stat().st_size > 1000
        assert (out / "notes.txt").read_text() == "mine"

    def test_save_overwrites(self, converted, tmp_path):
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "config.json").write_text("{}")
        assert converted.save(tmp_path / "out") == tmp_path / "out"
        assert "quantization_config" in json.loads((tmp_path / "out" / "config.json").read_text())

    def test_a_file_in_the_place_of_the_directory(self, converted, tmp_path):
        (tmp_path / "out").write_text("mine")
        with pytest.raises(FileExistsError, match="is a file, not a directory"):
            converted.save(tmp_path / "out")
        assert (tmp_path / "out").read_text() == "mine"

    def test_unknown_format(self, converted, tmp_path):
        with pytest.raises(ValueError, match="`format` must be 'compressed-tensors', 'inc' or None, got 'onnx'"):
            converted.save_pretrained(tmp_path / "out", format="onnx")
        assert not (tmp_path / "out").exists()

    def test_plain_modules_cannot_be_saved(self, tmp_path):
        result = fit(net(), config())
        with pytest.raises(TypeError, match="Only a transformers PreTrainedModel can be saved, got Net"):
            result.save_pretrained(tmp_path / "out")
        assert list(Path(tmp_path).iterdir()) == []

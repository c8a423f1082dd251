import pytest
import torch
from fitting import (
    ERROR_GOAL,
    FP32,
    ErrorAgainstFloat,
    assert_unchanged,
    config,
    damaged_bert,
    data_of,
    images,
    models,
    net,
    snapshot,
)
from tiny import tiny_model
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from inc_hf import PostTrainingQuantConfig
from inc_hf.config import set_random_seed, set_workspace
from inc_hf.quantization import fit
from inc_hf.quantize.nn import QConv, QEmbedding, QLinear, quantized_modules
from inc_hf.quantize.workflow import planned_modules

pytest_plugins = ["workspace_fixture"]
pytestmark = pytest.mark.usefixtures("workspace")


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
        # of a BERT, the two products of a feed-forward block have scales per token
        static = len(matmuls) - (2 if kind == "bert" else 0)
        allowed = {"static": {static}, "auto": {0, static}}.get(approach, {0})
        assert sum(scheme.is_static for scheme in matmuls) in allowed
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
        for scale in scales[1:]:  # a convolution of another batch size may sum in another order
            torch.testing.assert_close(scale, scales[0])

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

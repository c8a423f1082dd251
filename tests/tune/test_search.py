"""The search through `quantization.fit`: what it tries, keeps, and goes on from."""

import copy
import json
import logging

import pytest
import torch
from fitting import (
    DAMAGED,
    ERROR_GOAL,
    NEVER_MET,
    ErrorAgainstFloat,
    Net,
    assert_unchanged,
    config,
    damaged_bert,
    data_of,
    images,
    models,
    net,
    snapshot,
)
from tiny import logits_of, tiny_inputs, tiny_model
from torch import nn

from inc_hf import AccuracyCriterion
from inc_hf.config import set_resume_from, set_workspace
from inc_hf.quantization import fit
from inc_hf.quantize.nn import QEmbedding, QLinear, quantized_modules

pytest_plugins = ["workspace_fixture"]
pytestmark = pytest.mark.usefixtures("workspace")


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
        assert sorted(path.name for path in workspace.iterdir()) == ["deploy", "deploy.json", "history.json"]

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

    @pytest.mark.parametrize("other", ["model", "data", "calibration"])
    def test_what_scored_the_same_and_is_another_is_evaluated_again(self, other, workspace, caplog):
        model, data = net(), [(images(), torch.zeros(6, dtype=torch.long))]
        asked = {"eval_dataloader": data, "eval_metric": "accuracy", "calib_dataloader": data}
        wanted = config("static", AccuracyCriterion(tolerable_loss=0), max_trials=2)
        first = fit(model, wanted, **asked)
        set_resume_from(workspace)
        if other == "model":
            with torch.no_grad():
                model.conv.bias.add_(1e-6)
        elif other == "data":
            asked["eval_dataloader"] = [(images() * 1.0001, data[0][1])]
        else:
            asked["calib_dataloader"] = [images() * 0.5]
        again = fit(model, wanted, **asked)
        assert again.baseline == first.baseline
        assert [t.seconds for t in again.trials] != [t.seconds for t in first.trials]
        assert "of another model or other data (the float model scored" in caplog.text
        caplog.clear()
        resumed = fit(model, wanted, **asked)
        assert [t.seconds for t in resumed.trials] == [
            t.seconds for t in again.trials
        ] and "another" not in caplog.text

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
        with pytest.raises(ValueError, match="not a tuning history; choose another workspace, or move the file away"):
            fit(net(), config(), eval_func=lambda model: 0.9)
        assert (workspace / "history.json").read_text() == "mine"

    def test_resume_with_another_model_is_worth_a_warning(self, workspace, caplog):
        """Its scores would be taken for those of this model."""
        fit(net(), config(), eval_func=lambda model: 0.9)
        set_resume_from(workspace)
        caplog.clear()
        with caplog.at_level(logging.WARNING, "inc_hf"):
            fit(net(), config(), eval_func=lambda model: 0.9)
            assert "WARNING" not in caplog.text
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

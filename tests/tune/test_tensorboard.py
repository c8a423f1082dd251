"""What a search writes for TensorBoard."""

import sys

import pytest
from fitting import ERROR_GOAL, ErrorAgainstFloat, config, damaged_bert, data_of, images, net
from tiny import tiny_model

from inc_hf import MixedPrecisionConfig, mix_precision, set_tensorboard
from inc_hf.quantization import fit

pytest_plugins = ["workspace_fixture"]
pytestmark = pytest.mark.usefixtures("workspace")


def scalars_in(folder) -> dict[str, list[tuple[int, float]]]:
    events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    accumulator = events.EventAccumulator(str(folder)).Reload()
    return {tag: [(e.step, e.value) for e in accumulator.Scalars(tag)] for tag in accumulator.Tags()["scalars"]}


def test_trials_and_ranges(workspace):
    set_tensorboard(True)
    model = damaged_bert()
    evaluate = ErrorAgainstFloat(model)
    result = fit(model, config("static", ERROR_GOAL), calib_dataloader=data_of(model), eval_func=evaluate)
    found = scalars_in(workspace / "tensorboard")
    count = len(result.trials)
    assert [step for step, _ in found["trial/score"]] == list(range(1, count + 1))
    assert [value for _, value in found["trial/score"]] == pytest.approx([t.score for t in result.trials])
    assert [value for _, value in found["trial/size"]] == [t.bytes for t in result.trials]
    assert [step for step, _ in found["trial/latency"]] == [count], "of the trial that met the goal"
    weight = model.classifier.weight
    assert found["weight/classifier/float_max"] == [(count, pytest.approx(weight.max().item()))]
    assert found["activation/classifier/int8_max"][0][1] == pytest.approx(
        found["activation/classifier/float_max"][0][1], abs=0.02
    )
    assert not any("output.dense/" in tag and "attention" not in tag for tag in found), "which is in float"


def test_bf16(workspace):
    set_tensorboard(True)
    model = tiny_model("bert")
    settings = MixedPrecisionConfig(accuracy_criterion=ERROR_GOAL)
    result = mix_precision.fit(model, settings, eval_func=ErrorAgainstFloat(model))
    found = scalars_in(workspace / "tensorboard")
    assert [value for _, value in found["trial/latency"]] == pytest.approx([result.trials[0].latency])


def test_nothing_is_written_unless_asked_for(workspace):
    fit(net(), config(), eval_func=lambda model: 1.0)
    assert not (workspace / "tensorboard").exists()


def test_without_the_package_it_is_said_before_anything_is_evaluated(workspace, monkeypatch):
    set_tensorboard(True)
    monkeypatch.setitem(sys.modules, "tensorboard", None)  # as for a package that is not there
    evaluate = ErrorAgainstFloat(net(), images())
    with pytest.raises(ImportError, match=r'pip install "inc-hf\[tensorboard\]"'):
        fit(net(), config(), eval_func=evaluate)
    assert evaluate.calls == 0 and not workspace.exists()

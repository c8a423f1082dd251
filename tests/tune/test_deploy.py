"""A model that is made again from the deploy file of a search, or of a saved one."""

import copy
import json

import pytest
import torch
from fitting import ERROR_GOAL, NEVER_MET, ErrorAgainstFloat, config, damaged_bert, data_of, images, net
from tiny import logits_of, tiny_inputs, tiny_model

from inc_hf import DeployConfig, PostTrainingQuantConfig, set_workspace
from inc_hf.checkpoint.describe import to_inc
from inc_hf.quantization import fit

pytest_plugins = ["workspace_fixture"]
pytestmark = pytest.mark.usefixtures("workspace")

SMOOTH = {"smooth_quant": True}
SEARCHED = {
    "static": {"approach": "static"},
    "dynamic": {"approach": "dynamic"},
    "smoothed": {"approach": "static", "recipes": SMOOTH},
    "bias corrected": {"approach": "static", "recipes": {"fast_bias_correction": True, **SMOOTH}},
    "auto": {"approach": "auto"},
}


def tensors_of(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    buffers = {name: b for name, b in model.named_buffers() if not name.endswith(".packed")}
    return {**model.state_dict(), **buffers}


def assert_same(made: torch.nn.Module, expected: torch.nn.Module) -> None:
    assert to_inc(made) == to_inc(expected)
    found, wanted = tensors_of(made), tensors_of(expected)
    assert found.keys() == wanted.keys() and all(torch.equal(found[name], wanted[name]) for name in wanted)


def fail(model):
    raise AssertionError("a deploy file needs no evaluation")


class TestOfASearch:
    @pytest.mark.parametrize("settings", SEARCHED.values(), ids=SEARCHED)
    def test_the_same_integers_and_scales(self, settings, workspace):
        """Of a model that has a module back in float."""
        model, data = damaged_bert(), [tiny_inputs(tiny_model("bert"), 6), tiny_inputs(tiny_model("bert"), 5)]
        goal = config(goal=ERROR_GOAL, **settings, calibration_sampling_size=8)
        best = fit(model, goal, calib_dataloader=data, eval_func=ErrorAgainstFloat(model))
        assert best.met_criterion and len(best.trials) > 1
        again = DeployConfig.from_json_file(workspace / "deploy.json")
        assert again.to_dict() == best.deploy.to_dict()
        made = fit(model, again, calib_dataloader=data if again.needs_data else None)
        assert made.model is model and made.score is None and made.notes == []
        assert_same(model, best.model)
        assert str(made.coverage) == str(best.coverage)
        assert made.q_config == best.q_config

    def test_convolutions(self, workspace):
        model = net()
        evaluate = ErrorAgainstFloat(model, images())
        best = fit(model, config("static", ERROR_GOAL), calib_dataloader=[images()], eval_func=evaluate)
        made = fit(model, DeployConfig.from_json_file(workspace / "deploy.json"), calib_func=lambda m: m(images()))
        assert_same(made.model, best.model)
        assert "calibration data is not that of" in made.notes[0], "what a function runs is not known"

    def test_each_trial(self, workspace):
        model = damaged_bert()
        result = fit(model, config("dynamic", NEVER_MET, max_trials=3), eval_func=ErrorAgainstFloat(model))
        labels = [DeployConfig.from_json_file(workspace / "deploy.json", n).candidate.label for n in (1, 2, 3)]
        assert labels == [trial.label for trial in result.trials]
        first = fit(copy.deepcopy(model), DeployConfig.from_json_file(workspace / "deploy.json", trial=1))
        assert_same(first.model, fit(copy.deepcopy(model), config("dynamic")).model)

    def test_each_trial_of_a_search_that_failed(self, workspace):
        scores = iter([1.0, 0.1, 0.2])
        with pytest.raises(StopIteration):
            fit(net(), config(), eval_func=lambda model: next(scores))
        assert not (workspace / "deploy.json").exists()
        DeployConfig.from_json_file(workspace / "deploy.json", trial=2)


@pytest.mark.parametrize("recipes", [{}, SMOOTH], ids=["plain", "folded"])
def test_beside_a_saved_model(tmp_path, recipes):
    """What was converted without a search, its smoothing factors folded into the layers before."""
    model = tiny_model("bert")
    asked = PostTrainingQuantConfig(approach="static", recipes=recipes)
    first = fit(copy.deepcopy(model), asked, calib_dataloader=data_of(model))
    first.save_pretrained(tmp_path / "int8")
    again = DeployConfig.from_json_file(tmp_path / "int8" / "deploy.json")
    assert again.folded and again.seed == 1978 and again.batch_size == 3
    made = fit(model, again, calib_dataloader=data_of(model))
    assert_same(made.model, first.model)
    made.save_pretrained(tmp_path / "again")
    for name in ("config.json", "model.safetensors", "deploy.json"):
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "int8" / name).read_bytes()
    assert torch.equal(logits_of(made.model), logits_of(first.model))


def test_other_weights_and_other_data_are_said(caplog):
    model = tiny_model("bert")
    deploy = fit(copy.deepcopy(model), config("static"), calib_dataloader=data_of(model)).deploy
    with torch.no_grad():
        model.classifier.weight.add_(1)
    made = fit(model, deploy, calib_dataloader=[tiny_inputs(model, 2)])
    assert len(made.notes) == 2 and all(note in caplog.text for note in made.notes)
    assert "other weights" in made.notes[0] and "not that of the deploy file" in made.notes[1]


def test_a_file_without_layers_is_read_as_before():
    deploy = fit(net(), config()).deploy
    older = {key: value for key, value in deploy.to_dict().items() if key != "layers"}
    assert fit(net(), DeployConfig.from_dict(older)).notes == []


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The content of a deploy file, and a workspace that it lies in."""
    workspace = tmp_path_factory.mktemp("workspace")
    set_workspace(workspace)
    model = net()
    fit(model, config("static"), calib_dataloader=[images()], eval_func=lambda model: 1.0)
    return json.loads((workspace / "deploy.json").read_text())


def changed(written: dict, **values) -> dict:
    return {key: value for key, value in {**written, **values}.items() if value is not None}


WRONG = {
    "another file": ({"trials": []}, 'has no "deploy_version"'),
    "a list": ([], 'has no "deploy_version"'),
    "newer": ({"deploy_version": 2}, "version 2, this inc_hf reads 1; `pip install -U inc-hf`"),
    "a key too many": ({"rounding": "up"}, "it has 'rounding', which is not known here"),
    "a key too few": ({"approach": None}, "damaged .KeyError.'approach'"),
    "no modules": ({"groups": []}, "quantizes no module"),
    "a type": ({"seed": "1"}, "its 'seed' is '1'"),
    "a truth": ({"folded": 1}, "its 'folded' is 1"),
    "an approach": ({"approach": "best"}, "`approach` must be one of"),
    "a recipe": ({"recipes": {"salt": 1}}, "salt"),
    "samples": ({"calibration_samples": "all"}, "'calibration_samples' is 'all'"),
    "groups": ({"groups": [{"scheme": {"weight": {}}, "modules": 3}]}, "damaged"),
    "bits": ({"groups": [{"scheme": {"weight": {"num_bits": 9}}, "modules": ["head"]}]}, "9 bits for `head`"),
    "a group size": (
        {"groups": [{"scheme": {"weight": {"group_size": 0}}, "modules": ["head"]}]},
        "'group_size' is 0",
    ),
    "symmetry": (
        {"groups": [{"scheme": {"weight": {"symmetric": "yes"}}, "modules": ["head"]}]},
        "'symmetric' is 'yes'",
    ),
    "layers": ({"layers": 3}, "its 'layers' is 3"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_file_is_refused(case, written, tmp_path):
    values, message = WRONG[case]
    content = changed(written, **values) if isinstance(values, dict) and "trials" not in values else values
    (tmp_path / "deploy.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match=message) as caught:
        DeployConfig.from_json_file(tmp_path / "deploy.json")
    assert "deploy.json is no deploy file: " in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", '{"deploy_version": 1'], ids=["empty", "truncated", "in the middle"])
def test_a_broken_file_is_refused(text, tmp_path):
    (tmp_path / "deploy.json").write_text(text)
    with pytest.raises(ValueError, match="no deploy file: it is damaged"):
        DeployConfig.from_json_file(tmp_path / "deploy.json")


def test_wrong_uses(written, workspace, tmp_path):
    deploy = DeployConfig.from_dict(written)
    with pytest.raises(ValueError, match="pass `calib_dataloader` or `calib_func`"):
        fit(net(), deploy)
    with pytest.raises(ValueError, match="made again, not searched: leave out what evaluates it"):
        fit(net(), deploy, calib_dataloader=[images()], eval_func=fail)
    with pytest.raises(ValueError, match="of another model: this one has no `conv`.* 3 of its 3"):
        fit(tiny_model("bert"), deploy, calib_dataloader=[images()])
    larger = net()
    larger.more = torch.nn.Linear(4, 4)
    with pytest.raises(ValueError, match="of another model: it says nothing of `more`"):
        fit(larger, deploy, calib_dataloader=[images()])
    wider = net()
    wider.head = torch.nn.Linear(wider.head.in_features, wider.head.out_features + 1)
    with pytest.raises(ValueError, match="of another model: this one has modules of these names, with other sizes"):
        fit(wider, deploy, calib_dataloader=[images()])
    with pytest.raises(FileNotFoundError, match="history.json, which says what trial 1 is"):
        DeployConfig.from_json_file(tmp_path / "deploy.json", trial=1)
    fit(net(), config(), eval_func=lambda model: 1.0)
    with pytest.raises(ValueError, match="has 1 trials, and none of the number 2"):
        DeployConfig.from_json_file(workspace / "deploy.json", trial=2)
    for trial in ("x", 1.5, True):
        with pytest.raises(TypeError, match=r"`trial` is the number of one in .*history.json, from 1 to 1, got"):
            DeployConfig.from_json_file(workspace / "deploy.json", trial=trial)
    next((workspace / "deploy").iterdir()).unlink()
    with pytest.raises(FileNotFoundError, match="does not have how trial 1 was made"):
        DeployConfig.from_json_file(workspace / "deploy.json", trial=1)

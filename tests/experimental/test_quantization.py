"""`Quantization`: the YAML of 1.X and the code of 2.X give the same model, after training and while it trains."""

import pytest
import torch
from experimenting import BATCHES, LOADER, accuracy, conf_of, loop, loop_of_2x, net, same
from fitting import snapshot
from tiny import tiny_inputs, tiny_model

from inc_hf import PostTrainingQuantConfig, QuantizedModel, quantization
from inc_hf.config import AccuracyCriterion, QuantizationAwareTrainingConfig, TuningCriterion, options
from inc_hf.experimental import Quantization, common
from inc_hf.experimental.conf_classes import PruningConf, QuantConf
from inc_hf.quantize.nn import quantized_modules
from inc_hf.training import fit, prepare_compression

pytest_plugins = ["workspace_fixture"]
STATIC, DYNAMIC, AUTO = (f"post_training_{name}_quant" for name in ("static", "dynamic", "auto"))
QAT = {"quantization": {"approach": "quant_aware_training"}}


def quantizer_of(tmp_path, model=None, **sections):
    quantizer = Quantization(conf_of(tmp_path, **sections))
    quantizer.model = common.Model(net() if model is None else model)
    return quantizer


@pytest.mark.parametrize("approach", [STATIC, DYNAMIC, AUTO])
def test_the_same_bits_as_2x(approach, tmp_path):
    quantizer = quantizer_of(tmp_path, quantization={"approach": approach, "calibration": {"sampling_size": 8}})
    quantizer.calib_dataloader = LOADER
    found = quantizer.fit()
    conf = PostTrainingQuantConfig(approach=approach, calibration_sampling_size=8)
    expected = quantization.fit(net(), conf, None if approach == DYNAMIC else LOADER)
    assert isinstance(found, QuantizedModel) and quantized_modules(found.model)
    assert same(found.model, expected.model)


def test_settings_of_layers_and_a_search(tmp_path, workspace):
    op = {"weight": {"dtype": "fp32"}, "activation": {"dtype": "fp32"}}
    quantizer = quantizer_of(
        tmp_path,
        quantization={"approach": STATIC, "op_wise": {"hidden": op}, "recipes": {"fast_bias_correction": True}},
        tuning={
            "accuracy_criterion": {"absolute": 0.5},
            "exit_policy": {"max_trials": 3},
            "strategy": {"name": "basic"},
        },
    )
    quantizer.calib_dataloader, quantizer.eval_func = LOADER, accuracy
    model = quantizer.model.model
    before = snapshot(model)["state"]
    found = quantizer()
    conf = PostTrainingQuantConfig(
        op_name_dict={"hidden": op},
        recipes={"fast_bias_correction": True},
        quant_level=1,
        accuracy_criterion=AccuracyCriterion(criterion="absolute", tolerable_loss=0.5),
        tuning_criterion=TuningCriterion(max_trials=3),
    )
    expected = quantization.fit(net(), conf, LOADER, eval_func=accuracy)
    assert same(found.model, expected.model) and found.met_criterion == expected.met_criterion
    assert "hidden" not in quantized_modules(found.model)
    assert all(torch.equal(value, model.state_dict()[name]) for name, value in before.items())


def test_the_metric_of_the_conf(tmp_path, workspace):
    quantizer = quantizer_of(
        tmp_path, quantization={"approach": DYNAMIC}, evaluation={"accuracy": {"metric": {"topk": 1}}}
    )
    quantizer.eval_dataloader = LOADER
    found = quantizer.fit()
    expected = quantization.fit(
        net(), PostTrainingQuantConfig(approach="dynamic"), eval_dataloader=LOADER, eval_metric={"topk": 1}
    )
    assert (found.score, found.baseline) == (expected.score, expected.baseline)


class Sure:
    """Counts rows that came with what postprocessing makes of them."""

    def __init__(self, worth=1.0):
        self.worth = worth

    def reset(self):
        self.rows = 0

    def update(self, predictions, labels):
        assert predictions.shape == labels.shape
        self.rows += len(labels)

    def result(self):
        return self.worth * self.rows


def test_a_metric_and_a_postprocess_of_the_users_own(tmp_path, workspace):
    quantizer = quantizer_of(tmp_path, quantization={"approach": DYNAMIC})
    quantizer.eval_dataloader = common.DataLoader([(x[0], y[0]) for x, y in BATCHES], batch_size=2)
    quantizer.metric = common.Metric(Sure, name="sure", worth=2.0)
    quantizer.postprocess = common.Postprocess(lambda pair: (pair[0].argmax(-1), pair[1]))
    assert quantizer.fit().score == 8


def test_performance_only_does_not_evaluate(tmp_path):
    quantizer = quantizer_of(
        tmp_path, quantization={"approach": DYNAMIC}, tuning={"exit_policy": {"performance_only": True}}
    )
    quantizer.eval_func = pytest.fail
    assert quantizer.fit().score is None


def test_data_from_the_conf(tmp_path, workspace):
    dataloader = {"batch_size": 4, "dataset": {"dummy": {"shape": [8, 3, 8, 8], "low": 0.0, "high": 1.0}}}
    quantizer = quantizer_of(
        tmp_path,
        quantization={"approach": STATIC, "calibration": {"dataloader": dataloader}},
        evaluation={"accuracy": {"metric": {"topk": 1}, "dataloader": dataloader}},
    )
    found = quantizer.fit()
    assert quantized_modules(found.model) and found.score is not None


def test_q_func_calibrates(tmp_path):
    quantizer = quantizer_of(tmp_path, quantization={"approach": STATIC})
    quantizer.q_func = lambda model: [model(x) for x, _ in BATCHES]
    found = quantizer.fit()
    expected = quantization.fit(
        net(), PostTrainingQuantConfig(), calib_func=lambda model: [model(x) for x, _ in BATCHES]
    )
    assert same(found.model, expected.model)


def test_what_comes_back_works_as_in_1x(tmp_path):
    model = tiny_model("bert")
    quantizer = quantizer_of(tmp_path, model, quantization={"approach": DYNAMIC})
    quantized = quantizer.fit()
    assert quantized(**tiny_inputs(model)).logits.ndim == 2
    quantized.save(tmp_path / "saved")
    assert (tmp_path / "saved" / "config.json").is_file()


@pytest.mark.parametrize("how", ["hooks", "no hooks"])
@pytest.mark.parametrize("activation", [None, {"scheme": "asym", "granularity": "per_tensor"}], ids=["", "static"])
def test_training_with_rounded_weights(activation, how, tmp_path):
    """Activations are static where the conf says how."""
    settings = {} if activation is None else {"model_wise": {"activation": activation}}
    quantizer = quantizer_of(tmp_path, quantization={**QAT["quantization"], **settings})
    quantizer.q_func = lambda model: loop(model, quantizer, calls=None if how == "hooks" else ())
    quantizer.eval_func = accuracy
    found = quantizer.fit()
    op_types = {} if activation is None else {".*": {"activation": activation}}
    manager = prepare_compression(net(), QuantizationAwareTrainingConfig(op_type_dict=op_types))
    expected = fit(manager, lambda model: loop_of_2x(model.model, manager), eval_func=lambda m: accuracy(raw(m)))
    assert quantized_modules(found.model) and same(found.model, expected.model)
    assert found.score == expected.score
    assert {m.scheme.is_static for m in quantized_modules(found.model).values()} == {activation is not None}


def raw(model):
    return getattr(model, "model", model)


def test_the_conf_in_code(tmp_path):
    conf = QuantConf()
    conf.usr_cfg.model.framework = "pytorch"
    conf.usr_cfg.quantization.approach = DYNAMIC
    conf.usr_cfg.tuning.exit_policy.max_trials = 2
    quantizer = Quantization(conf)
    quantizer.model = net()
    expected = quantization.fit(net(), PostTrainingQuantConfig(approach="dynamic"))
    assert same(quantizer.fit().model, expected.model)


def test_the_seed_of_the_conf_is_for_the_component_only(tmp_path):
    before = options.to_dict()
    seen = []
    quantizer = quantizer_of(tmp_path, quantization={"approach": STATIC}, tuning={"random_seed": 7})
    quantizer.q_func = lambda model: (seen.append(options.random_seed), model(BATCHES[0][0]))
    quantizer.fit()
    assert set(seen) == {7} and options.to_dict() == before


def no_model(tmp_path):
    Quantization(conf_of(tmp_path, quantization={"approach": DYNAMIC})).fit()


def no_data(tmp_path):
    quantizer_of(tmp_path, quantization={"approach": STATIC}).fit()


def no_metric(tmp_path):
    quantizer = quantizer_of(tmp_path, quantization={"approach": DYNAMIC})
    quantizer.eval_dataloader = LOADER
    quantizer.fit()


def unknown_dataset(tmp_path):
    data = {"dataset": {"CIFAR10": {"root": "."}}}
    quantizer_of(tmp_path, quantization={"approach": STATIC, "calibration": {"dataloader": data}}).fit()


def other_metric(tmp_path):
    quantizer = quantizer_of(
        tmp_path,
        quantization={"approach": DYNAMIC},
        evaluation={"accuracy": {"metric": {"MSE": {"compare_label": False}}}},
    )
    quantizer.eval_dataloader = LOADER
    quantizer.fit()


def no_evaluation_data(tmp_path):
    quantizer = quantizer_of(tmp_path, quantization={"approach": DYNAMIC})
    quantizer.metric = Sure()
    quantizer.fit()


def no_training(tmp_path):
    quantizer_of(tmp_path, **QAT).fit()


def no_function(tmp_path):
    quantizer = quantizer_of(tmp_path, quantization={"approach": DYNAMIC})
    quantizer.eval_func = 0.9
    quantizer.fit()


def path_for_model(tmp_path):
    Quantization(conf_of(tmp_path, quantization={"approach": DYNAMIC})).model = "model.pb"


def own_objective(tmp_path):
    quantizer_of(tmp_path, quantization={"approach": DYNAMIC}).objective = object()


def of_2x(tmp_path):
    Quantization(PostTrainingQuantConfig())


def changed_to_nonsense(tmp_path):
    quantizer = quantizer_of(tmp_path, quantization={"approach": DYNAMIC})
    quantizer.cfg.quantization.approch = STATIC
    quantizer.fit()


REFUSED = {
    no_model: "Quantization has no model: set `.model`",
    no_data: "needs calibration data: set `calib_dataloader` or `q_func`",
    no_metric: "no metric: set `metric`",
    unknown_dataset: "`quantization.calibration.dataloader`: INC's dataset `CIFAR10` is not kept: torchvision",
    other_metric: "The metric 'MSE' takes no settings, got 'compare_label'",
    no_evaluation_data: "nothing to score: set `eval_dataloader`",
    no_training: "does not know how to train: set `train_func`",
    no_function: "`eval_func` must be a function",
    path_for_model: "got the path 'model.pb'; load it first",
    own_objective: "`objective` must be the name of one",
    of_2x: "got PostTrainingQuantConfig, which belongs to 2.X: `inc_hf.quantization.fit`",
    changed_to_nonsense: "approch.* did you mean 'approach'",
}


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.__name__)
def test_refused(case, tmp_path):
    with pytest.raises(ValueError, match=REFUSED[case]):
        case(tmp_path)


def test_a_conf_of_another_component(tmp_path):
    path = conf_of(tmp_path, pruning={"approach": {"weight_compression": {"target_sparsity": 0.5}}})
    with pytest.raises(ValueError, match="conf.yaml: .*needs the section 'quantization'.*has 'pruning'; use Pruning"):
        Quantization(path)
    quantizer = Quantization(PruningConf(path))
    quantizer.model = net()
    with pytest.raises(ValueError, match="use Pruning"):
        quantizer.fit()

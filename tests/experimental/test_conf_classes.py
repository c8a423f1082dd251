"""What scripts of 1.X write to a conf."""

import copy
import pickle

import pytest
from experimenting import conf_of, loop, net
from fitting import images

from inc_hf.conf.config import DefaultConf, DistillationConf, NASConfig, Pruner, PrunerV2, PruningConf, QuantConf
from inc_hf.config import PostTrainingQuantConfig
from inc_hf.experimental import Benchmark, Distillation, Pruning, Quantization
from inc_hf.migrate.conf import ConfError
from inc_hf.migrate.conf.translate import post_training_config

DYNAMIC = {"quantization": {"approach": "post_training_dynamic_quant"}}


def test_what_is_missing_reads_as_nothing_and_can_be_written_to():
    settings = DefaultConf()
    assert not settings.tuning.exit_policy.max_trials and "tuning" not in settings
    settings.tuning.exit_policy.max_trials = 3
    settings["model"]["name"] = "net"
    settings.pruning.approach.weight_compression.pruners = [{"names": ["a.weight"], "parameters": {"target": 8}}]
    assert settings["tuning"]["exit_policy"]["max_trials"] == settings.tuning.exit_policy.max_trials == 3
    assert settings["pruning"]["approach"]["weight_compression"]["pruners"][0].parameters["target"] == 8
    assert settings.get("device") is None and settings == copy.deepcopy(settings)
    assert pickle.loads(pickle.dumps(settings)) == settings
    assert settings.to_dict()["tuning"] == {"exit_policy": {"max_trials": 3}}
    del settings.tuning
    assert "tuning" not in settings


def test_a_file_stays_as_it_is(tmp_path):
    path = conf_of(tmp_path, **DYNAMIC)
    before = open(path).read()
    conf = QuantConf(path)
    conf.usr_cfg.tuning.accuracy_criterion.absolute = 0.5
    conf.usr_cfg.quantization.approach = "post_training_static_quant"
    config = post_training_config(conf.read())
    assert (config.approach, config.accuracy_criterion.absolute) == ("static", 0.5)
    assert open(path).read() == before


def test_errors_of_a_file_know_the_line_as_long_as_it_holds(tmp_path):
    path = conf_of(
        tmp_path, quantization={"approach": "post_training_dynamic_quant", "op_wise": {"a": {"weigth": {}}}}
    )
    with pytest.raises(ConfError, match=r"conf.yaml, line 8: .*weigth.*did you mean 'weight'"):
        QuantConf(path)


def test_keys_that_mean_nothing_are_told_once(tmp_path, caplog):
    path = conf_of(tmp_path, version=1.0, **DYNAMIC, evaluation={"accuracy": {"configs": {"kmp_blocktime": 1}}})
    Quantization(path).sections()
    assert len(caplog.records) == 1 and "`evaluation.accuracy.configs.kmp_blocktime` (it is a setting" in caplog.text


def test_empty_sections(tmp_path):
    (tmp_path / "conf.yaml").write_text("model:\n  name: n\n  framework: pytorch\nquantization:\ntuning:\n")
    conf = QuantConf(tmp_path / "conf.yaml")
    conf.usr_cfg.tuning.random_seed = 3
    assert post_training_config(conf.read()).approach == "static"


def test_without_a_file_there_are_the_defaults():
    assert QuantConf().read().quantization.approach == "post_training_static_quant"
    pruning = PruningConf().read().pruning.approach.weight_compression
    assert (pruning.target_sparsity, pruning.end_epoch) == (0.97, 4)
    train = DistillationConf({"distillation": {"train": {"end_epoch": 3}}}).read().distillation.train
    assert (train.end_epoch, train.iteration, train.optimizer.name) == (3, 1000, "SGD")
    assert train.criterion.args["loss_types"] == ["CE", "KL"]
    adam = {"distillation": {"train": {"optimizer": {"Adam": {"learning_rate": 0.1}}}}}
    assert DistillationConf(adam).read().distillation.train.optimizer.name == "Adam"


def test_a_file_without_the_section(tmp_path):
    assert Quantization(conf_of(tmp_path, device="cpu")).sections().quantization is not None


def test_the_object_of_the_package(monkeypatch):
    from inc_hf import conf
    from inc_hf.conf import config

    conf.model.framework = "pytorch"
    conf.distillation.train.end_epoch = 2
    monkeypatch.setattr(conf, "device", "cpu", raising=False)
    try:
        distiller = Distillation(conf)
        assert distiller.sections().distillation.train.end_epoch == 2
        assert distiller.cfg.device == "cpu" and distiller.cfg.model.framework == "pytorch"
    finally:
        config.conf.clear()
    with pytest.raises(AttributeError, match="no attribute 'quantisation'"):
        conf.quantisation  # noqa: B018


def test_pruners_in_code():
    pruner = Pruner(start_epoch=0, end_epoch=2, prune_type="basic_magnitude", names=["hidden.weight"])
    prune = Pruning({"pruning": {"approach": {"weight_compression": {"pruners": [pruner]}}}})
    prune.model = net()
    prune.train_func = lambda model: loop(model, prune)
    zeros = prune.fit().model.hidden.weight == 0
    assert zeros.float().mean() > 0.9


def test_pruners_by_position():
    """As tests of INC write them; None is what is not given."""
    found = Pruner(1, 3, names=["hidden.weight"])
    assert found == Pruner(start_epoch=1, end_epoch=3, names=["hidden.weight"], parameters=None)
    assert Pruner(None, None, 0.0, 0.5, 2, "per_tensor", "basic_magnitude").prune_type == "basic_magnitude"
    expected = {"target_sparsity": 0.5, "pruning_type": "magnitude", "pattern": "1x1", "op_names": ["hidden"]}
    assert PrunerV2(0.5, "magnitude", "1x1", ["hidden"]) == PrunerV2(**expected) == expected
    weights = {"start_epoch": 0, "end_epoch": 3, "pruners": [found]}
    prune = Pruning({"pruning": {"approach": {"weight_compression": weights}}})
    prune.model = net()
    prune.train_func = lambda model: loop(model, prune, epochs=4)
    assert (prune.fit().model.hidden.weight == 0).float().mean() > 0.9
    with pytest.raises(TypeError, match="A Pruner has 16 settings, got 17 values"):
        Pruner(*range(17))
    with pytest.raises(TypeError, match="`end_epoch` of a Pruner was given by its place and by its name"):
        Pruner(1, 3, end_epoch=2)


def test_a_dict(tmp_path):
    quantizer = Quantization(DYNAMIC)
    quantizer.model = net()
    assert quantizer()(images()).shape == (6, 4)
    assert post_training_config(quantizer.sections()) == PostTrainingQuantConfig(approach="dynamic")


@pytest.mark.parametrize("name", ["tensorflow", "mxnet", "keras", "onnxrt_qlinearops"])
def test_other_frameworks(name, tmp_path):
    conf = {"model": {"name": "n", "framework": name}, "pruning": {"approach": {"weight_compression": {}}}}
    prune = None
    with pytest.raises(ConfError, match=name):
        prune = Pruning(conf)
        prune.model = net()
        prune.train_func = print
        prune.fit()


def test_refused(tmp_path):
    with pytest.raises(FileNotFoundError):
        Quantization(tmp_path / "none.yaml")
    with pytest.raises(TypeError, match="A conf must be the path of a YAML file, a dict .* got int"):
        Benchmark(3)
    with pytest.raises(ValueError, match="NAS and DyNAS are not here"):
        NASConfig("dynas")

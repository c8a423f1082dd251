"""`Benchmark`: speed and score."""

import logging

import pytest
from experimenting import LOADER, accuracy, conf_of, net
from tiny import tiny_model

from inc_hf.benchmark.result import BenchmarkResult
from inc_hf.config import BenchmarkConfig
from inc_hf.experimental import Benchmark, common
from inc_hf.migrate.conf.translate import benchmark_config

PERFORMANCE = {"warmup": 1, "iteration": 3, "configs": {"num_of_instance": 1, "cores_per_instance": 1}}


def evaluator_of(tmp_path, model=None, **evaluation):
    evaluator = Benchmark(conf_of(tmp_path, evaluation=evaluation))
    evaluator.model = common.Model(net() if model is None else model)
    return evaluator


def test_the_config_is_that_of_2x(tmp_path):
    evaluator = evaluator_of(tmp_path, performance=PERFORMANCE)
    expected = BenchmarkConfig(warmup=1, iteration=3, num_of_instance=1, cores_per_instance=1)
    assert benchmark_config(evaluator.conf.read()) == expected


@pytest.mark.parametrize("name", ["b_dataloader", "dataloader"])
def test_a_plain_module_is_timed_here(name, tmp_path, caplog):
    caplog.set_level(logging.INFO, "inc_hf")
    evaluator = evaluator_of(tmp_path, performance=PERFORMANCE)
    setattr(evaluator, name, LOADER)
    result = evaluator()
    assert isinstance(result, BenchmarkResult) and result.measurements[0].latency.calls == 3
    score, batch_size, times = evaluator.results["performance"]
    assert (score, batch_size, len(times)) == (0, 4, 1) and times[0] > 0
    for line in ("Batch size = 4", "Latency: ", "Throughput: "):
        assert line in caplog.text


def test_all_batches_once_by_default(tmp_path):
    evaluator = evaluator_of(tmp_path, performance={"warmup": 0})
    evaluator.b_dataloader = LOADER
    assert evaluator("performance").measurements[0].latency.calls == len(LOADER)


def test_data_of_the_conf(tmp_path):
    data = {"batch_size": 2, "dataset": {"dummy": {"shape": [4, 3, 8, 8], "low": 0.0, "high": 1.0}}}
    evaluator = evaluator_of(tmp_path, performance={"warmup": 0, "dataloader": data})
    assert evaluator.fit().measurements[0].latency.calls == 2


def test_accuracy(tmp_path):
    evaluator = evaluator_of(tmp_path, accuracy={"metric": {"topk": 1}})
    evaluator.b_dataloader = LOADER
    assert evaluator("accuracy") == pytest.approx(accuracy(net()))
    assert evaluator.results["accuracy"][:2] == (evaluator("accuracy"), 4)
    evaluator.b_func = lambda model: 0.25
    assert evaluator("accuracy") == 0.25


@pytest.mark.slow("inc_hf/benchmark", "inc_hf/experimental/benchmark.py")
def test_a_model_of_transformers_in_processes_of_its_own(tmp_path):
    evaluator = evaluator_of(tmp_path, tiny_model("bert"), performance=PERFORMANCE)
    result = evaluator()
    assert result.measurements[0].facts["backend"] == "torch"


def test_refused(tmp_path):
    with pytest.raises(ValueError, match="Benchmark has no model"):
        Benchmark().fit()
    evaluator = evaluator_of(tmp_path, performance=PERFORMANCE)
    with pytest.raises(ValueError, match="`mode` must be one of performance, accuracy, got 'speed'"):
        evaluator("speed")
    with pytest.raises(ValueError, match="nothing to run the model on: set `b_dataloader`"):
        evaluator("performance")
    with pytest.raises(ValueError, match="nothing to score by"):
        evaluator("accuracy")

"""`Scheduler`: several components after each other, and several at the same time."""

import pytest
import torch
from experimenting import BATCHES, accuracy, conf_of, loop, loop_of_2x, net, same
from tiny import tiny_inputs, tiny_model

from inc_hf import PostTrainingQuantConfig, QuantizedModel, quantization
from inc_hf.config import (
    DistillationConfig,
    KnowledgeDistillationLossConfig,
    QuantizationAwareTrainingConfig,
    WeightPruningConfig,
)
from inc_hf.experimental import Benchmark, Distillation, MixedPrecision, Pruning, Quantization
from inc_hf.experimental.scheduler import Scheduler
from inc_hf.quantize.bf16 import bf16_modules
from inc_hf.quantize.nn import quantized_modules
from inc_hf.results.compressed import CompressedModel
from inc_hf.training import prepare_compression

STEPS = {"target_sparsity": 0.5, "start_step": 0, "end_step": 8, "prune_type": "basic_magnitude"}
PRUNE = {"pruning": {"approach": {"weight_compression_pytorch": STEPS}}}
PRUNE_OF_2X = WeightPruningConfig(
    target_sparsity=0.5, pruning_type="magnitude", pattern="1x1", start_step=0, end_step=8
)
KD = {"temperature": 1.0, "loss_types": ["CE", "KL"], "loss_weights": [0.5, 0.5]}
DISTIL = {"distillation": {"train": {"criterion": {"KnowledgeDistillationLoss": KD}}}}
DYNAMIC = {"quantization": {"approach": "post_training_dynamic_quant"}}
QAT = {"quantization": {"approach": "quant_aware_training"}}


def prune_of(tmp_path):
    return Pruning(conf_of(tmp_path, **PRUNE))


def distiller_of(tmp_path):
    distiller = Distillation(conf_of(tmp_path, **DISTIL))
    distiller.teacher_model = net(2)
    return distiller


def quantizer_of(tmp_path, sections=DYNAMIC):
    return Quantization(conf_of(tmp_path, **sections))


def configs():
    return {
        "Distillation": DistillationConfig(net(2), KnowledgeDistillationLossConfig(**KD)),
        "Pruning": PRUNE_OF_2X,
        "Quantization": QuantizationAwareTrainingConfig(),
    }


def scheduler_of(*components, model=None):
    scheduler = Scheduler()
    scheduler.model = net() if model is None else model
    scheduler.append(*components)
    return scheduler


@pytest.mark.parametrize(
    "names",
    [
        ("Pruning", "Quantization"),
        ("Distillation", "Quantization"),
        ("Distillation", "Pruning"),
        ("Pruning", "Quantization", "Distillation"),
        ("Distillation", "Pruning", "Quantization"),
    ],
    ids="-".join,
)
def test_at_the_same_time(names, tmp_path):
    parts = {
        "Pruning": prune_of(tmp_path),
        "Distillation": distiller_of(tmp_path),
        "Quantization": quantizer_of(tmp_path, QAT),
    }
    scheduler = scheduler_of()
    combination = scheduler.combine(*(parts[name] for name in names))
    assert repr(combination) == f"Combination of {','.join(names)}"
    assert combination.model is scheduler.model
    combination.train_func = lambda model: loop(model, combination)
    combination.eval_func = accuracy
    scheduler.append(combination)
    found = scheduler()
    every = configs()
    manager = prepare_compression(net(), [every[name] for name in names])
    loop_of_2x(manager.model.model, manager)
    assert isinstance(found, CompressedModel) and same(found.model, manager.model.model)
    assert found.score == accuracy(found.model)
    assert bool(quantized_modules(found.model)) is ("Quantization" in names)


@pytest.mark.parametrize("epochs", [3, 4])
def test_steps_of_distillation_beside_pruning_that_counts_epochs(epochs, tmp_path, caplog):
    scheduler = scheduler_of()
    weights = {
        "target_sparsity": 0.5,
        "start_epoch": 0,
        "end_epoch": 2,
        "pruners": [{"prune_type": "basic_magnitude"}],
    }
    prune = Pruning(conf_of(tmp_path, pruning={"approach": {"weight_compression": weights}}))
    combination = scheduler.combine(distiller_of(tmp_path), prune)
    combination.train_func = lambda model: loop(model, combination, epochs)
    scheduler.append(combination)
    scheduler()
    assert f"Distilled in {epochs * len(BATCHES)} steps" in caplog.text
    assert "target_sparsity" not in caplog.text


def test_one_after_the_other(tmp_path):
    prune, quantizer = prune_of(tmp_path), quantizer_of(tmp_path)
    prune.train_func = lambda model: loop(model, prune)
    found = scheduler_of(prune, quantizer).fit()
    manager = prepare_compression(net(), PRUNE_OF_2X)
    loop_of_2x(manager.model.model, manager)
    expected = quantization.fit(manager.model.model, PostTrainingQuantConfig(approach="dynamic"))
    assert isinstance(found, QuantizedModel) and same(found.model, expected.model)


def test_three_after_each_other(tmp_path):
    prune, distiller, converter = prune_of(tmp_path), distiller_of(tmp_path), MixedPrecision()
    prune.train_func = lambda model: loop(model, prune, 2)
    distiller.train_func = lambda model: loop(model, distiller, 1)
    scheduler = scheduler_of(prune, distiller)
    scheduler.append(converter)
    found = scheduler.fit()
    assert len(bf16_modules(found.model)) == 2 and found.model is scheduler.model.model


def test_functions_of_the_scheduler(tmp_path):
    trained = []
    scheduler = scheduler_of(prune_of(tmp_path))
    scheduler.train_func, scheduler.eval_func = trained.append, lambda model: 0.5
    found = scheduler()
    assert trained == [found.model] and found.score == 0.5


def test_data_of_the_conf_and_of_the_distillation(tmp_path):
    """The distillation says how to train, where several do."""
    data = {"batch_size": 4, "dataset": {"dummy": {"shape": [8, 3, 8, 8], "low": 0.0, "high": 1.0}}}
    train = {"end_epoch": 1, "dataloader": data, "optimizer": {"SGD": {"learning_rate": 0.1}}}
    distil = {"distillation": {"train": {**train, **DISTIL["distillation"]["train"]}}}
    qat = {"quantization": {"approach": "quant_aware_training", "train": {**train, "end_epoch": 9}}}
    distiller = Distillation(conf_of(tmp_path, **distil))
    distiller.teacher_model = net(2)
    scheduler = scheduler_of()
    combination = scheduler.combine(Quantization(conf_of(tmp_path, **qat)), distiller)
    scheduler.append(combination)
    epochs = []
    combination.register_hook("on_epoch_begin", epochs.append)
    found = scheduler.fit()
    assert quantized_modules(found.model) and epochs == [0]


def test_with_checkpoints(tmp_path):
    calls = []

    def run(fail=False):
        prune, quantizer = prune_of(tmp_path), quantizer_of(tmp_path)
        prune.train_func = lambda model: calls.append("prune")
        quantizer.eval_func = (lambda model: 1 / 0) if fail else None
        scheduler = Scheduler(tmp_path / "out")
        scheduler.model = tiny_model("bert")
        scheduler.append(prune, quantizer)
        return scheduler.fit()

    with pytest.raises(ZeroDivisionError):
        run(fail=True)
    found = run()
    assert calls == ["prune"] and quantized_modules(found.model)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["1-pruning", "2-quantization", "work"]
    again = run()
    model = tiny_model("bert")
    assert torch.equal(again(**tiny_inputs(model)).logits, found(**tiny_inputs(model)).logits)


def test_a_benchmark_leaves_the_model(tmp_path):
    benchmark = Benchmark()
    benchmark.b_func = lambda model: model(BATCHES[0][0])
    benchmark.cfg.evaluation.performance = {"iteration": 2, "warmup": 0}
    scheduler = scheduler_of(benchmark)
    found = scheduler.fit()
    assert found.model is scheduler.model.model and benchmark.results["performance"]


def test_refused(tmp_path):
    scheduler = scheduler_of()
    with pytest.raises(ValueError, match="The Scheduler has no components"):
        scheduler.fit()
    with pytest.raises(ValueError, match="The Scheduler has no model"):
        Scheduler().fit()
    with pytest.raises(ValueError, match="`append` takes components, .* got str"):
        scheduler.append("prune")
    with pytest.raises(ValueError, match="at least two components, each of another kind, got .Pruning."):
        scheduler.combine(prune_of(tmp_path))
    with pytest.raises(ValueError, match="each of another kind"):
        scheduler.combine(prune_of(tmp_path), prune_of(tmp_path))
    with pytest.raises(ValueError, match="this Quantization has `approach` post_training_dynamic_quant"):
        scheduler.combine(prune_of(tmp_path), quantizer_of(tmp_path))
    with pytest.raises(ValueError, match="`combine` takes components of Quantization, Pruning, Distillation"):
        scheduler.combine(prune_of(tmp_path), MixedPrecision())
    other = Distillation(conf_of(tmp_path, device="gpu", **DISTIL))
    with pytest.raises(ValueError, match="same `device`, got cpu, gpu"):
        scheduler.combine(prune_of(tmp_path), other)

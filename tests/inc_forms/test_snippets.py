"""What INC 2.6's documentation shows for PyTorch, with `inc_hf` in the place of its package and a tiny model.

The pages: migration, quantization, pruning, distillation, mixed_precision, orchestration, metric, tuning_strategies.
Variables are called as there; what the pages leave out is filled in.
"""

import logging

import pytest
import torch
from tiny import tiny_inputs, tiny_model
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from inc_hf import benchmark, mix_precision, quantization
from inc_hf.compression.pruner import parse_auto_slim_config, prepare_pruning
from inc_hf.config import (
    AccuracyCriterion,
    BenchmarkConfig,
    DistillationConfig,
    KnowledgeDistillationLossConfig,
    MixedPrecisionConfig,
    PostTrainingQuantConfig,
    QuantizationAwareTrainingConfig,
    SelfKnowledgeDistillationLossConfig,
    TuningCriterion,
)
from inc_hf.prune.report import zeros_in_targets
from inc_hf.quantize.nn import quantized_modules
from inc_hf.training import WeightPruningConfig, fit, prepare_compression


class Block(nn.Module):
    def __init__(self, inputs):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(inputs, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1)

    def forward(self, x):
        return self.conv2(self.conv1(x).relu()).relu()


class ResNet50(nn.Module):
    """Named as that of torchvision, as far as the pages name its layers."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layer1, self.layer2, self.layer3 = (nn.Sequential(Block(i)) for i in (4, 8, 8))
        self.fc = nn.Linear(8, 4)

    def forward(self, x):
        return self.fc(self.layer3(self.layer2(self.layer1(x))).mean((2, 3)))


RANDOM = torch.Generator().manual_seed(1)
IMAGES, LABELS = torch.randn(16, 4, 6, 6, generator=RANDOM), torch.randint(0, 4, (16,), generator=RANDOM)
val_dataloader = train_dataloader = DataLoader(TensorDataset(IMAGES, LABELS), batch_size=4)
criterion = nn.CrossEntropyLoss()


def validate(model):
    return float((model(IMAGES).argmax(-1) == LABELS).float().mean())


def train_func(model):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    model.train()
    for x, y in train_dataloader:
        optimizer.zero_grad()
        criterion(model(x), y).backward()
        optimizer.step()
    return model


def is_quantized(model):
    return len(quantized_modules(model)) > 0


class NewMetric:
    def __init__(self):
        self.reset()

    def update(self, preds, labels):
        self.right, self.all = self.right + int((preds.argmax(-1) == labels).sum()), self.all + len(labels)

    def reset(self):
        self.right = self.all = 0

    def result(self):
        return self.right / self.all


EVALUATIONS = {
    "none": {},
    "eval_func": {"eval_func": validate},
    "metric object": {"eval_dataloader": val_dataloader, "eval_metric": NewMetric()},
    "metric class": {"eval_dataloader": val_dataloader, "eval_metric": NewMetric},
    "metric dict": {"eval_dataloader": val_dataloader, "eval_metric": {"topk": {"k": 1}}},
}


@pytest.mark.parametrize("evaluation", EVALUATIONS)
def test_post_training_quantization(evaluation, tmp_path):
    conf = PostTrainingQuantConfig()
    q_model = quantization.fit(model=ResNet50(), conf=conf, calib_dataloader=val_dataloader, **EVALUATIONS[evaluation])
    q_model.save(tmp_path / "output")
    assert is_quantized(q_model.model)
    assert q_model.met_criterion is (None if evaluation == "none" else True)


QAT = {
    "hooks": lambda manager, model: [
        manager.callbacks.on_train_begin(),
        train_func(manager.model),
        manager.callbacks.on_train_end(),
    ],
    "fit": lambda manager, model: fit(compression_manager=manager, train_func=train_func, eval_func=validate),
}


@pytest.mark.parametrize("way", QAT)
def test_quantization_aware_training(way, tmp_path):
    model = ResNet50()
    conf = QuantizationAwareTrainingConfig()
    compression_manager = prepare_compression(model, conf)
    QAT[way](compression_manager, model)
    compression_manager.save(tmp_path / "output")
    assert is_quantized(compression_manager.model.model)
    assert compression_manager.model(IMAGES).isfinite().all()


FP32 = {"activation": {"dtype": ["fp32"]}, "weight": {"dtype": ["fp32"]}}
INT8 = {
    "activation": {"dtype": ["uint8"], "algorithm": ["minmax"], "granularity": ["per_tensor"], "scheme": ["sym"]},
    "weight": {"dtype": ["int8"], "algorithm": ["minmax"], "granularity": ["per_channel"], "scheme": ["sym"]},
}
SETTINGS = {
    "op_name_dict": {"op_name_dict": {"layer1.0.conv1": FP32, "layer2.0.conv1": INT8}},
    "names of another model": {"op_name_dict": {"layer1.0.conv1": FP32, "layer1.0.add_relu": FP32}},
    "op_type_dict": {"op_type_dict": {"Conv": FP32}},
    "smooth quant": {
        "recipes": {"smooth_quant": True, "smooth_quant_args": {"alpha": 0.5}, "fast_bias_correction": False}
    },
}


@pytest.mark.parametrize("settings", SETTINGS)
def test_settings_of_quantization(settings):
    q_model = quantization.fit(ResNet50(), PostTrainingQuantConfig(**SETTINGS[settings]), val_dataloader)
    assert ("layer1.0.conv1" in quantized_modules(q_model.model)) == (settings == "smooth quant")


STRATEGIES = {
    "basic": None, "mse": None, "mse_v2": {"confidence_batches": 2}, "hawq_v2": {"hawq_v2_loss": criterion},
    "bayesian": None, "exhaustive": None, "random": None, "tpe": None,
}  # fmt: skip


@pytest.mark.parametrize("quant_level", ["auto", 0, 1])
@pytest.mark.parametrize("strategy", ["basic", "hawq_v2"])
def test_tuning(strategy, quant_level):
    criterion = TuningCriterion(timeout=0, max_trials=2, strategy=strategy, strategy_kwargs=STRATEGIES[strategy])
    conf = PostTrainingQuantConfig(quant_level=quant_level, tuning_criterion=criterion, approach="dynamic")
    assert quantization.fit(ResNet50(), conf, eval_func=validate).met_criterion


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_strategies_of_configs(strategy):
    kwargs = STRATEGIES[strategy]
    conf = PostTrainingQuantConfig(tuning_criterion=TuningCriterion(strategy=strategy, strategy_kwargs=kwargs))
    assert conf.tuning_criterion.strategy_kwargs == (kwargs or {})


def test_the_config_of_the_guide(caplog):
    conf = PostTrainingQuantConfig(
        backend="default",
        inputs="image_tensor",
        outputs="num_detections,detection_boxes,detection_scores,detection_classes",
        device="cpu",
        approach="static",
        calibration_sampling_size=[8, 16],
        op_name_dict=SETTINGS["op_name_dict"]["op_name_dict"],
        strategy="basic",
        objective="performance",
        performance_only=False,
        tuning_criterion=TuningCriterion(timeout=0, max_trials=100),
        accuracy_criterion=AccuracyCriterion(tolerable_loss=0.01),
    )
    q_model = quantization.fit(ResNet50(), conf=conf, calib_dataloader=val_dataloader, eval_func=validate)
    assert q_model.met_criterion
    warnings = [record.message for record in caplog.records if record.levelno == logging.WARNING]
    assert warnings[:2] == [
        "`strategy`, `objective`, `performance_only` are keywords of INC's migration guide; write "
        "`PostTrainingQuantConfig()`, which means the same.",
        "`inputs`, `outputs` of the PostTrainingQuantConfig change nothing here.",
    ]


PRUNERS = [
    {
        "op_names": ["layer1.*"],
        "start_step": 1,
        "end_step": 10,
        "excluded_op_names": [".*embeddings*"],
        "target_sparsity": 0.9,
        "pruning_frequency": 2,
        "pattern": "4x1",
    },
    {
        "target_sparsity": 0.9,
        "pruning_type": "snip_momentum",
        "pattern": "4x1",
        "op_names": ["layer2.*"],
        "excluded_op_names": ["layer3.*"],
        "start_step": 1,
        "end_step": 10,
        "pruning_scope": "global",
        "pruning_frequency": 1,
        "min_sparsity_ratio_per_op": 0.0,
        "max_sparsity_ratio_per_op": 0.98,
        "sparsity_decay_type": "exp",
        "pruning_op_types": ["Conv", "Linear"],
    },
]


def test_pruning_without_hooks():
    model = ResNet50()
    config = WeightPruningConfig(PRUNERS)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    pruning = prepare_pruning(model, config, optimizer)
    for _ in range(3):
        model.train()
        for x, y in train_dataloader:
            criterion(model(x), y).backward()
            optimizer.step()
            model.zero_grad()
    assert all(zeros_in_targets(pruner.targets) > 0.85 for pruner in pruning.pruners)


def hooks_of_pruning(compression_manager, model):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    compression_manager.callbacks.on_train_begin()
    for _ in range(3):
        model.train()
        for step, (x, y) in enumerate(train_dataloader):
            compression_manager.callbacks.on_step_begin(step)
            criterion(model(x), y).backward()
            compression_manager.callbacks.on_before_optimizer_step()
            optimizer.step()
            compression_manager.callbacks.on_after_optimizer_step()
            model.zero_grad()
    compression_manager.callbacks.on_train_end()


def test_pruning_of_the_guide():
    configs = WeightPruningConfig(
        pruning_configs=[
            {"op_names": ["layer1.*"], "pattern": "4x1"},
            {"op_names": ["layer2.*"], "pattern": "1x1", "target_sparsity": 0.5},
        ],
        target_sparsity=0.9,
        pattern="4x1",
        pruning_frequency=1,
        start_step=0,
        end_step=10,
        pruning_type="snip_momentum",
    )
    model = ResNet50()
    compression_manager = prepare_compression(model=model, confs=configs)
    hooks_of_pruning(compression_manager, model)
    shares = [zeros_in_targets(pruner.targets) for pruner in compression_manager.callbacks_list[0].pruners]
    assert shares[0] > 0.85 and shares[1] == 0.5


def hooks_of_distillation(compression_manager, model):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    compression_manager.on_train_begin()
    for epoch in range(2):
        compression_manager.on_epoch_begin(epoch)
        for i, (batch, labels) in enumerate(train_dataloader):
            compression_manager.on_step_begin(i)
            output = model(batch)
            loss = criterion(output["logits"] if isinstance(output, dict) else output, labels)
            loss = compression_manager.on_after_compute_loss(batch, output, loss)
            loss.backward()
            compression_manager.on_before_optimizer_step()
            optimizer.step()
            compression_manager.on_step_end()
        compression_manager.on_epoch_end()
    compression_manager.on_train_end()


def test_distillation():
    model, teacher_model = ResNet50(), ResNet50()
    conf = DistillationConfig(teacher_model=teacher_model, criterion=KnowledgeDistillationLossConfig())
    compression_manager = prepare_compression(model, conf)
    before = model.fc.weight.clone()
    hooks_of_distillation(compression_manager, compression_manager.model)
    assert not torch.equal(model.fc.weight, before)


class Deep(ResNet50):
    def forward(self, x):
        first = self.layer1(x)
        return {"shallow": self.fc(first.mean((2, 3))), "logits": super().forward(x)}


def test_self_distillation(caplog):
    model = Deep()
    distil_loss = SelfKnowledgeDistillationLossConfig(layer_mappings=[[["shallow", "logits"]]], add_origin_loss=True)
    compression_manager = prepare_compression(model, DistillationConfig(teacher_model=model, criterion=distil_loss))
    hooks_of_distillation(compression_manager, compression_manager.model)
    with pytest.raises(ValueError, match="`layer_mappings` of the SelfKnowledge.* is empty; give at least one group"):
        conf = DistillationConfig(teacher_model=model, criterion=SelfKnowledgeDistillationLossConfig())
        prepare_compression(model, conf).on_train_begin()


def test_orchestration(tmp_path, caplog):
    model = ResNet50()
    d_conf = DistillationConfig(model, KnowledgeDistillationLossConfig())
    p_conf = WeightPruningConfig()
    compression_manager = prepare_compression(model=model, confs=[d_conf, p_conf])
    compression_manager.callbacks.on_train_begin()
    hooks_of_distillation(compression_manager, compression_manager.model)
    compression_manager.model.save(tmp_path / "save")
    assert caplog.text.count("everything is pruned at once, when there are gradients") == 1
    pruners = compression_manager.callbacks_list[1].pruners
    assert 0.85 < zeros_in_targets(pruners[0].targets) <= 0.91


def test_mixed_precision(tmp_path):
    converted_model = mix_precision.fit(ResNet50(), config=MixedPrecisionConfig())
    converted_model.save(tmp_path / "save")
    assert converted_model(IMAGES).isfinite().all()
    with pytest.raises(ValueError, match="on a GPU load the model with `from_pretrained"):
        conf = MixedPrecisionConfig(backend="onnxrt_cuda_ep", device="gpu", precisions="fp16")
        mix_precision.fit(ResNet50(), conf=conf)


AT_ONCE = {
    "sparse_gpt": {"op_names": [".*"], "excluded_op_names": ["lm_head", "embed_out"], "pattern": "1x1"},
    "retrain_free": {
        "op_names": [".fc", ".mlp"],
        "excluded_op_names": ["lm_head"],
        "pattern": "channelx1",
        "start_step": 1,
        "end_step": 300,
        "pruning_frequency": 50,
    },
}


@pytest.mark.parametrize("pruning_type", AT_ONCE)
def test_pruning_at_once(pruning_type):
    model = tiny_model("llama")
    inputs = tiny_inputs(model)
    pruning_configs = [{"pruning_type": pruning_type, "target_sparsity": 0.5, **AT_ONCE[pruning_type]}]
    configs = WeightPruningConfig(pruning_configs, target_sparsity=0.5)
    data = [{**inputs, "labels": inputs["input_ids"]}]
    assert prepare_pruning(model, configs, dataloader=data, device="cpu") is model
    assert (model.model.layers[0].mlp.down_proj.weight == 0).float().mean() > 0.4


def test_auto_slim():
    keywords = {"pruning_scope": "global", "pruning_type": "retrain_free"}
    auto_configs = parse_auto_slim_config(tiny_model("bert"), ffn2_sparsity=0.2, mha_sparsity=0, **keywords)
    assert WeightPruningConfig(auto_configs).merged_configs()[0].pruning_type == "retrain_free"


@pytest.mark.parametrize("make", [ResNet50, lambda: mix_precision.fit(ResNet50())], ids=["module", "result"])
def test_benchmark(make, caplog):
    """Of a plain module, in this process; of files there are tests beside `benchmark.fit`."""
    conf = BenchmarkConfig(warmup=1, iteration=3, num_of_instance=1)
    result = benchmark.fit(make(), config=conf, b_dataloader=val_dataloader)
    assert result.measurements[0].throughput > 0
    assert "A ResNet50 is timed in this process" in caplog.text
    with pytest.raises(ValueError, match="999 instances of 1 core need"):
        benchmark.fit(make(), config=BenchmarkConfig(num_of_instance=999), b_dataloader=val_dataloader)
    with pytest.raises(ValueError, match="has no form on disk"):
        benchmark.fit(make())

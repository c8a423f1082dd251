"""The source text that `inc-hf migrate conf.yaml` prints makes the configs that the components of 1.X run with."""

import pytest
from experimenting import LOADER, conf_of

from inc_hf.experimental import Benchmark, Distillation, MixedPrecision, Pruning, Quantization
from inc_hf.migrate.conf import read_conf
from inc_hf.migrate.conf.python_code import python_code
from inc_hf.migrate.conf.translate import benchmark_config, mixed_precision_config, post_training_config

SELF = {"layer_mappings": [[["early", "late"]]], "loss_types": ["KL"], "add_origin_loss": True}
TUNING = {"accuracy_criterion": {"absolute": 0.1}, "exit_policy": {"max_trials": 7}, "strategy": {"name": "mse"}}
OP = {"hidden": {"weight": {"dtype": "fp32"}, "activation": {"dtype": "fp32"}}}
EPOCHS = {"target_sparsity": 0.6, "start_epoch": 1, "end_epoch": 3, "pruners": [{"names": ["hidden.weight"]}]}


def trained(component):
    component.steps_per_epoch = len(LOADER)
    return component.configs(component.steps_per_epoch)[0]


CASES = {
    "post_training": (
        {"quantization": {"approach": "post_training_static_quant", "op_wise": OP}, "tuning": TUNING},
        lambda path: post_training_config(Quantization(path).sections()),
    ),
    "quantization_aware": (
        {"quantization": {"approach": "quant_aware_training", "op_wise": OP}, "tuning": TUNING},
        lambda path: trained(Quantization(path)),
    ),
    "pruning": (
        {"pruning": {"approach": {"weight_compression": EPOCHS}}},
        lambda path: trained(Pruning(path)),
    ),
    "distillation": (
        {"distillation": {"train": {"criterion": {"SelfKnowledgeDistillationLoss": SELF}}}},
        lambda path: trained(Distillation(path)),
    ),
    "mixed_precision": (
        {"mixed_precision": {"precisions": "bf16"}, "tuning": TUNING},
        lambda path: mixed_precision_config(MixedPrecision(path).conf.read()),
    ),
    "benchmark": (
        {"evaluation": {"performance": {"warmup": 2, "iteration": 9, "configs": {"num_of_instance": 2}}}},
        lambda path: benchmark_config(Benchmark(path).conf.read()),
    ),
}


@pytest.mark.parametrize("kind", CASES)
def test_the_same_config(kind, tmp_path):
    sections, config_of = CASES[kind]
    path = conf_of(tmp_path, **sections)
    code = python_code(read_conf(path))
    names = {"train_dataloader": LOADER}
    exec("\n".join(code.imports + code.lines), names)
    assert names[code.names[kind]] == config_of(path)

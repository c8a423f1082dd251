"""Configs of 2.X from confs of 1.X, and their source text."""

import pytest

from inc_hf.config import (
    AccuracyCriterion,
    BenchmarkConfig,
    DistillationConfig,
    IntermediateLayersKnowledgeDistillationLossConfig,
    KnowledgeDistillationLossConfig,
    MixedPrecisionConfig,
    PostTrainingQuantConfig,
    QuantizationAwareTrainingConfig,
    SelfKnowledgeDistillationLossConfig,
    TuningCriterion,
    WeightPruningConfig,
    options,
)
from inc_hf.migrate.conf import read_conf
from inc_hf.migrate.conf.python_code import configs_of, python_code
from inc_hf.migrate.conf.translate import (
    benchmark_config,
    distillation_config,
    mixed_precision_config,
    options_of,
    post_training_config,
    pruning_config,
    quantization_aware_config,
    set_options,
)
from inc_hf.prune.schedule import schedule_of

MODEL = "model: {name: bert, framework: pytorch}\n"


@pytest.fixture
def conf(tmp_path):
    def read(text, framework="pytorch"):
        path = tmp_path / "conf.yaml"
        path.write_text(MODEL.replace("pytorch", framework) + text)
        return read_conf(path)

    return read


def compression(pruners="", more="", kind="weight_compression"):
    listed = "".join(f"\n        - !Pruner {{{pruner}}}" for pruner in pruners.split("|")) if pruners else ""
    return f"pruning:\n  approach:\n    {kind}:\n      {{}}\n".replace("{}", more or "start_epoch: 0") + (
        f"      pruners:{listed}\n" if listed else ""
    )


def loss(name, settings):
    return f"distillation:\n  train:\n    criterion:\n      {name}: {settings}\n"


LAYERS = "IntermediateLayersKnowledgeDistillationLoss"
POST_TRAINING = {
    "defaults": ("quantization: {}\n", {}),
    "null": ("quantization:\n", {}),
    "dynamic": ("quantization: {approach: post_training_dynamic_quant}\n", {"approach": "dynamic"}),
    "auto": ("quantization: {approach: post_training_auto_quant}\n", {"approach": "auto"}),
    "sampling sizes": (
        "quantization: {calibration: {sampling_size: '1000, 2000'}}\n",
        {"calibration_sampling_size": [1000, 2000]},
    ),
    "recipes": (
        "quantization: {recipes: {first_conv_or_matmul_quantization: false, fast_bias_correction: true}}\n",
        {"recipes": {"first_conv_or_matmul_quantization": False, "fast_bias_correction": True}},
    ),
    "bias": (
        "quantization: {advance: {bias_correction: weight_empirical}}\n",
        {"recipes": {"weight_correction": True}},
    ),
    "model_wise is weaker": (
        "quantization:\n  optype_wise: {Linear: {weight: {dtype: [fp32]}}}\n"
        "  model_wise: {activation: {dtype: 'int8, fp32', algorithm: 'minmax, kl'}}\n",
        {
            "op_type_dict": {
                ".*": {"activation": {"dtype": ["int8", "fp32"], "algorithm": ["minmax", "kl"]}},
                "Linear": {"weight": {"dtype": ["fp32"]}},
            }
        },
    ),
    "op_wise": (
        "quantization:\n  op_wise:\n    default_qconfig: {weight: {dtype: fp32}}\n    'a(': {weight: {scheme: sym}}\n",
        {"op_name_dict": {"default_qconfig": {"weight": {"dtype": "fp32"}}, r"a\(": {"weight": {"scheme": "sym"}}}},
    ),
    "tuning": (
        "quantization: {}\ntuning:\n  accuracy_criterion: {absolute: 2, higher_is_better: false}\n"
        "  exit_policy: {timeout: 60, max_trials: 5}\n  objective: modelsize\n",
        {
            "accuracy_criterion": AccuracyCriterion(False, "absolute", 2.0),
            "tuning_criterion": TuningCriterion(timeout=60, max_trials=5, objective="modelsize"),
        },
    ),
    "percent": (
        "quantization: {}\ntuning: {accuracy_criterion: {relative: 2.5 %}}\n",
        {"accuracy_criterion": AccuracyCriterion(tolerable_loss=0.025)},
    ),
    "a strategy is level 1": (
        "quantization: {}\ntuning: {strategy: {name: mse_v2, confidence_batches: 3}}\n",
        {
            "quant_level": 1,
            "tuning_criterion": TuningCriterion(strategy="mse_v2", strategy_kwargs={"confidence_batches": 3}),
        },
    ),
    "several goals": (
        "quantization: {}\ntuning: {multi_objectives: {objective: 'accuracy, modelsize', weight: 0.3 0.7}}\n",
        {
            "tuning_criterion": TuningCriterion(
                objective={"objective": ["accuracy", "modelsize"], "weight": [0.3, 0.7]}
            )
        },
    ),
    "diagnosis": (
        "quantization: {}\ntuning: {diagnosis: {diagnosis_after_tuning: true}}\n",
        {"diagnosis": True},
    ),
    "device, floats": (
        "device: gpu\nuse_bf16: false\nquantization: {}\n",
        {"device": "gpu", "excluded_precisions": ["bf16"]},
    ),
}


@pytest.mark.parametrize("text, settings", POST_TRAINING.values(), ids=POST_TRAINING)
def test_post_training(conf, text, settings):
    assert post_training_config(conf(text)) == PostTrainingQuantConfig(**settings)


FRAMEWORKS = {
    "pytorch_ipex": {"backend": "ipex"},
    "pytorch_fx": {},
    "NA": {},
    "onnxrt_integerops": {"backend": "onnxruntime", "approach": "dynamic"},
    "onnxrt_qlinearops": {"backend": "onnxruntime", "quant_format": "QOperator"},
    "onnxrt_qdq": {"backend": "onnxruntime", "quant_format": "QDQ"},
}


def test_options_that_are_not_available_are_left_out(conf):
    found = conf(
        "quantization:\n  model_wise:\n    weight: {scheme: 'asym, sym', dtype: int8}\n"
        "    activation:\n      granularity: per_channel\n      algorithm: placeholder, kl\n"
    )
    expected = {".*": {"weight": {"scheme": "sym", "dtype": "int8"}, "activation": {"algorithm": "kl"}}}
    assert post_training_config(found) == PostTrainingQuantConfig(op_type_dict=expected)
    (entry,) = (entry for entry in found.ignored if entry.key.startswith("quantization"))
    assert (entry.key, entry.line) == ("quantization.model_wise.activation.granularity", 6)


@pytest.mark.parametrize("framework, settings", FRAMEWORKS.items(), ids=FRAMEWORKS)
def test_frameworks(conf, framework, settings):
    found = conf("quantization: {}\n", framework)
    assert post_training_config(found) == PostTrainingQuantConfig(**settings)
    assert ("ONNX file" in " ".join(python_code(found).notes)) == framework.startswith("onnxrt")


def test_quantization_aware(conf):
    found = conf("quantization: {approach: quant_aware_training, op_wise: {a: {weight: {dtype: fp32}}}}\n")
    expected = QuantizationAwareTrainingConfig(op_name_dict={"a": {"weight": {"dtype": "fp32"}}})
    assert quantization_aware_config(found) == expected
    assert post_training_config(found) is None


def test_what_is_absent_is_none(conf):
    found = conf("tuning: {random_seed: 1}\n")
    assert configs_of(found) == {}
    assert found.quantization is found.pruning is found.distillation is found.mixed_precision is None
    assert found.model_conversion is found.graph_optimization is found.evaluation is None
    assert "none of quantization" in python_code(found).notes[0]


PRUNING = {
    "epochs": (
        compression("", "start_epoch: 1\n      end_epoch: 4"),
        {"target_sparsity": 0.97, "start_step": 10, "end_step": 40, "pruning_frequency": 10},
    ),
    "of the pruner": (
        compression("end_epoch: 2, target_sparsity: 0.6, update_frequency: 2, names: [a.0.weight, a.0.bias]"),
        {
            "target_sparsity": 0.6,
            "start_step": 20,
            "end_step": 20,
            "pruning_frequency": 20,
            "op_names": [r"^a\.0$"],
        },
    ),
    "what the file says": (
        compression("", "prune_domain: global\n      sparsity_decay_type: cos\n      end_epoch: 0"),
        {
            "target_sparsity": 0.97,
            "start_step": 0,
            "end_step": 0,
            "pruning_frequency": 1,
            "pruning_scope": "global",
            "sparsity_decay_type": "cos",
        },
    ),
    "two pruners": (
        compression("names: [a.weight], pattern: tile_pattern_4x1|names: [b.*.weight], target_sparsity: 0.5"),
        {
            "start_step": 0,
            "end_step": 40,
            "pruning_frequency": 10,
            "pattern": "4x1",
            "pruning_configs": [
                {"target_sparsity": 0.97, "pattern": "4x1", "op_names": ["^a$"]},
                {"target_sparsity": 0.5, "pattern": "1x1", "op_names": [r"^b\.\d+$"]},
            ],
        },
    ),
    "group lasso": (
        compression("prune_type: group_lasso, end_epoch: 0, parameters: {alpha: 0.006, pattern: tile_pattern_1x2}"),
        {
            "target_sparsity": 0.97,
            "start_step": 0,
            "end_step": 0,
            "pruning_frequency": 1,
            "pattern": "1x2",
            "pruning_configs": [{"reg_type": "group_lasso", "parameters": {"reg_coeff": 0.006}}],
        },
    ),
}


@pytest.mark.parametrize("text, settings", PRUNING.values(), ids=PRUNING)
def test_pruning_in_epochs(conf, text, settings):
    shared = {
        "pruning_type": "magnitude",
        "pattern": "1x1",
        "pruning_scope": "local",
        "sparsity_decay_type": "linear_from_start",
    }
    expected = WeightPruningConfig(**{**shared, **settings})
    got = pruning_config(conf(text), steps_per_epoch=10)
    assert got.merged_configs() == expected.merged_configs()


def sparsity_of_1x(epoch, start, end, initial, target, frequency):
    """As `Pruner.update_sparsity` of INC 1.14 had it, from `start` on; it was reached as the epoch began."""
    if start == end:
        return target
    updates = (min(epoch, end) - start + 1) // frequency
    return initial + (target - initial) * updates * frequency / (end - start + 1)


SPANS = [
    (0, 4, 0, 0.97, 1),
    (1, 4, 0, 0.6, 1),
    (0, 9, 0.3, 0.99, 2),
    (3, 8, 0.5, 0.8, 3),
    (2, 2, 0, 0.9, 1),
    (0, 1, 0, 0.5, 1),
]


@pytest.mark.parametrize("steps_per_epoch", [1, 7])
@pytest.mark.parametrize("span", SPANS, ids=str)
def test_the_sparsity_after_each_epoch_is_that_of_1x(conf, span, steps_per_epoch):
    start, end, initial, target, frequency = span
    text = f"end_epoch: {end}, initial_sparsity: {initial}, target_sparsity: {target}, update_frequency: {frequency}"
    (config,) = pruning_config(conf(compression(text, f"start_epoch: {start}")), steps_per_epoch).merged_configs()
    assert config.resume_from_pruned_checkpoint == (initial > 0)  # it is that of the model
    schedule, now = schedule_of(config, (end + 3) * steps_per_epoch), initial
    for epoch in range(end + 3):
        for step in range(epoch * steps_per_epoch, (epoch + 1) * steps_per_epoch):
            now = schedule.sparsity(step, initial) if schedule.is_update(step) else now
        assert now == pytest.approx(sparsity_of_1x(epoch, *span) if epoch >= start else initial)


def test_the_target_is_reached_where_1x_stopped_short_of_it(conf):
    config = pruning_config(conf(compression("end_epoch: 4, update_frequency: 2")), 10)
    assert (config.start_step, config.end_step, config.pruning_frequency) == (20, 40, 20)


@pytest.mark.parametrize("name", ["4x1", "tile_pattern_4x1", "oc_pattern_4x1", "ic_pattern_4x1"])
def test_patterns_by_older_names(conf, name):
    got = pruning_config(conf(compression(f"prune_type: pattern_lock, pattern: {name}")))
    assert got.pattern == "4x1"


def test_pattern_lock_needs_no_epochs(conf):
    got = pruning_config(conf(compression("prune_type: pattern_lock")))
    assert (got.pruning_type, got.start_step, got.end_step) == ("pattern_lock", 0, 0)


def test_pruning_in_steps(conf):
    settings = ["end_step: 90", "excluded_names: [head]", "prune_layer_type: [Linear]", "prune_type: snip_momentum"]
    text = compression(
        "extra_excluded_names: [query], pattern: 1x1"
        "|extra_excluded_names: [output], pattern: '2:4', target_sparsity: 0.5",
        "\n      ".join(settings),
        "weight_compression_pytorch",
    )
    first, second = pruning_config(conf(text)).merged_configs()
    assert (first.excluded_op_names, first.pattern, first.target_sparsity) == (["head", "query"], "1x1", 0.97)
    assert (second.excluded_op_names, second.pattern, second.target_sparsity) == (["head", "output"], "2:4", 0.5)
    assert (first.end_step, first.pruning_op_types, first.pruning_type) == (90, ["Linear"], "snip_momentum")
    assert (first.pruning_scope, first.sparsity_decay_type, first.pruning_frequency) == ("global", "exp", 1)


def test_pruning_with_names_of_2x(conf):
    text = """pruning:
  approach:
    weight_compression_v2:
      end_step: 50
      op_names: [layer]
      pruners:
        - !PrunerV2 {pattern: 2x1, reg_type: group_lasso, parameters: {reg_coeff: 0.1}}
        - !PrunerV2 {target_sparsity: 0.5}
"""
    expected = WeightPruningConfig(
        end_step=50,
        start_step=0,
        pruning_frequency=1,
        op_names=["layer"],
        pruning_configs=[
            {"pattern": "2x1", "reg_type": "group_lasso", "parameters": {"reg_coeff": 0.1}},
            {"target_sparsity": 0.5},
        ],
    )
    assert pruning_config(conf(text)) == expected


DISTILLATION = {
    "the default of 1.X": ("distillation: {}\n", KnowledgeDistillationLossConfig(loss_types=["CE", "KL"])),
    "logits": (
        loss("KnowledgeDistillationLoss", "{temperature: 2, loss_types: [CE, MSE], loss_weights: [0.2, 0.8]}"),
        KnowledgeDistillationLossConfig(2.0, ["CE", "MSE"], [0.2, 0.8]),
    ),
    "layers": (
        loss(LAYERS, "{layer_mappings: [[a, b], [c, '1', d, last], [e, '', f, '']], loss_weights: [1, 1, 1]}"),
        IntermediateLayersKnowledgeDistillationLossConfig(
            [[["a"], ["b"]], [["c", 1], ["d", "last"]], [["e"], ["f"]]], loss_weights=[1, 1, 1]
        ),
    ),
    "layers of 2.0": (
        loss(LAYERS, "{layer_mappings: [[[a]], [[b, 1], [c, 0]]], loss_types: [MSE, L1]}"),
        IntermediateLayersKnowledgeDistillationLossConfig(
            [[["a"]], [["b", 1], ["c", 0]]], loss_types=["MSE", "L1"]
        ),
    ),
    "itself": (
        loss("SelfKnowledgeDistillationLoss", "{layer_mappings: [[[a, b], [c, b]]], temperature: 3.0}"),
        SelfKnowledgeDistillationLossConfig([[["a", "b"], ["c", "b"]]], 3.0),
    ),
}  # fmt: skip


@pytest.mark.parametrize("text, criterion", DISTILLATION.values(), ids=DISTILLATION)
def test_distillation(conf, text, criterion):
    assert distillation_config(conf(text), teacher="a/name") == DistillationConfig("a/name", criterion)


def test_distillation_has_the_optimizer_of_the_file(conf):
    text = "distillation: {train: {optimizer: {SGD: {learning_rate: 1e-3, momentum: 0.9}}}}\n"
    assert distillation_config(conf(text)).optimizer == {"SGD": {"learning_rate": 0.001, "momentum": 0.9}}


def test_mixed_precision(conf):
    text = "mixed_precision:\n  precisions: bf16, fp32\n  op_wise: {a: {weight: {dtype: fp32}}}\n"
    expected = MixedPrecisionConfig(precisions="bf16", op_name_dict={"a": {"weight": {"dtype": "fp32"}}})
    assert mixed_precision_config(conf(text)) == expected
    older = conf(text.replace("mixed_precision", "graph_optimization"))
    assert mixed_precision_config(older) == expected
    both = conf(text + "graph_optimization: {precisions: fp16}\n")
    assert mixed_precision_config(both) == expected
    assert [entry.key for entry in both.ignored if "graph" in entry.key] == ["graph_optimization"]


def test_benchmark(conf):
    text = (
        "evaluation:\n  performance: {warmup: 3, iteration: 9, configs: {cores_per_instance: 2, num_of_instance: 3}}\n"
        "  accuracy: {iteration: 4}\n"
    )
    expected = BenchmarkConfig(warmup=3, iteration=9, cores_per_instance=2, num_of_instance=3)
    assert benchmark_config(conf(text)) == expected
    assert benchmark_config(conf(text), "accuracy") == BenchmarkConfig(iteration=4)


def test_options(conf):
    text = "tuning: {random_seed: 7, tensorboard: true, workspace: {path: here, resume: there}}\n"
    found = conf(text)
    given = {"random_seed": 7, "tensorboard": True, "workspace": "here", "resume_from": "there"}
    assert options_of(found) == given
    assert options_of(conf("tuning: {}\n")) == {}
    before = vars(options).copy()
    try:
        set_options(found)
        assert {name: getattr(options, name) for name in given} == given
    finally:
        vars(options).update(before)


TEXTS = {
    **{f"post-training: {name}": text for name, (text, _) in POST_TRAINING.items()},
    **{f"pruning: {name}": text for name, (text, _) in PRUNING.items()},
    **{f"distillation: {name}": text for name, (text, _) in DISTILLATION.items()},
    "all": "quantization: {approach: quant_aware_training}\n" + PRUNING["two pruners"][0] + DISTILLATION["layers"][0]
    + "evaluation: {performance: {warmup: 3}}\nmixed_precision: {precisions: bf16}\n",
}  # fmt: skip


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_the_source_text_makes_the_same_configs(conf, text):
    found = conf(text)
    code = python_code(found)
    names = {"train_dataloader": range(10)}
    before = vars(options).copy()
    try:
        exec("\n".join([*code.imports, *code.lines]), names)
    finally:
        vars(options).update(before)
    configs = configs_of(found, steps_per_epoch=10)
    assert {kind: names[variable] for kind, variable in code.names.items()} == configs
    for kind, config in configs.items():
        assert names[code.names[kind]].to_dict() == config.to_dict()
    compile(code.text(), "conf", "exec")
    assert all(len(line) <= 119 for line in code.text().split("\n"))


def test_the_source_text_is_as_a_formatter_leaves_it(conf):
    ruff = pytest.importorskip("ruff", reason="the formatter is a tool of developers")
    import subprocess

    text = python_code(conf(TEXTS["all"])).text()
    command = [ruff.find_ruff_bin(), "format", "--line-length", "100", "--stdin-filename", "a.py", "-"]
    formatted = subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout
    assert formatted == text

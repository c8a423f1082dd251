"""Every config class through `HfArgumentParser`, dicts, JSON text and files."""

import json
import subprocess
import sys

import pytest
from transformers import HfArgumentParser

import inc_hf.config
from inc_hf.config import (
    AccuracyCriterion,
    BenchmarkConfig,
    DistillationConfig,
    IntermediateLayersKnowledgeDistillationLossConfig,
    KnowledgeDistillationLossConfig,
    MixedPrecisionConfig,
    Options,
    PostTrainingQuantConfig,
    QuantizationAwareTrainingConfig,
    SelfKnowledgeDistillationLossConfig,
    Torch2ONNXConfig,
    TuningCriterion,
    WeightPruningConfig,
)

OP_DICT = {"Linear": {"weight": {"dtype": ["int8"]}}}
# For each class: a command line, and the config it stands for.
CASES = {
    "AccuracyCriterion": (
        "--no_higher_is_better --criterion absolute --tolerable_loss 2",
        AccuracyCriterion(False, "absolute", 2),
    ),
    "TuningCriterion": (
        ["--strategy=mse_v2", '--strategy_kwargs={"confidence_batches": 2}', "--timeout=60", "--max-trials=5"],
        TuningCriterion("mse_v2", {"confidence_batches": 2}, 60, 5),
    ),
    "PostTrainingQuantConfig": (
        [
            *["--recipes", '{"smooth_quant": true, "smooth_quant_args": {"alpha": [0.4, 0.5]}}'],
            *["--inputs", "input_ids", "attention_mask", "--approach", "post_training_dynamic_quant"],
            *["--calibration_sampling_size", "8", "16", "--op_type_dict", json.dumps(OP_DICT)],
            *["--reduce_range", "true", "--quant_level", "1", "--diagnosis"],
            *["--accuracy_criterion", '{"criterion": "absolute", "tolerable_loss": 1}'],
            *["--tuning_criterion", '{"objective": ["accuracy", "modelsize"]}'],
        ],
        PostTrainingQuantConfig(
            recipes={"smooth_quant": True, "smooth_quant_args": {"alpha": [0.4, 0.5]}},
            inputs=["input_ids", "attention_mask"],
            approach="dynamic",
            calibration_sampling_size=[8, 16],
            op_type_dict=OP_DICT,
            reduce_range=True,
            quant_level=1,
            diagnosis=True,
            accuracy_criterion=AccuracyCriterion(criterion="absolute", tolerable_loss=1),
            tuning_criterion=TuningCriterion(objective=["accuracy", "modelsize"]),
        ),
    ),
    "QuantizationAwareTrainingConfig": (
        ["--op_name_dict", json.dumps(OP_DICT), "--reduce_range", "false", "--excluded_precisions", "bf16", "fp16"],
        QuantizationAwareTrainingConfig(
            op_name_dict=OP_DICT, reduce_range=False, excluded_precisions=["bf16", "fp16"]
        ),
    ),
    "MixedPrecisionConfig": (
        "--precisions bf16 fp16 --excluded_precisions bf16 --quant_level 0",
        MixedPrecisionConfig(precisions=["bf16", "fp16"], excluded_precisions=["bf16"], quant_level=0),
    ),
    "WeightPruningConfig": (
        [
            *["--pruning_configs", '[{"op_names": ["ffn"], "pattern": "channelx1"}, {"start_step": 0.5}]'],
            *["--target_sparsity", "0.8", "--start_step", "10", "--end-step", "0.75", "--pruning_op_types", "Linear"],
            *["--op_names", "encoder", "decoder", "--low_memory_usage", "--pruning_frequency", "50"],
        ],
        WeightPruningConfig(
            [{"op_names": ["ffn"], "pattern": "channelx1"}, {"start_step": 0.5}],
            target_sparsity=0.8,
            start_step=10,
            end_step=0.75,
            pruning_op_types=["Linear"],
            op_names=["encoder", "decoder"],
            low_memory_usage=True,
            pruning_frequency=50,
        ),
    ),
    "KnowledgeDistillationLossConfig": (
        "--temperature 2 --loss_types CE KL --loss_weights 0.25 0.75",
        KnowledgeDistillationLossConfig(2, ["CE", "KL"], [0.25, 0.75]),
    ),
    "IntermediateLayersKnowledgeDistillationLossConfig": (
        ["--layer_mappings", '[[["a"], ["b", 0]], [["c"]]]', "--loss_types", "KL", "L1", "--add_origin_loss"],
        IntermediateLayersKnowledgeDistillationLossConfig(
            [[("a",), ("b", 0)], [("c",)]], ["KL", "L1"], add_origin_loss=True
        ),
    ),
    "SelfKnowledgeDistillationLossConfig": (
        ["--layer_mappings", '[[["a", "b"]]]', "--loss_types", "L2", "--loss_weights", "0.5"],
        SelfKnowledgeDistillationLossConfig([[["a", "b"]]], 1, ["L2"], [0.5]),
    ),
    "DistillationConfig": (
        ["--teacher_model", "me/teacher", "--criterion", '{"KnowledgeDistillationLoss": {"temperature": 4}}'],
        DistillationConfig("me/teacher", KnowledgeDistillationLossConfig(4)),
    ),
    "BenchmarkConfig": (
        "--warmup 0 --iteration 20 --cores_per_instance 4 --num_of_instance 2 --diagnosis --inputs a b",
        BenchmarkConfig(
            warmup=0, iteration=20, cores_per_instance=4, num_of_instance=2, diagnosis=True, inputs=["a", "b"]
        ),
    ),
    "Torch2ONNXConfig": (
        [
            *["--dtype", "fp32", "--opset_version", "20", "--quant_format", "QLinear", "--output_names", "logits"],
            *["--dynamic_axes", '{"input_ids": {"0": "batch"}}'],
        ],
        Torch2ONNXConfig("fp32", 20, "QOperator", output_names=["logits"], dynamic_axes={"input_ids": {0: "batch"}}),
    ),
    "Options": (
        "--random_seed 3 --workspace out --resume_from old --tensorboard true",
        Options(3, "out", "old", True),
    ),
}
CONFIGS = pytest.mark.parametrize("config", [config for _, config in CASES.values()], ids=CASES)


def parse(config_class, arguments):
    arguments = arguments.split() if isinstance(arguments, str) else arguments
    (config,) = HfArgumentParser(config_class).parse_args_into_dataclasses(arguments, look_for_args_file=False)
    return config


def test_every_class_has_a_case():
    classes = {name for name in inc_hf.config.__all__ if isinstance(getattr(inc_hf.config, name), type)}
    assert classes == set(CASES)


@pytest.mark.parametrize("arguments, config", CASES.values(), ids=CASES)
def test_command_line(arguments, config):
    assert parse(type(config), arguments) == config
    assert config != type(config)()


@CONFIGS
def test_command_line_defaults(config, monkeypatch):
    monkeypatch.setattr("time.strftime", lambda text: "now")
    parsed = parse(type(config), [])
    assert parsed == type(config)()
    assert parsed == type(config).from_dict(parsed.to_dict())


@CONFIGS
def test_parse_dict(config):
    (parsed,) = HfArgumentParser(type(config)).parse_dict(config.to_dict())
    assert parsed == config


@CONFIGS
def test_help_names_every_field(config):
    text = HfArgumentParser(type(config)).format_help()
    assert [name for name in config.keys() if f"--{name}" not in text] == []


@CONFIGS
def test_docstring_describes_every_field(config):
    assert [name for name in config.keys() if f"\n        {name} (" not in type(config).__doc__] == []


@CONFIGS
def test_round_trips(config, tmp_path):
    values = config.to_dict()
    assert type(config).from_dict(values) == config
    assert json.loads(config.to_json_string()) == values
    config.save(tmp_path / "config.json")
    assert type(config).load(tmp_path / "config.json") == config
    assert [path.name for path in tmp_path.iterdir()] == ["config.json"]


@CONFIGS
def test_from_dict_copies(config):
    values = config.to_dict()
    before = json.dumps(values)
    rebuilt = type(config).from_dict(values)
    for name in rebuilt.keys():
        if isinstance(rebuilt[name], (list, dict)):
            rebuilt[name].clear()
    assert json.dumps(values) == before


def test_from_dict_of_a_part():
    assert TuningCriterion.from_dict({"max_trials": 3}) == TuningCriterion(max_trials=3)


def test_from_dict_unknown_key():
    with pytest.raises(
        ValueError, match="`TuningCriterion` has no field 'strategi', only strategy, .*; did you mean 'strategy'?"
    ):
        TuningCriterion.from_dict({"strategi": "basic"})


def test_save_keeps_the_old_file_if_writing_fails(tmp_path, monkeypatch):
    path = tmp_path / "config.json"
    AccuracyCriterion(tolerable_loss=0.5).save(path)

    def fail(source, target):
        raise OSError("disk full")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(OSError, match="disk full"):
        AccuracyCriterion().save(path)
    assert AccuracyCriterion.load(path).tolerable_loss == 0.5


def test_load_names_a_broken_file(tmp_path):
    path = tmp_path / "broken.json"
    path.write_text("{")
    with pytest.raises(ValueError, match="broken.json` is not valid JSON"):
        AccuracyCriterion.load(path)


@pytest.mark.parametrize(
    "config_class, arguments, text",
    [
        (TuningCriterion, ["--objective", "speed"], "`objective` must be one of performance"),
        (PostTrainingQuantConfig, ["--recipes", '{"smoothquant": true}'], "did you mean 'smooth_quant'?"),
        (PostTrainingQuantConfig, ["--recipes", "{smooth_quant}"], "`recipes` is not valid JSON"),
        (WeightPruningConfig, ["--end_step", "1.5"], "`end_step` must be a step"),
    ],
    ids=["objective", "recipe", "json", "step"],
)
def test_command_line_errors_come_from_the_config(config_class, arguments, text):
    with pytest.raises(ValueError) as caught:
        parse(config_class, arguments)
    assert text in str(caught.value)


def test_two_parses_share_nothing():
    parser = HfArgumentParser(PostTrainingQuantConfig)
    (first,) = parser.parse_args_into_dataclasses([], look_for_args_file=False)
    (second,) = parser.parse_args_into_dataclasses([], look_for_args_file=False)
    first.recipes["smooth_quant"] = True
    first.inputs.append("x")
    first.tuning_criterion.max_trials = 1
    assert second == PostTrainingQuantConfig()


def test_import_is_light():
    code = (
        "import sys, inc_hf.config; print(sorted({'torch', 'numpy', 'transformers', 'datasets'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"

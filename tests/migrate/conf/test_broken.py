"""Broken YAML files: each is refused with its own message, the file, the line and the key."""

import time

import pytest

from inc_hf.migrate.conf import ConfError, read_conf
from inc_hf.migrate.conf.translate import (
    benchmark_config,
    distillation_config,
    mixed_precision_config,
    post_training_config,
    pruning_config,
)

MODEL = "model: {name: bert, framework: pytorch}\n"  # line 1 of all that follow it


def quantization(text):
    return MODEL + "quantization:\n  " + text + "\n"


def tuning(text):
    return MODEL + "tuning:\n  " + text + "\n"


def accuracy(text):
    return MODEL + "evaluation:\n  accuracy:\n    " + text + "\n"


def pruner(text):
    return (
        MODEL
        + f"pruning:\n  approach:\n    weight_compression:\n      pruners:\n        - !Pruner\n            {text}\n"
    )


def dataset(text):
    return quantization(f"calibration:\n    dataloader:\n      dataset:\n        {text}")


def criterion(text):
    return MODEL + f"distillation:\n  train:\n    criterion:\n      {text}\n"


# name -> text, line, key, what the message has
BROKEN = {
    # YAML
    "empty": ("", None, None, "is empty"),
    "only a comment": ("# nothing\n", None, None, "is empty"),
    "a list": ("- model\n- device\n", 1, None, "must be a section"),
    "a text": ("conf.yaml\n", 1, None, "must be a section"),
    "an unclosed bracket": (MODEL + "tuning: [1, 2\n", 3, None, "not valid YAML"),
    "a tab": (MODEL + "tuning:\n\tobjective: accuracy\n", 3, None, "not valid YAML"),
    "wrong indent": (MODEL + "tuning:\n    objective: accuracy\n  random_seed: 1\n", 4, None, "not valid YAML"),
    "two documents": (MODEL + "---\ndevice: cpu\n", 2, None, "more than one YAML document"),
    "an unknown alias": (MODEL + "tuning: *nobody\n", 2, None, "nobody"),
    "a control character": (MODEL + "device: \x01\n", 2, None, "not allowed"),
    "an impossible escape": (MODEL + 'device: "\\UFFFFFFFF"\n', None, None, "not valid YAML"),
    "too deep": (MODEL + "device: " + "[" * 200 + "]" * 200 + "\n", 2, None, "64 deep"),
    "code": (MODEL + "device: !!python/object/apply:os.system [ls]\n", 2, "device", "tag"),
    "a name of Python": (MODEL + "device: !!python/name:os.system\n", 2, "device", "tag"),
    "a set": (MODEL + "tuning: !!set {a, b}\n", 2, "tuning", "tag"),
    "a tag of another": (MODEL + "tuning: !Tuning {objective: accuracy}\n", 2, "tuning", "!Tuning"),
    "a pruner elsewhere": (MODEL + "tuning: !Pruner {objective: accuracy}\n", 2, "tuning", "`pruners` only"),
    "a list as a key": (MODEL + "? [a, b]\n: 1\n", 2, None, "a key is a name"),
    "a value in itself": (MODEL + "tuning: &a {strategy: *a}\n", 2, "tuning.strategy", "in itself"),
    "a key twice": (MODEL + "device: cpu\ndevice: gpu\n", 3, "device", "twice, in lines 2 and 3"),
    "a deep key twice": (tuning("random_seed: 1\n  random_seed: 2"), 4, "tuning.random_seed", "twice"),
    "a merge of no section": (MODEL + "tuning:\n  <<: 3\n", 3, "tuning", "`<<`"),
    # model
    "another file": ("services:\n  web: 1\n", 1, None, "is no conf of INC"),
    "no model": ("device: cpu\n", 1, "model", "is missing"),
    "no framework": ("model:\n  name: bert\n", 1, "model.framework", "is missing"),
    "no name": ("model:\n  framework: pytorch\n", 1, "model.name", "is missing"),
    "tensorflow": ("model:\n  name: a\n  framework: tensorflow\n", 3, "model.framework", "TensorFlow models"),
    "tensorflow_itex": ("model:\n  name: a\n  framework: tensorflow_itex\n", 3, "model.framework", "with ITEX"),
    "keras": ("model:\n  name: a\n  framework: keras\n", 3, "model.framework", "Keras models"),
    "mxnet": ("model:\n  name: a\n  framework: mxnet\n", 3, "model.framework", "MXNet models"),
    "tensorflow before what else is wrong": (
        "device: tpu\nmodel: {name: a, framework: tensorflow}\n",
        2,
        "model.framework",
        "INC 2.6",
    ),
    "an unknown framework": ("model:\n  name: a\n  framework: pytroch\n", 3, "model.framework", "'pytorch'"),
    "a model that is a text": ("model: bert\n", 1, "model", "must be a section"),
    "an unknown section": (MODEL + "quantisation:\n  approach: x\n", 2, "quantisation", "did you mean 'quantization'"),
    "a wrong version": (MODEL + "version: 3.0\n", 2, "version", "1.0 (or 2.0)"),
    "a version of words": (MODEL + "version: latest\n", 2, "version", "1.0 (or 2.0)"),
    "a wrong device": (MODEL + "device: tpu\n", 2, "device", "one of cpu, gpu"),
    "a device without value": (MODEL + "device:\n", 2, "device", "has no value"),
    "nas": (MODEL + "nas: {approach: dynas}\n", 2, "nas", "INC 2.6"),
    "auto_distillation": (MODEL + "auto_distillation: {search: {}}\n", 2, "auto_distillation", "`distillation`"),
    # quantization
    "an unknown approach": (quantization("approach: static"), 3, "quantization.approach", "post_training_static"),
    "a typo": (quantization("aproach: x"), 3, "quantization.aproach", "did you mean 'approach'"),
    "sampling size of words": (
        quantization("calibration: {sampling_size: many}"),
        3,
        "quantization.calibration.sampling_size",
        "whole number",
    ),
    "sampling size 0": (
        quantization("calibration: {sampling_size: 0}"),
        3,
        "quantization.calibration.sampling_size",
        "at least 1",
    ),
    "a recipe that is no flag": (
        quantization("recipes:\n    fast_bias_correction: 3"),
        4,
        "quantization.recipes.fast_bias_correction",
        "True or False",
    ),
    "an unknown recipe": (
        quantization("recipes: {smooth_quant: true}"),
        3,
        "quantization.recipes.smooth_quant",
        "scale_propagation_concat",
    ),
    "a wrong dtype": (
        quantization("model_wise:\n    activation: {dtype: 'int8, int3'}"),
        4,
        "quantization.model_wise.activation.dtype",
        "'int3'",
    ),
    "kl of weights": (
        quantization("model_wise:\n    weight: {algorithm: kl}"),
        4,
        "quantization.model_wise.weight.algorithm",
        "minmax",
    ),
    "an unknown section of layers": (
        quantization("op_wise: {conv1: {bias: {dtype: fp32}}}"),
        3,
        "quantization.op_wise.conv1.bias",
        "weight, activation",
    ),
    "an empty list": (
        quantization("op_wise:\n    conv1: {weight: {dtype: []}}"),
        4,
        "quantization.op_wise.conv1.weight.dtype",
        "a list of names",
    ),
    "17 bits": (quantization("model_wise: {weight: {bit: 17.0}}"), 3, "quantization.model_wise.weight.bit", "8"),
    # data
    "an unknown dataset": (
        dataset("ImageFolders: {root: a}"),
        6,
        "quantization.calibration.dataloader.dataset.ImageFolders",
        "did you mean 'ImageFolder'",
    ),
    "a dataset without root": (
        dataset("ImageFolder: {}"),
        6,
        "quantization.calibration.dataloader.dataset.ImageFolder.root",
        "is missing",
    ),
    "two datasets": (
        dataset("{ImageFolder: {root: a}, dummy: {shape: [1, 2]}}"),
        5,
        "quantization.calibration.dataloader.dataset",
        "one dataset, got ImageFolder, dummy",
    ),
    "an empty dataset": (
        dataset("{}"),
        5,
        "quantization.calibration.dataloader.dataset",
        "names no dataset; it has to be one of CIFAR10",
    ),
    "no dataset": (
        quantization("calibration:\n    dataloader: {batch_size: 3}"),
        4,
        "quantization.calibration.dataloader.dataset",
        "is missing",
    ),
    "a shape of words": (
        dataset("dummy: {shape: [a, b]}"),
        6,
        "quantization.calibration.dataloader.dataset.dummy.shape",
        "whole number",
    ),
    "an unknown transform": (
        accuracy("dataloader:\n      dataset: {ImageFolder: {root: a}}\n      transform: {Resise: {size: 3}}"),
        6,
        "evaluation.accuracy.dataloader.transform.Resise",
        "did you mean 'Resize'",
    ),
    "batch size 0": (
        accuracy("dataloader: {batch_size: 0, dataset: {ImageFolder: {root: a}}}"),
        4,
        "evaluation.accuracy.dataloader.batch_size",
        "at least 1",
    ),
    # tuning
    "an unknown strategy": (tuning("strategy: {name: bayes}"), 3, "tuning.strategy.name", "did you mean 'bayesian'"),
    "a strategy without name": (tuning("strategy: {accuracy_weight: 1.0}"), 3, "tuning.strategy.name", "is missing"),
    "relative and absolute": (
        tuning("accuracy_criterion: {relative: 0.1, absolute: 1}"),
        3,
        "tuning.accuracy_criterion",
        "keep one",
    ),
    "a negative loss": (
        tuning("accuracy_criterion: {relative: -0.1}"),
        3,
        "tuning.accuracy_criterion.relative",
        "percentage",
    ),
    "a loss of words": (
        tuning("accuracy_criterion:\n    relative: 1 percent"),
        4,
        "tuning.accuracy_criterion.relative",
        "percentage",
    ),
    "an infinite loss": (
        tuning("accuracy_criterion: {absolute: .inf}"),
        3,
        "tuning.accuracy_criterion.absolute",
        "percentage",
    ),
    "an unknown objective": (tuning("objective: speed"), 3, "tuning.objective", "performance"),
    "two objectives": (
        tuning("objective: accuracy\n  multi_objectives: {objective: accuracy}"),
        3,
        "tuning.objective",
        "keep one",
    ),
    "weights of other length": (
        tuning("multi_objectives: {objective: [accuracy, modelsize], weight: [0.1]}"),
        3,
        "tuning.multi_objectives.weight",
        "2, got 1",
    ),
    "a negative timeout": (tuning("exit_policy: {timeout: -1}"), 3, "tuning.exit_policy.timeout", "at least 0"),
    "no trials": (tuning("exit_policy: {max_trials: 0}"), 3, "tuning.exit_policy.max_trials", "at least 1"),
    "a seed with a fraction": (tuning("random_seed: 1.5"), 3, "tuning.random_seed", "whole number"),
    # evaluation
    "an unknown metric": (accuracy("metric: {topq: 1}"), 4, "evaluation.accuracy.metric.topq", "'topk'"),
    "two metrics": (accuracy("metric: {topk: 1, F1: {}}"), 4, "evaluation.accuracy.metric", "got topk, F1"),
    "metric and multi_metrics": (
        accuracy("metric: {topk: 1}\n    multi_metrics: {topk: 1}"),
        5,
        "evaluation.accuracy.multi_metrics",
        "keep one",
    ),
    "no instance": (
        MODEL + "evaluation:\n  performance:\n    configs:\n      num_of_instance: 0\n",
        5,
        "evaluation.performance.configs.num_of_instance",
        "at least 1",
    ),
    # pruning
    "a pruner that is a text": (
        MODEL + "pruning: {approach: {weight_compression: {pruners: [magnitude]}}}\n",
        2,
        "pruning.approach.weight_compression.pruners.0",
        "!Pruner",
    ),
    "pruners that are none": (
        MODEL + "pruning: {approach: {weight_compression: {pruners: 3}}}\n",
        2,
        "pruning.approach.weight_compression.pruners",
        "a list",
    ),
    "a typo of a pruner": (
        pruner("prune_typ: basic_magnitude"),
        7,
        "pruning.approach.weight_compression.pruners.0.prune_typ",
        "did you mean 'prune_type'",
    ),
    "all zeros": (
        pruner("target_sparsity: 1.0"),
        7,
        "pruning.approach.weight_compression.pruners.0.target_sparsity",
        "[0, 1)",
    ),
    "the end before the start": (
        pruner("start_epoch: 4\n            end_epoch: 2"),
        8,
        "pruning.approach.weight_compression.pruners.0.end_epoch",
        "below `start_epoch`",
    ),
    "two approaches": (
        MODEL + "pruning:\n  approach: {weight_compression: {}, weight_compression_v2: {}}\n",
        3,
        "pruning.approach",
        "got 2",
    ),
    # distillation
    "a temperature of 0": (
        criterion("KnowledgeDistillationLoss: {temperature: 0}"),
        5,
        "distillation.train.criterion.KnowledgeDistillationLoss.temperature",
        "(0, inf)",
    ),
    "an unknown loss": (
        criterion("KnowledgeDistilationLoss: {}"),
        5,
        "distillation.train.criterion.KnowledgeDistilationLoss",
        "did you mean 'KnowledgeDistillationLoss'",
    ),
    "an unknown type of loss": (
        criterion("KnowledgeDistillationLoss: {loss_types: [CE, L2]}"),
        5,
        "distillation.train.criterion.KnowledgeDistillationLoss.loss_types",
        "'L2'",
    ),
}

# What reads well and has no counterpart: name -> text, translation, line, key, message
UNTRANSLATABLE = {
    "epochs": (
        MODEL + "pruning: {train: {iteration: 20}, approach: {weight_compression: {end_epoch: 3}}}\n",
        pruning_config,
        2,
        "pruning.approach.weight_compression",
        r"steps_per_epoch=len(train_dataloader)",
    ),
    "an unknown type": (
        pruner("prune_type: best"),
        lambda conf: pruning_config(conf, 10),
        7,
        "pruning.approach.weight_compression.pruners.0.prune_type",
        "basic_magnitude",
    ),
    "heads": (
        pruner("{prune_type: gradient_sensitivity, parameters: {target: 8, stride: 64}}"),
        lambda conf: pruning_config(conf, 10),
        7,
        "pruning.approach.weight_compression.pruners.0.parameters",
        'pattern="mha"',
    ),
    "a pattern": (
        pruner("pattern: tile_pattern_0x3"),
        lambda conf: pruning_config(conf, 10),
        4,
        "pruning.approach.weight_compression",
        "`pattern` must be NxM",
    ),
    "only biases": (
        pruner("names: [layer.bias]"),
        lambda conf: pruning_config(conf, 10),
        7,
        "pruning.approach.weight_compression.pruners.0.names",
        "no weight",
    ),
    "sigopt": (
        tuning("strategy: {name: sigopt}\nquantization: {}"),
        post_training_config,
        3,
        "tuning.strategy.name",
        "bayesian",
    ),
    "only fp32": (
        MODEL + "mixed_precision: {precisions: fp32}\n",
        mixed_precision_config,
        2,
        "mixed_precision.precisions",
        "bf16",
    ),
    "no teacher": (
        criterion("CrossEntropyLoss: {}"),
        distillation_config,
        4,
        "distillation.train.criterion",
        "KnowledgeDistillationLoss",
    ),
    "a mapping of three": (
        criterion("IntermediateLayersKnowledgeDistillationLoss: {layer_mappings: [[a, b, c]]}"),
        distillation_config,
        5,
        "distillation.train.criterion.IntermediateLayersKnowledgeDistillationLoss.layer_mappings",
        "[student_layer, teacher_layer]",
    ),
    "weights of sum 2": (
        criterion("KnowledgeDistillationLoss: {loss_weights: [1, 1]}"),
        distillation_config,
        4,
        "distillation.train.criterion",
        "sum 1",
    ),
    "nothing to time": (
        MODEL + "evaluation:\n  performance: {iteration: 0}\n",
        benchmark_config,
        3,
        "evaluation.performance",
        "`iteration`",
    ),
    "ONNX files": (
        "model: {name: a, framework: onnxrt_qdq}\nmixed_precision: {precisions: bf16}\n",
        mixed_precision_config,
        1,
        "model.framework",
        "inc-hf export",
    ),
}


def refused(path, text, translate=lambda conf: None):
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfError) as caught:
        translate(read_conf(path))
    assert path.read_text(encoding="utf-8") == text
    return caught.value


def test_how_many():
    assert len(BROKEN) >= 60


@pytest.mark.parametrize("text, line, key, says", BROKEN.values(), ids=BROKEN)
def test_broken(tmp_path, text, line, key, says):
    error = refused(tmp_path / "conf.yaml", text)
    assert (error.file, error.line, error.key) == (tmp_path / "conf.yaml", line, key)
    assert says in str(error)
    assert str(error).startswith(str(error.file) if line is None else f"{error.file}, line {line}: ")


@pytest.mark.parametrize("text, translate, line, key, says", UNTRANSLATABLE.values(), ids=UNTRANSLATABLE)
def test_without_a_counterpart(tmp_path, text, translate, line, key, says):
    error = refused(tmp_path / "conf.yaml", text, translate)
    assert (error.line, error.key) == (line, key)
    assert says in str(error)


def test_every_message_is_its_own(tmp_path):
    messages = [str(refused(tmp_path / "conf.yaml", text)) for name, (text, *_) in BROKEN.items() if name != "empty"]
    assert len(set(messages)) == len(messages)


def test_not_utf8(tmp_path):
    (tmp_path / "a.yaml").write_bytes(MODEL.encode() + "device: cpü\n".encode("latin-1"))
    with pytest.raises(ConfError, match=r"a\.yaml, line 2: is not UTF-8 \(byte 0xfc\); save it as UTF-8"):
        read_conf(tmp_path / "a.yaml")


def test_utf16(tmp_path):
    (tmp_path / "a.yaml").write_bytes(MODEL.encode("utf-16"))
    with pytest.raises(ConfError, match="not UTF-8"):
        read_conf(tmp_path / "a.yaml")


def test_aliases_that_blow_up(tmp_path, monkeypatch):
    monkeypatch.setattr("inc_hf.migrate.conf.nodes.MOST_VALUES", 5000)
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)]
    (tmp_path / "a.yaml").write_text("\n".join(lines))
    with pytest.raises(ConfError, match="more than 5,000 values"):
        read_conf(tmp_path / "a.yaml")


def test_too_large(tmp_path):
    (tmp_path / "a.yaml").write_text(MODEL + "#" * (256 << 10))
    with pytest.raises(ConfError, match="larger than 256 KiB"):
        read_conf(tmp_path / "a.yaml")


SLOW = {
    "a number of base 60": ("device: 1" + ":1" * 100_000, "`device` must be one of cpu, gpu, got '1:1:1"),
    "a long number": ("version: " + "9" * 200_000, "`version` must be 1.0 .* got '999"),
    "a long hexadecimal number": ("version: 0x" + "f" * 200_000, "`version` must be 1.0 .* got '0xfff"),
    "a long key": ("? " + "quantization" * 10_000 + "\n: 1\n", "`quantizationquan"),
}


@pytest.mark.parametrize("text, says", SLOW.values(), ids=SLOW)
def test_what_takes_long_is_refused_in_time_and_in_short(tmp_path, text, says):
    (tmp_path / "a.yaml").write_text(MODEL + text)
    began = time.process_time()
    with pytest.raises(ConfError, match=says) as caught:
        read_conf(tmp_path / "a.yaml")
    assert time.process_time() - began < 5 and len(str(caught.value)) < 1000


def test_no_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_conf(tmp_path / "nothing.yaml")


@pytest.mark.parametrize("source", [3, None, ["model"]], ids=str)
def test_no_path(source):
    with pytest.raises(TypeError, match="a path or a dict"):
        read_conf(source)


def test_a_dict_has_no_lines():
    with pytest.raises(ConfError, match=r"^conf: `tuning\.random_seed` must be a whole number of at least 0, got 'x'"):
        read_conf({"model": {"name": "a", "framework": "pytorch"}, "tuning": {"random_seed": "x"}})

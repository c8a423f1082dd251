"""The public functions and classes, each with arguments that are right, and the values that take their places."""

import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import AutoModelForSequenceClassification

import inc_hf
from inc_hf import benchmark, config, mix_precision, quantization, training
from inc_hf.benchmark import benchmark_with_raw_cmd
from inc_hf.compression.pruner import model_slim, parse_auto_slim_config, prepare_pruning
from inc_hf.config import MixedPrecisionConfig, PostTrainingQuantConfig, WeightPruningConfig
from inc_hf.evaluation import evaluate_task
from inc_hf.export import export, export_model
from inc_hf.orchestration import run_stages
from inc_hf.prune.oneshot import prune_oneshot

CONFIGS = (
    "AccuracyCriterion", "BenchmarkConfig", "DistillationConfig", "MixedPrecisionConfig", "PostTrainingQuantConfig",
    "QuantizationAwareTrainingConfig", "Torch2ONNXConfig", "TuningCriterion", "WeightPruningConfig",
)  # fmt: skip
ANY_VALUE = {"progress", "overwrite", "private", "token", "commit_message", "loss_func", "device", "example_inputs"}
Call = tuple[Callable, dict[str, Any]]


def values() -> dict[str, Callable[[], Any]]:
    """What is tried in the place of each argument, by what it is called in the table."""
    return {
        "None": lambda: None, "'text'": lambda: "text", "''": lambda: "", "[1]": lambda: [1], "{}": dict,
        "-1": lambda: -1, "0.5": lambda: 0.5, "object()": object, "nn.Linear": lambda: nn.Linear(4, 2),
        "an INT8 model": int8, "Path('no/such')": lambda: Path("no/such"),
    }  # fmt: skip


def model() -> nn.Module:
    return AutoModelForSequenceClassification.from_pretrained("model")


def int8() -> nn.Module:
    return quantization.fit(model(), dynamic()).model


def dynamic() -> PostTrainingQuantConfig:
    return PostTrainingQuantConfig(approach="dynamic")


def pruning(kind: str = "magnitude") -> WeightPruningConfig:
    return WeightPruningConfig(pruning_type=kind, target_sparsity=0.5, start_step=1, end_step=2)


def batch() -> dict[str, torch.Tensor]:
    return {"input_ids": torch.ones(2, 4, dtype=torch.long), "attention_mask": torch.ones(2, 4, dtype=torch.long)}


def quantizer() -> Any:
    return inc_hf.IncQuantizer.from_pretrained("model")


def score(model: nn.Module) -> float:
    return 0.5


def calls() -> dict[str, Callable[[], Call]]:
    """Name -> what makes a function and right arguments; made where they are called, since that changes models."""
    return {
        **_verbs(),
        **_quantizers(),
        **_results_and_loaders(),
        **_exports_and_pruning(),
        **_settings(),
        "benchmark.fit": lambda: (  # the last, since what is accepted is measured
            benchmark.fit,
            {"model": "int8", "baseline": "model", "seconds": 0.05, "sequence_length": 8, "progress": False},
        ),
    }


def _verbs() -> dict[str, Callable[[], Call]]:
    return {
        "optimize": lambda: (inc_hf.optimize, {"model": int8()}),
        "quantization.fit": lambda: (quantization.fit, {"model": model(), "conf": dynamic()}),
        "quantization.fit, to a goal": lambda: (
            quantization.fit, {"model": model(), "conf": dynamic(), "eval_func": score}
        ),
        "mix_precision.fit": lambda: (mix_precision.fit, {"model": model(), "conf": MixedPrecisionConfig()}),
        "prepare_compression": lambda: (training.prepare_compression, {"model": model(), "confs": pruning()}),
        "training.fit": lambda: (
            training.fit,
            {
                "compression_manager": training.prepare_compression(model(), pruning()),
                "train_func": lambda model: None,
                "eval_func": score,
            },
        ),
        "benchmark_with_raw_cmd": lambda: (benchmark_with_raw_cmd, {"raw_cmd": "true"}),
    }  # fmt: skip


def _quantizers() -> dict[str, Callable[[], Call]]:
    return {
        "IncQuantizer": lambda: (inc_hf.IncQuantizer, {"model": model()}),
        "IncQuantizer.from_pretrained": lambda: (inc_hf.IncQuantizer.from_pretrained, {"model": "model"}),
        "IncQuantizer.quantize": lambda: (quantizer().quantize, {"quantization_config": dynamic()}),
        "IncQuantizer.quantize, static": lambda: (
            quantizer().quantize,
            {"quantization_config": PostTrainingQuantConfig(), "calibration_dataset": ["a good film"] * 4},
        ),
        "IncQuantizer.get_calibration_dataset": lambda: (
            quantizer().get_calibration_dataset, {"dataset_name": "data.tsv", "num_samples": 4}
        ),
        "IncQuantizer.push_to_hub": lambda: (_quantized().push_to_hub, {"repo_id": "a b"}),
    }  # fmt: skip


def _results_and_loaders() -> dict[str, Callable[[], Call]]:
    return {
        "QuantizedModel.save_pretrained": lambda: (
            quantization.fit(model(), dynamic()).save_pretrained, {"save_directory": "out"}
        ),
        "QuantizedModel.push_to_hub": lambda: (
            quantization.fit(model(), dynamic()).push_to_hub, {"repo_id": "a b"}
        ),
        "MixedModel.save_pretrained": lambda: (
            mix_precision.fit(model()).save_pretrained, {"save_directory": "out"}
        ),
        "IncModelForSequenceClassification.from_pretrained": lambda: (
            inc_hf.IncModelForSequenceClassification.from_pretrained, {"pretrained_model_name_or_path": "int8"}
        ),
    }  # fmt: skip


def _exports_and_pruning() -> dict[str, Callable[[], Call]]:
    data = [{**batch(), "labels": torch.tensor([0, 1])}]
    return {
        "export": lambda: (export, {"model": model(), "save_path": "out.onnx"}),
        "export_model": lambda: (export_model, {"model": model(), "directory": "out"}),
        "prune_oneshot": lambda: (
            prune_oneshot, {"model": model(), "config": pruning("wanda"), "batches": [batch()], "progress": False}
        ),
        "model_slim": lambda: (model_slim, {"model": model()}),
        "parse_auto_slim_config": lambda: (parse_auto_slim_config, {"model": model(), "ffn2_sparsity": 0.5}),
        "prepare_pruning": lambda: (prepare_pruning, {"model": model(), "config": pruning()}),
        "run_stages": lambda: (
            run_stages, {"model": model(), "stages": {"same": lambda m, w: m}, "save_directory": "stages"}
        ),
        "evaluate_task": lambda: (evaluate_task, {"model": model(), "batches": data, "task": "text-classification"}),
    }  # fmt: skip


def _settings() -> dict[str, Callable[[], Call]]:
    """What takes no model: callbacks, settings of the package, configs."""
    callbacks = ("PruningCallback", "DistillationCallback", "QuantizationAwareTrainingCallback")
    setters = ("set_random_seed", "set_workspace", "set_resume_from", "set_tensorboard")
    named = {name: lambda name=name: (getattr(inc_hf, name), {}) for name in (*callbacks, *setters)}
    return named | {name: lambda name=name: (getattr(config, name), {}) for name in CONFIGS}


def _quantized() -> Any:
    made = quantizer()
    made.quantize(dynamic())
    return made


def wrong_calls() -> Iterator[tuple[str, str, str]]:
    """Name of a call, the argument that is wrong, and what came instead: each argument with each value."""
    for name, make in calls().items():
        function, _ = make()
        yield name, "", "no arguments"
        for argument, parameter in inspect.signature(function).parameters.items():
            if argument not in ANY_VALUE and parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
                for value in values():
                    yield name, argument, value


def called(name: str, argument: str, value: str) -> Any:
    """What the call gives."""
    function, arguments = calls()[name]()
    return function(**({**arguments, argument: values()[value]()} if argument else {}))

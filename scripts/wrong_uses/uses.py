"""Wrong command lines: every option of every command with every kind of value that does not fit, and combinations."""

import argparse
from collections.abc import Iterator

from inc_hf.commands.main import build_parser

# What is right besides the option that is tried.
RIGHT = {
    "quantize": ["model", "-o", "out"],
    "export": ["model", "-o", "out"],
    "convert": ["model", "-o", "out"],
    "benchmark": ["int8", "--baseline", "model", "--seconds", "0.1", "--seq", "8"],
}
NUMBERS = ("x", "", "-1", "0", "1.5", "nan", "1e9", "99999999999999999999")
FOLDERS = (
    "no/such/folder",
    "empty_folder",
    "texts.txt",
    "no_config",
    "no_weights",
    "no_tokenizer",
    "bad_config",
    "cut_weights",
)
MODELS = (*FOLDERS, "of_another_model", "", "a b", "x/y/z", "model/config.json", "int8")
TABLES = (
    "no/such.tsv", "empty_folder", "empty.tsv", "header.tsv", "binary.tsv", "data.xyz", "no_labels.tsv",
    "no_texts.tsv", "numbers.tsv", "ragged.tsv", "labels_3_4.tsv", "labels_words.tsv",
    "labels_floats.tsv", "labels_missing.tsv",
)  # fmt: skip
OUTPUTS = ("", "full_folder", "texts.txt", "/proc/nowhere", "texts.txt/below", "/dev/null")
VALUES = {
    "output": OUTPUTS,
    "texts": ("no/such.txt", "empty_folder", "empty.txt", "blank.txt", "binary.txt", ""),
    "config": ("no/such.json", "empty_folder", "not_json.json", "list.json", "unknown_key.json", "wrong_value.json",
               "wrong_type.json", "binary.json", "empty.txt"),
    "json": ("", "empty_folder", "/proc/nowhere/x.json"),
    "plot": ("x.xyz", "plot", "", "empty_folder", "no/such/x.png"),
    "workspace": ("texts.txt", "/proc/nowhere", ""),
    "resume_from": ("no/such/folder", "empty_folder", "texts.txt", "model"),
    "keep_fp32": ("(", "no_such_module", "", "clasifier"),
    "push_to_hub": ("a b", "x/y/z", "", "../x", "me/"),
    "inputs": ("no_such_input", "", "input_ids,,", "input_ids input_ids"),
    "dtype": ("fp8", "", "bfloat"),
    "format": ("onnx", "", "compressed_tensors"),
    "quant_format": ("qdq2", ""),
    "backend": ("torchscript", "", "onnx", "tensorrt"),
    "approach": ("statics", "", "static", "qat", "dynamc", "4"),
    "observer": ("histogram", "", "minimax"),
    "metric": ("no_such_metric", "", "mnli2"),
    "task": ("text-clasification", "", "question-answering", "translation", "sst2"),
    "split": ("no_such_split", ""),
    "dataset_config": ("no_such_config", ""),
    "baseline": MODELS,
    "model": MODELS,
    "model_positional": MODELS,
    "directory": MODELS,
    "dataset": TABLES,
}  # fmt: skip
WITH_DATA = ["--task", "text-classification"]
STATIC = ["--approach", "static"]
# What is wrong only together.
COMBINATIONS = [
    ["quantize"],
    ["quantize", "model"],
    ["quantize", "-o", "out"],
    ["quantize", "model", "-m", "int8", "-o", "out"],
    ["quantize", "model", "-o", "model", "--overwrite"],
    ["quantize", "model", "-o", ".", "--overwrite"],
    ["quantize", "model", "-o", "out", "--tolerance", "0.01"],
    ["quantize", "model", "-o", "out", "--tolerance", "0.01", "--dataset", "data.tsv"],
    ["quantize", "model", "-o", "out", "--tolerance", "0.01", *WITH_DATA],
    ["quantize", "model", "-o", "out", "--metric", "mrpc"],
    ["quantize", "model", "-o", "out", "--max-trials", "3"],
    ["quantize", "model", "-o", "out", *WITH_DATA],
    ["quantize", "model", "-o", "out", "--texts", "texts.txt"],
    ["quantize", "model", "-o", "out", "--samples", "5"],
    ["quantize", "model", "-o", "out", "--observer", "kl"],
    ["quantize", "model", "-o", "out", "--smooth-quant", "0.5"],
    ["quantize", "model", "-o", "out", *STATIC],
    ["quantize", "model", "-o", "out", *STATIC, "--texts", "texts.txt", "--smooth-quant", "2"],
    ["quantize", "model", "-o", "out", *STATIC, "--dataset", "numbers.tsv"],
    ["quantize", "model", "-o", "out", "--weight-bits", "4", "--format", "compressed-tensors"],
    ["quantize", "model", "-o", "out", "--keep-fp32", "classifier", "./model"],
    ["quantize", "-o", "out", "--keep-fp32", "classifier", "model"],
    ["quantize", "model", "-o", "out", "--keep-fp32", ".*"],
    ["quantize", "model", "-o", "out", "--split", "test"],
    ["quantize", "model", "-o", "out", "--split", "test", "--dataset", "data.tsv"],
    ["quantize", "model", "-o", "out", "--dataset-config", "sst2"],
    ["quantize", "model", "-o", "out", "--dataset", "data.tsv", *WITH_DATA, "--metric", "stsb"],
    ["quantize", "model", "-o", "out", "--dataset", "data.tsv", "--task", "token-classification"],
    ["quantize", "model", "-o", "out", "--resume-from", "empty_folder", "--workspace", "w"],
    ["quantize", "int8", "-o", "out"],
    ["quantize", "model", "-o", "out", "--aproach", "static"],
    ["quantize", "model", "other", "-o", "out"],
    ["quantise", "model", "-o", "out"],
    [],
    ["--verbose"],
    ["export", "int8", "-o", "out", "--dtype", "bf16"],
    ["export", "model", "-o", "out", "--quant-format", "QDQ"],
    ["export", "model", "-o", "full_folder"],
    ["export", "model", "-o", "model", "--overwrite"],
    ["export", "no_tokenizer", "-o", "out", "--task", "image-classification"],
    ["convert", "int8", "-o", "out"],
    ["convert", "model", "-o", "out", "--dtype", "fp16"],
    ["convert", "model", "-o", "out", "--keep-fp32", ".*"],
    ["convert", "model", "-o", "out", "--tolerance", "0.01"],
    ["convert", "model", "-o", "out", "--tolerance", "0.01", "--dataset", "data.tsv"],
    ["convert", "model", "-o", "model", "--overwrite"],
    ["benchmark"],
    ["benchmark", "int8", "--baseline", "model", "--seq", "5000"],
    ["benchmark", "int8", "--baseline", "model", "--instances", "500"],
    ["benchmark", "int8", "--baseline", "model", "--cores", "500"],
    ["benchmark", "int8", "--baseline", "model", "--seconds", "1", "--iterations", "3", "--dataset", "data.tsv"],
    ["benchmark", "model", "--baseline", "int8", "--backend", "onnx"],
    ["benchmark", "int8", "--baseline", "model", "--backend", "ipex"],
    ["info", "model", "int8"],
    ["info", "no_such"],
    ["info", "model/config.json"],
    ["demo", "-o", "texts.txt"],
    ["demo", "-o", "/proc/nowhere"],
    ["demo", "more"],
]


def wrong_uses() -> Iterator[list[str]]:
    """Arguments of `inc-hf`, none of which can be done as they stand."""
    yield from COMBINATIONS
    for command, parser in _commands(build_parser()).items():
        for action in parser._actions if command in (*RIGHT, "info") else ():
            for value in _values(action):
                yield _with(command, action, value)


def _commands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    (subparsers,) = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    return subparsers.choices


def _values(action: argparse.Action) -> tuple[str, ...]:
    if action.nargs == 0:
        return ()
    if action.type in (int, float):
        return NUMBERS
    return VALUES[action.dest]


def _with(command: str, action: argparse.Action, value: str) -> list[str]:
    right = list(RIGHT.get(command, []))
    if action.dest in ("model", "model_positional", "directory"):
        if action.option_strings:  # -m, the same as the positional argument
            return [command, "-m", value, *right[1:]]
        return [command, value, *right[1:]]
    flags = set(action.option_strings)
    for flag in flags & set(right):
        del right[right.index(flag) : right.index(flag) + 2]
    needs_task = (
        action.dest in ("dataset", "metric", "tolerance", "max_trials", "batch_size") and "--task" not in flags
    )
    data = (
        ["--dataset", "data.tsv"] if action.dest in ("metric", "tolerance", "max_trials", "task", "batch_size") else []
    )
    static = STATIC + ["--texts", "texts.txt"] if action.dest in ("observer", "smooth_quant", "samples") else []
    static = STATIC if action.dest == "texts" else static
    return [command, *right, *(WITH_DATA if needs_task else []), *data, *static, action.option_strings[-1], value]

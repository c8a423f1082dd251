"""`inc-hf export`."""

import argparse
import shutil
import tempfile
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table
from transformers import PreTrainedModel

from inc_hf.checkpoint.save import check_output_directory, save_checkpoint
from inc_hf.commands.main import EXIT_OK
from inc_hf.config import Torch2ONNXConfig
from inc_hf.errors import UsageError
from inc_hf.export import export_model
from inc_hf.export.layout import FOLDER
from inc_hf.models.tasks import auto_class_of
from inc_hf.models.tokenizer import load_tokenizer
from inc_hf.quantize.nn import quantized_modules
from inc_hf.runtimes import load_model


def export(args: argparse.Namespace) -> int:
    """Write a model as ONNX, beside its weights or in a directory of its own; returns the exit code."""
    model_name = args.model or args.model_positional
    if model_name is None:
        raise UsageError("Which model? Give a directory or a Hub name: inc-hf export MODEL")
    if args.output is None and not Path(model_name).is_dir():
        raise UsageError(f"{model_name} is no directory that could hold the files; say where with -o DIR.")
    if args.output is not None:
        check_output_directory(args.output, args.overwrite)
    dtype = {"dtype": torch.bfloat16} if args.dtype == "bf16" else {}
    model = load_model(auto_class_of(model_name, args.task), model_name, **dtype)
    conf = Torch2ONNXConfig(
        dtype="int8" if quantized_modules(model) else args.dtype,
        opset_version=args.opset,
        quant_format=args.quant_format,
    )
    paths = _beside(model, model_name, conf) if args.output is None else _apart(model, model_name, conf, args)
    _report(paths)
    return EXIT_OK


def _beside(model: PreTrainedModel, directory: str, conf: Torch2ONNXConfig) -> list[Path]:
    return export_model(model, Path(directory) / FOLDER, conf)


def _apart(model: PreTrainedModel, name: str, conf: Torch2ONNXConfig, args: argparse.Namespace) -> list[Path]:
    """With all that a pipeline needs but the weights of torch."""
    with tempfile.TemporaryDirectory(prefix="inc_hf_onnx_") as folder:
        names = [path.name for path in export_model(model, folder, conf)]

        def write(directory: Path) -> None:
            model.config.save_pretrained(directory)
            if model.can_generate():
                model.generation_config.save_pretrained(directory)
            tokenizer = load_tokenizer(name)
            if tokenizer is not None:
                tokenizer.save_pretrained(directory)
            shutil.copytree(folder, directory / FOLDER)

        save_checkpoint(write, args.output, args.overwrite)
    return [Path(args.output) / FOLDER / name for name in names]


def _report(paths: list[Path]) -> None:
    table = Table("file", "size", title=str(paths[0].parent))
    for path in paths:
        size = sum(part.stat().st_size for part in path.parent.glob(f"{path.name}*"))
        table.add_row(path.name, f"{size / 1e6:.1f} MB")
    console = Console()
    console.print(table)
    console.print("ONNX Runtime gives the outputs of torch. Run it with: "
                  "IncModelFor….from_pretrained(DIR, backend=\"onnxruntime\")", highlight=False)  # fmt: skip

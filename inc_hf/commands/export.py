"""`inc-hf export`."""

import argparse
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from inc_hf.commands.arguments import add_model_argument, model_of
from inc_hf.commands.exit_codes import EXIT_OK
from inc_hf.config import Torch2ONNXConfig
from inc_hf.errors import UsageError

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `inc-hf export` and of `optimum-cli inc export`."""
    add_model_argument(parser)
    parser.add_argument(
        "-o", "--output", metavar="DIR", help="where to write; default: onnx/ in the model's directory"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace an output directory that is not empty")
    parser.add_argument("--task", help="e.g. text-classification; default: that of the checkpoint")
    parser.add_argument(
        "--dtype",
        choices=("fp32", "bf16"),
        default="fp32",
        help="of a model that is not quantized; bf16 halves the file, and computes in fp32 (default: %(default)s)",
    )
    parser.add_argument(
        "--quant-format",
        choices=("QDQ", "QOperator"),
        default="QDQ",
        help="how static activations are written (default: %(default)s)",
    )
    parser.add_argument("--opset", type=int, default=18, metavar="N", help="default: %(default)s")


def export(args: argparse.Namespace) -> int:
    """Write a model as ONNX, beside its weights or in a directory of its own; returns the exit code."""
    import torch

    from inc_hf.checkpoint.save import check_output_directory
    from inc_hf.commands.loading import load_model
    from inc_hf.writable import check_writable

    name = model_of(args, "inc-hf export MODEL")
    if args.output is None and not Path(name).is_dir():
        raise UsageError(f"{name} is no directory that could hold the files; say where with -o DIR.")
    if args.output is None:
        check_writable(name)
    else:
        check_output_directory(args.output, args.overwrite)
    model = load_model(name, args.task, **({"dtype": torch.bfloat16} if args.dtype == "bf16" else {}))
    conf = _config_of(model, args)
    _report(_beside(model, name, conf) if args.output is None else _apart(model, name, conf, args))
    return EXIT_OK


def _config_of(model: "PreTrainedModel", args: argparse.Namespace) -> Torch2ONNXConfig:
    from inc_hf.quantize.nn import quantized_modules

    dtype = "int8" if quantized_modules(model) else args.dtype
    return Torch2ONNXConfig(dtype=dtype, opset_version=args.opset, quant_format=args.quant_format)


def _beside(model: "PreTrainedModel", directory: str, conf: Torch2ONNXConfig) -> list[Path]:
    from inc_hf.export import export_model
    from inc_hf.export.layout import FOLDER

    return export_model(model, Path(directory) / FOLDER, conf)


def _apart(model: "PreTrainedModel", name: str, conf: Torch2ONNXConfig, args: argparse.Namespace) -> list[Path]:
    """With all that a pipeline needs but the weights of torch."""
    from inc_hf.checkpoint.save import save_checkpoint
    from inc_hf.commands.loading import load_tokenizer
    from inc_hf.export import export_model
    from inc_hf.export.layout import FOLDER

    tokenizer = load_tokenizer(name)
    with tempfile.TemporaryDirectory(prefix="inc_hf_onnx_") as folder:
        names = [path.name for path in export_model(model, folder, conf)]

        def write(directory: Path) -> None:
            model.config.save_pretrained(directory)
            if model.can_generate():
                model.generation_config.save_pretrained(directory)
            if tokenizer is not None:
                tokenizer.save_pretrained(directory)
            shutil.copytree(folder, directory / FOLDER)

        save_checkpoint(write, args.output, args.overwrite)
    return [Path(args.output) / FOLDER / name for name in names]


def _report(paths: list[Path]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("file", "size", title=str(paths[0].parent))
    for path in paths:
        size = sum(part.stat().st_size for part in path.parent.glob(f"{path.name}*"))
        table.add_row(path.name, f"{size / 1e6:.1f} MB")
    console = Console()
    console.print(table)
    console.print("ONNX Runtime gives the outputs of torch. Run it with: "
                  "IncModelFor….from_pretrained(DIR, backend=\"onnxruntime\")", highlight=False)  # fmt: skip

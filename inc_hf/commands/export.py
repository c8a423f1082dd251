"""`inc-hf export`."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from inc_hf.commands import values
from inc_hf.commands.arguments import add_model_argument, add_trust_argument, check_apart, model_of
from inc_hf.commands.exit_codes import EXIT_OK
from inc_hf.commands.output import show
from inc_hf.config import Torch2ONNXConfig
from inc_hf.config.export import OLDEST_OPSET
from inc_hf.errors import UsageError, usage_error_for

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `inc-hf export` and of `optimum-cli inc export`."""
    add_model_argument(parser)
    add_trust_argument(parser)
    parser.add_argument(
        "-o",
        "--output",
        type=values.path,
        metavar="DIR",
        help="where to write; default: onnx/ in the model's directory",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace an output directory that is not empty")
    parser.add_argument("--task", type=values.task, help="e.g. text-classification; default: that of the checkpoint")
    parser.add_argument(
        "--dtype",
        choices=("fp32", "bf16"),
        help="of a model that is not quantized; bf16 halves the file, and computes in fp32 (default: bf16 of a "
        "checkpoint in bfloat16, otherwise fp32)",
    )
    parser.add_argument(
        "--inputs",
        type=values.names,
        metavar="NAME,NAME",
        default=[],
        help="optional inputs of the model besides those that its tokenizer or processor gives, e.g. position_ids",
    )
    parser.add_argument(
        "--quant-format",
        choices=("QDQ", "QOperator"),
        help="how static activations are written (default: QDQ)",
    )
    parser.add_argument(
        "--opset", type=values.integer(OLDEST_OPSET), default=OLDEST_OPSET, metavar="N", help="default: %(default)s"
    )


def export(args: argparse.Namespace) -> int:
    """Write a model as ONNX, beside its weights or in a directory of its own; returns the exit code."""
    name = model_of(args, "inc-hf export MODEL")
    if args.output is None and not Path(name).is_dir():
        raise UsageError(f"{name} is no directory that could hold the files; say where with -o DIR.")
    from inc_hf.backends.onnxruntime import require_export
    from inc_hf.checkpoint.save import check_output_directory
    from inc_hf.commands.loading import load_model, outline_of
    from inc_hf.models.examples import check_inputs
    from inc_hf.writable import check_writable

    if args.output is None:
        check_writable(name)
    else:
        check_apart(args.output, name, "leave out -o to write onnx/ beside its weights")
        check_output_directory(args.output, args.overwrite)
    require_export()
    trusts = args.trust_remote_code
    check_inputs(outline_of(name, args.task, trusts), args.inputs)
    model = load_model(
        name, args.task, trusts, dtype=dtype_to_load(name, args.dtype, args.quant_format, trust_remote_code=trusts)
    )
    conf = _config_of(model, args)
    beside = args.output is None
    _report(_beside(model, name, conf, args.inputs) if beside else _apart(model, name, conf, args.inputs, args), args)
    return EXIT_OK


def dtype_to_load(name: str, asked: str | None, quant_format: str | None = None, **hub: bool) -> "torch.dtype":
    """What to load a checkpoint in."""
    import torch
    from transformers import AutoConfig

    with usage_error_for(f"{name} cannot be loaded"):
        config = AutoConfig.from_pretrained(name, **hub)
    if getattr(config, "quantization_config", None) is None:
        if quant_format is not None:
            raise UsageError(f"{name} is not quantized; --quant-format is for models that are.")
    else:
        if asked == "bf16":
            raise UsageError(f"{name} is quantized; --dtype bf16 is for models that are not.")
        return torch.float32
    is_half = config.dtype == torch.bfloat16 if asked is None else asked == "bf16"
    return torch.bfloat16 if is_half else torch.float32


def _config_of(model: "PreTrainedModel", args: argparse.Namespace) -> Torch2ONNXConfig:
    from inc_hf.export.write import dtype_of

    return Torch2ONNXConfig(dtype=dtype_of(model), opset_version=args.opset, quant_format=args.quant_format or "QDQ")


def _beside(model: "PreTrainedModel", directory: str, conf: Torch2ONNXConfig, inputs: list[str]) -> list[Path]:
    from inc_hf.export import export_model
    from inc_hf.export.layout import FOLDER, remove_older

    written = export_model(model, Path(directory) / FOLDER, conf, inputs=inputs)
    remove_older(Path(directory) / FOLDER, conf.dtype)
    return written


def _apart(
    model: "PreTrainedModel", name: str, conf: Torch2ONNXConfig, inputs: list[str], args: argparse.Namespace
) -> list[Path]:
    """With all that a pipeline needs but the weights of torch."""
    from inc_hf.checkpoint.save import save_checkpoint
    from inc_hf.commands.loading import load_tokenizer
    from inc_hf.export import export_model
    from inc_hf.export.layout import FOLDER

    tokenizer = load_tokenizer(name, args.trust_remote_code)
    names: list[str] = []

    def write(directory: Path) -> None:
        names.extend(path.name for path in export_model(model, directory / FOLDER, conf, inputs=inputs))
        model.config.save_pretrained(directory)
        if model.can_generate():
            model.generation_config.save_pretrained(directory)
        if tokenizer is not None:
            tokenizer.save_pretrained(directory)

    save_checkpoint(write, args.output, args.overwrite)
    return [Path(args.output) / FOLDER / name for name in names]


def _report(paths: list[Path], args: argparse.Namespace) -> None:
    sizes = {path.name: sum(part.stat().st_size for part in path.parent.glob(f"{path.name}*")) for path in paths}
    rows = {name: f"{size / 1e6:.1f} MB" for name, size in sizes.items()}
    how = 'IncModelFor….from_pretrained(DIR, backend="onnxruntime")'
    folder = str(paths[0].parent)
    show(
        args,
        folder,
        {"saved_in": folder, "files": sizes},
        rows,
        [f"ONNX Runtime gives the outputs of torch. Run it with: {how}"],
    )

"""`inc-hf quantize`."""

import argparse
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

from inc_hf.checkpoint.save import check_output_directory
from inc_hf.commands.info import weights_size
from inc_hf.commands.main import EXIT_GOAL_MISSED, EXIT_INTERRUPTED, EXIT_OK
from inc_hf.config import PostTrainingQuantConfig, options, set_resume_from, set_workspace
from inc_hf.errors import UsageError
from inc_hf.evaluation.datasets import load_dataset_file_or_hub
from inc_hf.quantizer import IncQuantizer
from inc_hf.results.quantized import QuantizedModel


def quantize(args: argparse.Namespace) -> int:
    """Quantize and save a model as the arguments say; returns the exit code."""
    model = args.model or args.model_positional
    if model is None:
        raise UsageError("Which model? Give a directory or a Hub name: inc-hf quantize MODEL -o DIR")
    config = config_of(args)
    if config.approach == "static" and not (args.texts or args.dataset):
        raise UsageError("Static quantization needs calibration data: give --texts FILE or --dataset FILE|NAME.")
    check_output_directory(args.output, args.overwrite)
    if args.workspace:
        set_workspace(args.workspace)
    set_resume_from(args.resume_from)
    texts = read_texts(args.texts) if args.texts else None
    dataset = None
    if args.dataset:
        dataset = load_dataset_file_or_hub(args.dataset, args.dataset_config, args.split, None)
    try:
        quantizer = IncQuantizer.from_pretrained(model, task=args.task, seed=args.seed, metric_name=args.metric)
    except OSError as error:
        raise OSError(f"{model} cannot be loaded: {error}") from error
    calibration = texts
    if texts is None and dataset is not None:
        calibration = dataset.shuffle(seed=args.seed)
    result = quantizer.quantize(
        config,
        args.output,
        calibration_dataset=calibration,
        eval_dataset=dataset if args.task else None,
        batch_size=args.batch_size,
        overwrite=args.overwrite,
        format=args.format,
    )
    report(result, Path(args.output))
    if args.push_to_hub:
        Console().print(f"Uploaded to {quantizer.push_to_hub(args.push_to_hub)}")
    if result.interrupted:
        return EXIT_INTERRUPTED
    return EXIT_GOAL_MISSED if result.met_criterion is False else EXIT_OK


def config_of(args: argparse.Namespace) -> PostTrainingQuantConfig:
    """The config that the arguments describe: that of the file, if there is one, with the options put over it."""
    config = PostTrainingQuantConfig.load(args.config) if args.config else PostTrainingQuantConfig(approach="dynamic")
    settings: dict = {}
    if args.observer is not None:
        settings["activation"] = {"algorithm": args.observer}
    if args.weight_bits is not None:
        settings["weight"] = {"bits": args.weight_bits}
    recipes = dict(config.recipes)
    if args.smooth_quant is not None:
        recipes |= {"smooth_quant": True, "smooth_quant_args": {"alpha": args.smooth_quant}}
    op_types = {"Linear|Conv1D|Conv1d|Conv2d": settings} if settings else {}
    accuracy, tuning = config.accuracy_criterion, config.tuning_criterion
    return replace(
        config,
        approach=config.approach if args.approach is None else args.approach,
        calibration_sampling_size=config.calibration_sampling_size if args.samples is None else args.samples,
        recipes=recipes,
        op_type_dict={**config.op_type_dict, **op_types},
        op_name_dict={**config.op_name_dict, **{name: {"weight": {"dtype": "fp32"}} for name in args.keep_fp32}},
        accuracy_criterion=accuracy if args.tolerance is None else replace(accuracy, tolerable_loss=args.tolerance),
        tuning_criterion=tuning if args.max_trials is None else replace(tuning, max_trials=args.max_trials),
    )


def read_texts(path: str) -> list[str]:
    """The lines of a text file that are not empty."""
    texts = [line.strip() for line in Path(path).read_text(encoding="utf-8").splitlines() if line.strip()]
    if not texts:
        raise UsageError(f"{path} has no text; put one sentence on each line.")
    return texts


def report(result: QuantizedModel, directory: Path) -> None:
    """Print what was made and where it is."""
    console = Console()
    table = Table(title=f"{type(result.model).__name__}, quantized", show_header=False)
    table.add_row("saved in", str(directory))
    table.add_row("format", result.model.config.quantization_config.to_dict()["quant_method"])
    table.add_row("modules quantized", str(result.summary()["quantization"]["quantized_modules"]))
    table.add_row("weights on disk", f"{weights_size(directory) / 1e6:.1f} MB")
    if result.score is not None:
        table.add_row("FP32 score", f"{result.baseline:.4f}")
        verdict = "met" if result.met_criterion else "NOT met"
        table.add_row("quantized score", f"{result.score:.4f} (goal {result.target:.4f}, {verdict})")
        table.add_row("trials", f"{len(result.trials)}, in {Path(options.workspace) / 'history.json'}")
    console.print(table)
    console.print(f"Look inside with: inc-hf info {directory}")

"""`inc-hf quantize`."""

import argparse
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from inc_hf.commands.arguments import add_hub_arguments, add_model_argument, check_goal_arguments, check_used, model_of
from inc_hf.commands.exit_codes import EXIT_CODES, EXIT_GOAL_MISSED, EXIT_INTERRUPTED, EXIT_OK
from inc_hf.commands.quantize_config import config_of
from inc_hf.config import PostTrainingQuantConfig, options, set_resume_from, set_workspace
from inc_hf.config.checks import check_int
from inc_hf.errors import UsageError, usage_error_for

if TYPE_CHECKING:
    from inc_hf.quantizer import IncQuantizer
    from inc_hf.results.quantized import QuantizedModel

EPILOG = f"""\
examples:
  inc-hf quantize ./my-model -o ./my-model-int8
  inc-hf quantize ./my-model -o out --approach static --texts calibration.txt
  inc-hf quantize user/model -o out --task text-classification --dataset validation.tsv --tolerance 0.01

{EXIT_CODES}"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `inc-hf quantize` and of `optimum-cli inc quantize`."""
    parser.formatter_class, parser.epilog = argparse.RawDescriptionHelpFormatter, EPILOG
    add_model_argument(parser, "an FP32 model")
    parser.add_argument("-o", "--output", required=True, metavar="DIR", help="where to save the quantized model")
    _add_how(parser.add_argument_group("how to quantize"))
    _add_data(parser.add_argument_group("data for calibration and evaluation"))
    _add_goal(parser.add_argument_group("accuracy goal"))
    _add_output(parser.add_argument_group("output"))


def _add_how(how: argparse._ArgumentGroup) -> None:
    how.add_argument(
        "--approach",
        metavar="A",
        help="dynamic (per token, needs no data; default), static (per tensor, feed-forward per token; needs --texts "
        "or --dataset), auto (what agrees best with FP32), or weight_only",
    )
    how.add_argument("--observer", help="static ranges: minmax (default), moving_average, kl, percentile or mse")
    how.add_argument(
        "--weight-bits", type=int, metavar="N", help="2 to 8; default 8, or 7 on a CPU without VNNI instructions"
    )
    how.add_argument(
        "--smooth-quant",
        nargs="?",
        const="auto",
        type=alpha_of,
        metavar="ALPHA",
        help="SmoothQuant with this alpha, e.g. 0.8, or one for each layer (default, auto); needs data",
    )
    how.add_argument(
        "--quant-format",
        choices=("QDQ", "QOperator"),
        help="of the ONNX file that is to come: all scales are static, and layers are smoothed, for runtimes that are "
        "slow on scales per token",
    )
    how.add_argument("--keep-fp32", nargs="+", default=[], metavar="REGEX", help="modules that stay in float")
    how.add_argument("--config", metavar="FILE", help="JSON file of a PostTrainingQuantConfig; other options win")


def alpha_of(text: str) -> float | str:
    """A number, or `auto`."""
    try:
        return text if text == "auto" else float(text)
    except ValueError:
        message = f"{text!r} is neither a number in [0, 1] nor auto; put MODEL before the options"
        raise argparse.ArgumentTypeError(message) from None


def _add_data(data: argparse._ArgumentGroup) -> None:
    data.add_argument("--texts", metavar="FILE", help="calibration texts, one a line")
    data.add_argument("--dataset", metavar="FILE|NAME", help="csv, tsv, json or parquet file, or a Hub dataset")
    add_hub_arguments(data)
    data.add_argument("--samples", type=int, metavar="N", help="calibration samples (default: 100)")
    data.add_argument("--batch-size", type=int, default=8, metavar="N", help="default: %(default)s")


def _add_goal(goal: argparse._ArgumentGroup) -> None:
    goal.add_argument("--task", help="e.g. text-classification; with a labelled --dataset, tunes to the goal")
    goal.add_argument("--metric", help="GLUE task whose metric counts, e.g. mrpc (default: accuracy)")
    goal.add_argument("--tolerance", type=float, metavar="X", help="relative loss that is accepted (default: 0.01)")
    goal.add_argument("--max-trials", type=int, metavar="N", help="default: 100")
    goal.add_argument(
        "--workspace", metavar="DIR", help="history of the trials (default: ~/.cache/inc_hf/workspace/DATE)"
    )
    goal.add_argument(
        "--resume-from", metavar="DIR", help="workspace of an earlier run, whose trials are not repeated"
    )


def _add_output(output: argparse._ArgumentGroup) -> None:
    output.add_argument("--format", choices=("compressed-tensors", "inc"), help="default: the first that fits")
    output.add_argument(
        "--runtime", choices=("vllm",), help="leave in float what vLLM has no place for: embeddings, pooler, head"
    )
    output.add_argument("--overwrite", action="store_true", help="replace a directory that is not empty")
    output.add_argument("--push-to-hub", metavar="REPO", help="upload the result as well")
    output.add_argument("--seed", type=int, default=42, help="default: %(default)s")


def quantize(args: argparse.Namespace) -> int:
    """Quantize and save a model as the arguments say; returns the exit code."""
    model = model_of(args, "inc-hf quantize MODEL -o DIR")
    config = config_of(args)
    _check(config, args)
    if args.workspace:
        set_workspace(args.workspace)
    set_resume_from(args.resume_from)
    quantizer, result = _quantized(model, config, args)
    report(result, Path(args.output))
    if args.push_to_hub:
        _upload(quantizer, args)
    if result.interrupted:
        return EXIT_INTERRUPTED
    return EXIT_GOAL_MISSED if result.met_criterion is False else EXIT_OK


def _check(config: PostTrainingQuantConfig, args: argparse.Namespace) -> None:
    """What would fail in the end fails before anything is loaded."""
    from huggingface_hub.utils import validate_repo_id

    from inc_hf.checkpoint.save import check_output_directory
    from inc_hf.writable import check_writable

    if config.approach == "static" and not (args.texts or args.dataset):
        raise UsageError("Static quantization needs calibration data: give --texts FILE or --dataset FILE|NAME.")
    check_goal_arguments(args)
    if config.approach in ("dynamic", "weight_only") and not config.recipe("smooth_quant"):
        check_used(args, ("texts", "samples", "observer"), "--approach static or auto")
    if args.runtime == "vllm" and args.format == "inc":
        raise UsageError("vLLM reads compressed-tensors; leave out --format inc, or --runtime vllm.")
    check_int("random_seed", args.seed, low=0, high=2**32 - 1)
    check_output_directory(args.output, args.overwrite)
    if args.workspace:
        check_writable(args.workspace)
    if args.push_to_hub:
        with usage_error_for(f"{args.push_to_hub} cannot be a repository"):
            validate_repo_id(args.push_to_hub)


def _upload(quantizer: "IncQuantizer", args: argparse.Namespace) -> None:
    from rich.console import Console

    from inc_hf.checkpoint.publish import HubUnreachableError

    try:
        with usage_error_for(f"{args.output} is saved, but cannot be uploaded to {args.push_to_hub}"):
            Console().print(f"Uploaded to {quantizer.push_to_hub(args.push_to_hub)}")
    except HubUnreachableError as error:
        raise HubUnreachableError(args.push_to_hub, error.error, args.output) from error


def _quantized(
    name: str, config: PostTrainingQuantConfig, args: argparse.Namespace
) -> tuple["IncQuantizer", "QuantizedModel"]:
    """The model, quantized and saved, and what did it."""
    from inc_hf.commands.loading import load_dataset, load_model, load_tokenizer
    from inc_hf.quantizer import IncQuantizer

    samples = max(config.calibration_sampling_size)
    texts, dataset = read_texts(args.texts, samples) if args.texts else None, load_dataset(args)
    try:
        model, tokenizer = load_model(name, args.task), load_tokenizer(name)
    except OSError as error:
        raise OSError(f"{name} cannot be loaded: {error}") from error
    quantizer = IncQuantizer(model, task=args.task, seed=args.seed, tokenizer=tokenizer, metric_name=args.metric)
    shuffled = None if dataset is None or texts else dataset.shuffle(seed=args.seed)
    result = quantizer.quantize(
        config,
        args.output,
        calibration_dataset=texts or shuffled,
        eval_dataset=dataset if args.task else None,
        batch_size=args.batch_size,
        overwrite=args.overwrite,
        format=args.format,
        runtime=args.runtime,
    )
    return quantizer, result


def read_texts(path: str, limit: int | None = None) -> list[str]:
    """The first lines of a text file that are not empty, at most `limit`; no more of the file is read."""
    with usage_error_for(f"{path} cannot be read as text"), open(path, encoding="utf-8") as lines:
        texts = list(islice((line.strip() for line in lines if line.strip()), limit))
    if not texts:
        raise UsageError(f"{path} has no text; put one sentence on each line.")
    return texts


def report(result: "QuantizedModel", directory: Path) -> None:
    """Print what was made and where it is."""
    from rich.console import Console
    from rich.table import Table

    from inc_hf.checkpoint.header import weights_size
    from inc_hf.evaluation.named_data import data_in_words
    from inc_hf.quantize.in_words import model_in_words

    console = Console()
    table = Table(title=f"{type(result.model).__name__}, quantized", show_header=False)
    table.add_row("saved in", str(directory))
    table.add_row("format", result.model.config.quantization_config.to_dict()["quant_method"])
    table.add_row("modules quantized", str(result.summary()["quantization"]["quantized_modules"]))
    table.add_row("activations", model_in_words(result.model))
    if result.coverage is not None:
        table.add_row("weights in integers", f"{100 * result.coverage.share:.1f} %")
    table.add_row("weights on disk", f"{weights_size(directory) / 1e6:.1f} MB")
    if result.score is not None:
        if result.metric and result.dataset:
            table.add_row("scored by", f"{result.metric} on {data_in_words(result.dataset)}")
        table.add_row("FP32 score", f"{result.baseline:.4f}")
        verdict = "met" if result.met_criterion else "NOT met"
        table.add_row("quantized score", f"{result.score:.4f} (goal {result.target:.4f}, {verdict})")
        table.add_row("trials", f"{len(result.trials)}, in {Path(options.workspace) / 'history.json'}")
    console.print(table)
    for note in result.notes:
        console.print(note, highlight=False)
    console.print(f"Look inside with: inc-hf info {directory}")

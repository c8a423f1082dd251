"""`inc-hf quantize`."""

import argparse
import logging
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inc_hf.commands import values
from inc_hf.commands.arguments import (
    COLUMNS,
    add_column_arguments,
    add_directory_argument,
    add_hub_arguments,
    add_keep_fp32_argument,
    add_metric_argument,
    add_model_argument,
    add_trust_argument,
    check_apart,
    check_goal_arguments,
    check_used,
    model_of,
)
from inc_hf.commands.exit_codes import EXIT_CODES, EXIT_GOAL_MISSED, EXIT_INTERRUPTED, EXIT_OK
from inc_hf.commands.output import show
from inc_hf.commands.quantize_config import BATCH_SIZE, SEED, config_of, deploy_of
from inc_hf.commands.uploading import upload
from inc_hf.config import PostTrainingQuantConfig, options, set_resume_from, set_workspace
from inc_hf.errors import UsageError, usage_error_for

if TYPE_CHECKING:
    from inc_hf.quantizer import IncQuantizer
    from inc_hf.results.quantized import QuantizedModel
    from inc_hf.tune import DeployConfig

logger = logging.getLogger(__name__)

TABLES = (".csv", ".tsv", ".json", ".jsonl", ".parquet")
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
    add_trust_argument(parser)
    add_directory_argument(parser, "the quantized model")
    _add_how(parser.add_argument_group("how to quantize"))
    _add_data(parser.add_argument_group("data for calibration and evaluation"))
    _add_goal(parser.add_argument_group("accuracy goal"))
    _add_output(parser.add_argument_group("output"))


def _add_how(how: argparse._ArgumentGroup) -> None:
    how.add_argument(
        "--approach",
        type=values.approach,
        metavar="A",
        help="dynamic (per token, needs no data; default), static (per tensor, feed-forward per token; needs --texts "
        "or --dataset), auto (what agrees best with FP32), or weight_only",
    )
    how.add_argument(
        "--observer",
        type=values.observer,
        help="static ranges: minmax (default), moving_average, kl, percentile or mse",
    )
    how.add_argument(
        "--weight-bits",
        type=values.integer(2, 8),
        metavar="N",
        help="2 to 8; default 8, or 7 on a CPU without VNNI instructions",
    )
    how.add_argument(
        "--smooth-quant",
        nargs="?",
        const="auto",
        type=values.alpha,
        metavar="ALPHA",
        help="SmoothQuant with this alpha, e.g. 0.8, or one for each layer (default, auto); needs data",
    )
    how.add_argument(
        "--quant-format",
        choices=("QDQ", "QOperator"),
        help="of the ONNX file that is to come: all scales are static, and layers are smoothed, for runtimes that are "
        "slow on scales per token",
    )
    how.add_argument(
        "--layer-wise",
        action="store_true",
        help="with one block of the model in memory at a time, for models that are larger than it; no --task",
    )
    for end in ("first", "last"):
        how.add_argument(f"--{end}-fp32", action="store_true", help=f"keep the {end} product or convolution in FP32")
    add_keep_fp32_argument(how)
    how.add_argument(
        "--config",
        type=values.file,
        metavar="FILE",
        help="JSON file of a PostTrainingQuantConfig; other options win. Or the deploy.json of a workspace or a saved "
        "model: the same model is made again, with the same data for calibration, without a search",
    )
    how.add_argument(
        "--trial",
        type=values.integer(1),
        metavar="N",
        help="of a deploy.json in a workspace: the trial of this number in history.json, not the best one",
    )


def _add_data(data: argparse._ArgumentGroup) -> None:
    data.add_argument("--texts", type=values.file, metavar="FILE", help="calibration texts, one a line")
    data.add_argument(
        "--dataset",
        type=values.path,
        metavar="FILE|NAME",
        help=f"csv, tsv, json or parquet file, or a Hub dataset; {COLUMNS}",
    )
    add_hub_arguments(data)
    add_column_arguments(data)
    data.add_argument("--samples", type=values.integer(1), metavar="N", help="calibration samples (default: 100)")
    data.add_argument(
        "--batch-size", type=values.integer(1), metavar="N", help=f"default: {BATCH_SIZE}, or that of a deploy.json"
    )


def _add_goal(goal: argparse._ArgumentGroup) -> None:
    goal.add_argument(
        "--task", type=values.task, help="e.g. text-classification; with a labelled --dataset, tunes to the goal"
    )
    add_metric_argument(goal)
    goal.add_argument(
        "--tolerance", type=values.share, metavar="X", help="relative loss that is accepted (default: 0.01, 1 %%)"
    )
    goal.add_argument("--max-trials", type=values.integer(1), metavar="N", help="default: 100")
    goal.add_argument(
        "--workspace",
        type=values.path,
        metavar="DIR",
        help="history of the trials (default: ~/.cache/inc_hf/workspace/DATE)",
    )
    goal.add_argument(
        "--resume-from",
        type=values.path,
        metavar="DIR",
        help="workspace of an earlier run, whose trials are not repeated",
    )


def _add_output(output: argparse._ArgumentGroup) -> None:
    output.add_argument("--format", choices=("compressed-tensors", "inc"), help="default: the first that fits")
    output.add_argument(
        "--runtime", choices=("vllm",), help="leave in float what vLLM cannot load: embeddings, pooler, head"
    )
    output.add_argument("--overwrite", action="store_true", help="replace a directory that is not empty")
    output.add_argument("--push-to-hub", type=values.path, metavar="REPO", help="upload the result as well")
    output.add_argument("--seed", type=values.integer(0, 2**32 - 1), help=f"default: {SEED}, or that of a deploy.json")


def quantize(args: argparse.Namespace) -> int:
    """Quantize and save a model as the arguments say; returns the exit code."""
    model = model_of(args, "inc-hf quantize MODEL -o DIR")
    deploy = deploy_of(args)
    config = config_of(args) if deploy is None else deploy.config()
    args.seed = SEED if args.seed is None else args.seed
    args.batch_size = args.batch_size or BATCH_SIZE
    _check(config, args, model, deploy)
    if args.workspace:
        set_workspace(args.workspace)
    set_resume_from(args.resume_from)
    quantizer, result = _quantized(model, config, args, deploy)
    address = None
    try:
        if args.push_to_hub:
            address = upload(quantizer.push_to_hub, args)
    finally:  # it is saved, whatever becomes of the upload
        report(result, args, address)
    if result.interrupted:
        return EXIT_INTERRUPTED
    return EXIT_GOAL_MISSED if result.met_criterion is False else EXIT_OK


def _check(
    config: PostTrainingQuantConfig, args: argparse.Namespace, model: str, deploy: "DeployConfig | None"
) -> None:
    """What would fail in the end fails before anything is loaded."""
    from huggingface_hub.utils import validate_repo_id

    from inc_hf.checkpoint.save import check_output_directory
    from inc_hf.tune.history import check_resumable
    from inc_hf.writable import check_writable

    has_data = bool(args.texts or args.dataset)
    if deploy and deploy.needs_data and not has_data:
        raise UsageError(f"{args.config} is of a model with calibration: give --texts FILE or --dataset FILE|NAME.")
    if config.approach == "static" and not has_data and deploy is None:
        raise UsageError("Static quantization needs calibration data: give --texts FILE or --dataset FILE|NAME.")
    if config.recipe("smooth_quant") and not has_data and deploy is None:
        raise UsageError("SmoothQuant needs calibration data: give --texts FILE or --dataset FILE|NAME.")
    check_goal_arguments(args)
    if config.approach in ("dynamic", "weight_only") and not config.recipe("smooth_quant"):
        check_used(args, ("texts", "samples", "observer"), "--approach static or auto")
    if args.format == "compressed-tensors" and args.weight_bits is not None and args.weight_bits <= 4:
        raise UsageError(
            "compressed-tensors has weights of 5 to 8 bits here; leave out --format, or take --format inc."
        )
    if args.runtime == "vllm" and args.format == "inc":
        raise UsageError("vLLM reads compressed-tensors; leave out --format inc, or --runtime vllm.")
    check_apart(args.output, model)
    check_output_directory(args.output, args.overwrite)
    if args.workspace:
        check_writable(args.workspace)
    if args.resume_from:
        check_resumable(args.resume_from)
    if args.push_to_hub:
        with usage_error_for(f"{args.push_to_hub} cannot be a repository"):
            validate_repo_id(args.push_to_hub)


def _quantized(
    name: str, config: PostTrainingQuantConfig, args: argparse.Namespace, deploy: "DeployConfig | None"
) -> tuple["IncQuantizer", "QuantizedModel"]:
    """The model, quantized and saved, and what did it."""
    from inc_hf.commands.loading import load_model
    from inc_hf.models.empty import empty_model
    from inc_hf.quantizer import IncQuantizer

    tokenizer, texts, dataset = _data(name, config, args, deploy)
    if config.recipe("layer_wise_quant"):
        model = empty_model(name, task=args.task, trust_remote_code=args.trust_remote_code)
    else:
        model = load_model(name, args.task, args.trust_remote_code)
    quantizer = IncQuantizer(model, task=args.task, seed=args.seed, tokenizer=tokenizer, metric_name=args.metric)
    shuffled = None if dataset is None or texts else dataset.shuffle(seed=args.seed)
    result = quantizer.quantize(
        deploy or config,
        args.output,
        calibration_dataset=texts or shuffled,
        eval_dataset=dataset if args.task and deploy is None else None,
        batch_size=args.batch_size,
        overwrite=args.overwrite,
        format=args.format,
        runtime=args.runtime,
    )
    return quantizer, result


def _data(
    name: str, config: PostTrainingQuantConfig, args: argparse.Namespace, deploy: "DeployConfig | None"
) -> tuple[Any, list[str] | None, Any]:
    """Tokenizer, texts and dataset, all seen to fit the model, which is not loaded for that."""
    from inc_hf.commands.kept import check_kept
    from inc_hf.commands.loading import check_dataset, check_task_is_used, load_dataset, load_tokenizer, outline_of
    from inc_hf.quantize.resolve import quantizable_names

    trusts = args.trust_remote_code
    outline, tokenizer = outline_of(name, args.task, trusts), load_tokenizer(name, trusts)
    if getattr(outline.config, "quantization_config", None) is not None:
        raise UsageError(f"{name} is already quantized; start from the FP32 model.")
    if deploy is not None:
        deploy.check_model(outline)
    check_kept(args.keep_fp32, quantizable_names(outline), "quantized")
    texts = read_texts(args.texts, max(config.calibration_sampling_size)) if args.texts else None
    if texts and tokenizer is None:
        raise UsageError(f"{name} has no tokenizer, which --texts need; put its files there, or give a --dataset.")
    if texts and outline.config.is_encoder_decoder and outline.can_generate():
        raise UsageError(
            f"{name} reads a text and writes another, and --texts has no answers; give a --dataset with a column of "
            "texts and one of their answers (--label-column)."
        )
    check_task_is_used(outline, name, args)
    dataset = load_dataset(args)
    check_dataset(outline, dataset, tokenizer, args)
    return tokenizer, texts, dataset


def read_texts(path: str, limit: int | None = None) -> list[str]:
    """The first lines of a text file that are not empty, at most `limit`; no more of the file is read."""
    with usage_error_for(f"{path} cannot be read as text"), open(path, encoding="utf-8") as lines:
        texts = list(islice((line.strip() for line in lines if line.strip()), limit))
    if not texts:
        raise UsageError(f"{path} has no text; put one sentence on each line.")
    if Path(path).suffix in TABLES:
        logger.warning(
            "%s is taken as text, line by line, as its first one: %r. A table is for --dataset.", path, texts[0]
        )
    return texts


def report(result: "QuantizedModel", args: argparse.Namespace, address: str | None = None) -> None:
    """Print what was made and where it is.

    Args:
        address (`str`, *optional*): where it was uploaded to.
    """
    facts = _facts_of(result, Path(args.output))
    notes = [*result.notes, f"Look inside with: inc-hf info {args.output}"]
    if address is not None:
        facts["uploaded_to"] = address
        notes.append(f"Uploaded to {address}")
    show(args, f"{type(result.model).__name__}, quantized", facts, _rows_of(facts), notes)


def _facts_of(result: "QuantizedModel", directory: Path) -> dict[str, Any]:
    """As JSON has them: shares in [0, 1], sizes in bytes."""
    from inc_hf.checkpoint.header import weights_size
    from inc_hf.quantize.in_words import model_in_words

    facts: dict[str, Any] = {
        "saved_in": str(directory),
        "format": result.model.config.quantization_config.to_dict()["quant_method"],
        "modules_quantized": result.summary()["quantization"]["quantized_modules"],
        "activations": model_in_words(result.model),
        "weights_in_integers": None if result.coverage is None else round(result.coverage.share, 4),
        "weights_on_disk": weights_size(directory),
        "notes": result.notes,
    }
    if result.score is not None:
        facts |= {"metric": result.metric, "dataset": result.dataset, "met_criterion": result.met_criterion}
        facts |= {"scores": {"dense": result.baseline, "goal": result.target, "after": result.score}}
        facts |= {"trials": len(result.trials), "history": str(Path(options.workspace) / "history.json")}
    return facts


def _rows_of(facts: dict[str, Any]) -> dict[str, str]:
    from inc_hf.evaluation.named_data import data_in_words

    names = ("saved_in", "format", "modules_quantized", "activations")
    rows = {name.replace("_", " "): str(facts[name]) for name in names}
    if facts["weights_in_integers"] is not None:
        rows["weights in integers"] = f"{100 * facts['weights_in_integers']:.1f} %"
    rows["weights on disk"] = f"{facts['weights_on_disk'] / 1e6:.1f} MB"
    if "scores" in facts:
        scores, verdict = facts["scores"], "met" if facts["met_criterion"] else "NOT met"
        if facts["metric"] and facts["dataset"]:
            rows["scored by"] = f"{facts['metric']} on {data_in_words(facts['dataset'])}"
        rows["FP32 score"] = f"{scores['dense']:.4f}"
        rows["quantized score"] = f"{scores['after']:.4f} (goal {scores['goal']:.4f}, {verdict})"
        rows["trials"] = f"{facts['trials']}, in {facts['history']}"
    return rows

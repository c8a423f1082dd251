"""`inc-hf convert`."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from inc_hf.commands import values
from inc_hf.commands.arguments import (
    add_directory_argument,
    add_keep_fp32_argument,
    add_model_argument,
    add_score_arguments,
    add_trust_argument,
    check_apart,
    check_score_arguments,
    model_of,
)
from inc_hf.commands.exit_codes import EXIT_GOAL_MISSED, EXIT_OK
from inc_hf.commands.output import show
from inc_hf.config import AccuracyCriterion, MixedPrecisionConfig
from inc_hf.errors import UsageError

if TYPE_CHECKING:
    from inc_hf.results.mixed import MixedModel

IN_FLOAT = {"weight": {"dtype": "fp32"}, "activation": {"dtype": "fp32"}}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `inc-hf convert` and of `optimum-cli inc convert`."""
    add_model_argument(parser)
    add_trust_argument(parser)
    add_directory_argument(parser, "the model")
    parser.add_argument("--overwrite", action="store_true", help="replace an output directory that is not empty")
    parser.add_argument("--dtype", choices=("bf16",), default="bf16", help="of the weights (%(default)s)")
    add_keep_fp32_argument(parser)
    goal = parser.add_argument_group("accuracy goal, which modules go back to float32 for")
    add_score_arguments(goal)
    goal.add_argument(
        "--tolerance", type=values.share, metavar="X", help="relative loss that is accepted (default: 0.01, 1 %%)"
    )


def convert(args: argparse.Namespace) -> int:
    """Bring a model's weights to another dtype, and save it; returns the exit code."""
    name = model_of(args, "inc-hf convert MODEL -o DIR")
    check_score_arguments(args)
    check_apart(args.output, name)
    import torch

    from inc_hf import mix_precision
    from inc_hf.checkpoint.save import check_output_directory
    from inc_hf.commands.kept import check_kept
    from inc_hf.commands.loading import (
        check_dataset,
        check_task_is_used,
        load_dataset,
        load_model,
        load_tokenizer,
        outline_of,
        scores_of,
    )
    from inc_hf.evaluation.named_data import named_data
    from inc_hf.quantize.bf16 import candidates_of

    check_output_directory(args.output, args.overwrite)
    conf = _config_of(args)
    trusts = args.trust_remote_code
    outline, tokenizer = outline_of(name, args.task, trusts), load_tokenizer(name, trusts)
    check_task_is_used(outline, name, args)
    dataset = load_dataset(args)
    if not (names := candidates_of(outline)):
        raise UsageError(f"{name} has no layer in float that could be stored in bfloat16; start from the float model.")
    check_kept(args.keep_fp32, names, "stored in bfloat16")
    check_dataset(outline, dataset, tokenizer, args)
    model = load_model(name, args.task, trusts, dtype=torch.float32)

    def eval_func(model: torch.nn.Module) -> dict[str, float]:
        return scores_of(model, dataset, tokenizer, args)

    eval_func.data = None if dataset is None else named_data(dataset)
    result = mix_precision.fit(model, conf, None if dataset is None else eval_func)
    result.dataset = None if dataset is None else named_data(dataset)
    result.save_pretrained(args.output, tokenizer, args.overwrite)
    _report(result, args)
    return EXIT_GOAL_MISSED if result.met_criterion is False else EXIT_OK


def _config_of(args: argparse.Namespace) -> MixedPrecisionConfig:
    criterion = {} if args.tolerance is None else {"tolerable_loss": args.tolerance}
    return MixedPrecisionConfig(
        precisions=args.dtype,
        accuracy_criterion=AccuracyCriterion(**criterion),
        op_name_dict=dict.fromkeys(args.keep_fp32, IN_FLOAT),
    )


def _report(result: "MixedModel", args: argparse.Namespace) -> None:
    """Print what was made and where it is; what it means on this CPU is in the log."""
    from inc_hf.checkpoint.header import weights_size
    from inc_hf.evaluation.named_data import data_in_words
    from inc_hf.quantize.bf16 import bf16_modules

    facts = {
        "saved_in": args.output,
        "modules_in_bfloat16": len(bf16_modules(result.model)),
        "weights_in_bfloat16": round(result.coverage.share, 4),
        "weights_on_disk": weights_size(Path(args.output)),
        "weights_in_float32": sum(p.numel() for p in result.model.parameters()) * 4,
    }
    rows = {
        "saved in": args.output,
        "modules in bfloat16": str(facts["modules_in_bfloat16"]),
        "weights in bfloat16": f"{100 * facts['weights_in_bfloat16']:.1f} %",
        "weights on disk": f"{facts['weights_on_disk'] / 1e6:.1f} MB, "
        f"in float32 {facts['weights_in_float32'] / 1e6:.1f} MB",
    }
    if result.score is not None:
        facts |= {"metric": result.metric, "dataset": result.dataset, "met_criterion": result.met_criterion}
        facts["scores"] = {"dense": result.baseline, "after": result.score}
        rows["scored by"] = f"{result.metric} on {data_in_words(result.dataset)}"
        rows["FP32 score"] = f"{result.baseline:.4f}"
        rows["BF16 score"] = f"{result.score:.4f} (goal {'met' if result.met_criterion else 'NOT met'})"
    title = f"{type(result.model).__name__}, in bfloat16"
    show(args, title, facts, rows, [f"Look inside with: inc-hf info {args.output}"])

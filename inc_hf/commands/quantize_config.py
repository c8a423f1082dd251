"""From the arguments of `inc-hf quantize` to a config."""

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from inc_hf.config import PostTrainingQuantConfig
from inc_hf.errors import UsageError
from inc_hf.models.json_files import read_object

if TYPE_CHECKING:
    from inc_hf.tune import DeployConfig

SEED, BATCH_SIZE = 42, 8
SAID = (
    "approach", "keep_fp32", "observer", "weight_bits", "smooth_quant", "quant_format", "samples", "metric",
    "tolerance", "max_trials", "workspace", "resume_from", "runtime", "layer_wise", "first_fp32", "last_fp32",
)  # fmt: skip


def deploy_of(args: argparse.Namespace) -> "DeployConfig | None":
    """What `--config` says if it is a deploy file, otherwise None; the seed and the size of batches become its own,
    where the arguments leave them out.

    Raises:
        UsageError: it is damaged, or there are options that contradict it, or a `--trial` without it.
    """
    if args.trial is None and not (args.config and "deploy_version" in read_object(args.config)):
        return None
    if not args.config:
        raise UsageError("--trial is of the deploy.json of a workspace; name it by --config.")
    from inc_hf.tune import DeployConfig  # here, as it takes a second

    deploy = DeployConfig.from_json_file(args.config, args.trial)
    for name in SAID:
        if getattr(args, name) not in (None, [], False):
            option = name.replace("_", "-")
            raise UsageError(f"--{option} has no place beside {args.config}, which says how it is done; leave it out.")
    args.seed = deploy.seed if args.seed is None else args.seed
    args.batch_size = args.batch_size or deploy.batch_size
    return deploy


def config_of(args: argparse.Namespace) -> PostTrainingQuantConfig:
    """The config that the arguments describe: that of the file, if there is one, with the options put over it."""
    config = PostTrainingQuantConfig.load(args.config) if args.config else PostTrainingQuantConfig(approach="dynamic")
    accuracy, tuning = config.accuracy_criterion, config.tuning_criterion
    kept = {name: {"weight": {"dtype": "fp32"}} for name in args.keep_fp32}
    return replace(
        config,
        approach=config.approach if args.approach is None else args.approach,
        quant_format=config.quant_format if args.quant_format is None else args.quant_format,
        calibration_sampling_size=config.calibration_sampling_size if args.samples is None else args.samples,
        recipes={**config.recipes, **_recipes_of(args)},
        op_type_dict={**config.op_type_dict, **_op_types_of(args)},
        op_name_dict={**config.op_name_dict, **kept},
        # not `replace`, which would give a direction that was left out
        accuracy_criterion=accuracy
        if args.tolerance is None
        else {**accuracy.to_dict(), "tolerable_loss": args.tolerance},
        tuning_criterion=tuning if args.max_trials is None else replace(tuning, max_trials=args.max_trials),
    )


def _recipes_of(args: argparse.Namespace) -> dict[str, Any]:
    recipes: dict[str, Any] = {"layer_wise_quant": True} if args.layer_wise else {}
    recipes |= {"first_conv_or_matmul_quantization": False} if args.first_fp32 else {}
    recipes |= {"last_conv_or_matmul_quantization": False} if args.last_fp32 else {}
    if args.smooth_quant is not None:
        recipes |= {"smooth_quant": True, "smooth_quant_args": {"alpha": args.smooth_quant}}
    return recipes


def _op_types_of(args: argparse.Namespace) -> dict[str, dict]:
    settings: dict = {}
    if args.observer is not None:
        settings["activation"] = {"algorithm": args.observer}
    if args.weight_bits is not None:
        settings["weight"] = {"bits": args.weight_bits}
    return {"Linear|Conv1D|Conv1d|Conv2d": settings} if settings else {}

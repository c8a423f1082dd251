"""From the parsed arguments to the job."""

import argparse

from inc_hf.commands.training.check import check_arguments
from inc_hf.commands.training.plan import plan_of


def start(args: argparse.Namespace, command: str, done: str) -> int:
    """Check what is asked for, and do it; returns the exit code.

    Args:
        done (`str`): what the model is in the end, such as "pruned".
    """
    plan = plan_of(args, command)
    args.done = done if plan.compresses or plan.quantization is not None else "trained"
    name = check_arguments(args, plan, command)
    if args.dataset is None:
        from inc_hf.commands.training.once import prune_once

        return prune_once(name, args, plan)
    from inc_hf.commands.training.run import run

    return run(name, args, plan, command)

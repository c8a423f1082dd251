"""Where our callbacks cannot work."""

import os

from transformers import TrainerCallback, TrainingArguments
from transformers.utils import strtobool

from inc_hf.errors import UsageError


def check_processes(args: TrainingArguments, callback: TrainerCallback) -> None:
    """Raise where a process holds only a part of each weight, or does not know of the others.

    Raises:
        ValueError: the Trainer is to use FSDP or DeepSpeed, or each of several processes trains a model of its own.
    """
    for name in ("fsdp", "deepspeed"):
        by_launcher = strtobool(os.environ.get(f"ACCELERATE_USE_{name.upper()}", "false"))
        if getattr(args, name, None) or by_launcher:
            raise UsageError(
                f"{type(callback).__name__} needs whole weights in every process, and `{name}` splits them; use plain "
                "data parallelism (`torchrun`, or `accelerate launch --multi_gpu` with `use_cpu=True` on CPUs)."
            )
    started = int(os.environ.get("WORLD_SIZE", "1"))
    if started > 1 and args.world_size == 1:
        raise UsageError(
            f"{started} processes were started, but this Trainer does not know of the others, and each would train a "
            "model of its own; on CPUs set `use_cpu=True` (`--use_cpu`) in the TrainingArguments."
        )

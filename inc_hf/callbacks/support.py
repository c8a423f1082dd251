"""Where our callbacks cannot work."""

import os

from transformers import TrainerCallback, TrainingArguments
from transformers.utils import strtobool


def refuse_sharding(args: TrainingArguments, callback: TrainerCallback) -> None:
    """Raise where a process holds only a part of each weight.

    Raises:
        ValueError: the Trainer is to use FSDP or DeepSpeed.
    """
    for name in ("fsdp", "deepspeed"):
        by_launcher = strtobool(os.environ.get(f"ACCELERATE_USE_{name.upper()}", "false"))
        if getattr(args, name, None) or by_launcher:
            raise ValueError(
                f"{type(callback).__name__} needs whole weights in every process, and `{name}` splits them; "
                "use plain data parallelism (`accelerate launch --multi_cpu` or `torchrun`)."
            )

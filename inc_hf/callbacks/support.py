"""Where our callbacks cannot work."""

from accelerate.utils import parse_flag_from_env
from transformers import TrainerCallback, TrainingArguments


def refuse_sharding(args: TrainingArguments, callback: TrainerCallback) -> None:
    """Raise where a process holds only a part of each weight.

    Raises:
        ValueError: the Trainer is to use FSDP or DeepSpeed.
    """
    for name in ("fsdp", "deepspeed"):
        if getattr(args, name, None) or parse_flag_from_env(f"ACCELERATE_USE_{name.upper()}"):
            raise ValueError(
                f"{type(callback).__name__} needs whole weights in every process, and `{name}` splits them; "
                "use plain data parallelism (`accelerate launch --multi_cpu` or `torchrun`)."
            )

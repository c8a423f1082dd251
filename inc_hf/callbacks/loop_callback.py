"""One of our callbacks in a hand-written loop: what stands for its Trainer, and its name in INC."""

from dataclasses import dataclass
from typing import Any

import torch
from transformers import TrainerCallback

from inc_hf.callbacks.distillation import DistillationCallback
from inc_hf.callbacks.pruning import PruningCallback
from inc_hf.callbacks.qat import QuantizationAwareTrainingCallback

# As INC calls them.
REPRS = {
    PruningCallback: "Pruning Callbacks",
    DistillationCallback: "Distillation Callbacks",
    QuantizationAwareTrainingCallback: "Quantization Aware Training Callbacks",
}


@dataclass
class LoopArguments:
    """What our callbacks read of TrainingArguments."""

    device: torch.device
    seed: int
    world_size: int
    n_gpu: int = 0
    bf16: bool = False
    fp16: bool = False
    fsdp: Any = None
    deepspeed: Any = None
    torch_compile: bool = False
    label_smoothing_factor: float = 0.0
    remove_unused_columns: bool = False
    load_best_model_at_end: bool = False

    def get_warmup_steps(self, num_training_steps: int) -> int:
        """The learning rate is the loop's own affair."""
        return 0


class LoopCallback:
    """One of our callbacks under INC's name for it; its attributes, such as `pruners`, are those of the callback."""

    def __init__(self, callback: TrainerCallback):
        self.callback = callback

    def __getattr__(self, name: str) -> Any:
        if name == "callback":  # not set yet, while an instance is copied
            raise AttributeError(name)
        return getattr(self.callback, name)

    def __repr__(self) -> str:
        return REPRS[type(self.callback)]

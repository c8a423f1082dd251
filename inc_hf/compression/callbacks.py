"""INC 2.X's `neural_compressor.compression.callbacks`: the hooks of one config, for a loop of one's own.

[`inc_hf.training.prepare_compression`] gives those of several.
"""

from torch import nn

from inc_hf.config import DistillationConfig, QuantizationAwareTrainingConfig, WeightPruningConfig
from inc_hf.config.arguments import check_model
from inc_hf.errors import UsageTypeError
from inc_hf.results.compressed import held_model
from inc_hf.training import CompressionManager


class BaseCallbacks(CompressionManager):
    """The hooks of a config, see [`LoopHooks`]."""

    kind: type

    def __init__(self, conf: object = None, model: nn.Module | None = None, max_steps: int | None = None):
        if not isinstance(conf, self.kind):
            raise UsageTypeError(f"`conf` must be a {self.kind.__name__}, got {type(conf).__name__}.")
        model = held_model(model)
        check_model(model)
        super().__init__(model, [conf], max_steps, seed=42)


class QuantizationAwareTrainingCallbacks(BaseCallbacks):
    kind = QuantizationAwareTrainingConfig


class PruningCallbacks(BaseCallbacks):
    kind = WeightPruningConfig


class DistillationCallbacks(BaseCallbacks):
    kind = DistillationConfig

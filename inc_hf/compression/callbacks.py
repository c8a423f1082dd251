"""INC 2.X's `neural_compressor.compression.callbacks`: the hooks of one config, for a loop of one's own.

[`inc_hf.training.prepare_compression`] gives those of several.
"""

from torch import nn

from inc_hf.config import DistillationConfig, QuantizationAwareTrainingConfig, WeightPruningConfig
from inc_hf.config.arguments import check_conf, check_model
from inc_hf.results.compressed import CompressedModel
from inc_hf.training import CompressionManager


class BaseCallbacks(CompressionManager):
    """The hooks of a config, see [`LoopHooks`]."""

    kind: type

    def __init__(self, conf: object = None, model: nn.Module | None = None, max_steps: int | None = None):
        check_conf(conf, self.kind)
        model = model.model if isinstance(model, CompressedModel) else model
        check_model(model)
        super().__init__(model, [conf], max_steps, seed=42)


class QuantizationAwareTrainingCallbacks(BaseCallbacks):
    kind = QuantizationAwareTrainingConfig


class PruningCallbacks(BaseCallbacks):
    kind = WeightPruningConfig


class DistillationCallbacks(BaseCallbacks):
    kind = DistillationConfig

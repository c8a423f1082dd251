"""BF16 without a conf."""

from neural_compressor.experimental import MixedPrecision, common
from tiny_task import bert

converter = MixedPrecision()
converter.precisions = "bf16"
converter.model = common.Model(bert())
optimized_model = converter()
optimized_model.save("bf16")

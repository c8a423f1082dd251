"""The API of INC before `experimental`, which was deprecated in all of 1.X: it says where to go."""

from inc_hf.config.elsewhere import elsewhere

Quantization = elsewhere(
    "Quantization",
    "use `inc_hf.experimental.Quantization(conf)`, set `.model`, `.calib_dataloader`, `.eval_func`, and call `.fit()`",
)
Pruning = elsewhere(
    "Pruning", "use `inc_hf.experimental.Pruning(conf)`, set `.model` and `.train_func`, and call `.fit()`"
)
Benchmark = elsewhere(
    "Benchmark", "use `inc_hf.experimental.Benchmark(conf)`, set `.model` and `.b_dataloader`, and call it"
)

__all__ = ["Benchmark", "Pruning", "Quantization"]

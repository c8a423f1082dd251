"""BF16 where it costs no accuracy."""

from tiny_task import accuracy, bert

from neural_compressor import MixedPrecisionConfig, mix_precision

conf = MixedPrecisionConfig(precisions="bf16")
converted_model = mix_precision.fit(bert(), conf=conf, eval_func=accuracy)
converted_model.save("bf16")

"""SmoothQuant by a recipe, with a metric and a dataloader instead of a function."""

from tiny_task import bert, pairs

from neural_compressor import PostTrainingQuantConfig, quantization
from neural_compressor.adaptor.pytorch import get_example_inputs

data = pairs()
example = get_example_inputs(bert(), data)
recipes = {"smooth_quant": True, "smooth_quant_args": {"alpha": 0.5}}
conf = PostTrainingQuantConfig(backend="default", example_inputs=example, calibration_sampling_size=[8], recipes=recipes)
q_model = quantization.fit(bert(), conf, calib_dataloader=data)
q_model.save("out")

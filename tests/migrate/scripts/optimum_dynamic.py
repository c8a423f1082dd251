"""The first example of optimum-intel's documentation."""

from functools import partial

from neural_compressor.config import AccuracyCriterion, PostTrainingQuantConfig, TuningCriterion
from optimum.intel import INCModelForSequenceClassification, INCQuantizer
from tiny_task import accuracy, bert
from transformers import pipeline

eval_fn = partial(accuracy)
quantization_config = PostTrainingQuantConfig(
    approach="dynamic",
    accuracy_criterion=AccuracyCriterion(tolerable_loss=0.5),
    tuning_criterion=TuningCriterion(max_trials=2),
)
quantizer = INCQuantizer.from_pretrained(bert(), eval_fn=eval_fn)
quantizer.quantize(quantization_config=quantization_config, save_directory="dynamic", save_onnx_model=False)
loaded = INCModelForSequenceClassification.from_pretrained("dynamic")
print(accuracy(loaded), pipeline.__name__)

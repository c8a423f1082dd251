"""Post-training dynamic quantization, as in run_glue.py of INC 2.X."""

from tiny_task import accuracy, bert

from neural_compressor import PostTrainingQuantConfig, quantization
from neural_compressor.utils.pytorch import load

model = bert()
conf = PostTrainingQuantConfig(approach="dynamic")  # needs no data
q_model = quantization.fit(model, conf=conf)
q_model.save("saved_results")

int8_model = load("saved_results", bert())
print("accuracy", accuracy(int8_model))

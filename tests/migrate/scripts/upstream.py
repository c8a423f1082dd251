"""A quantized model for the Hub."""

from neural_compressor import PostTrainingQuantConfig
from neural_compressor.quantization import fit
from neural_compressor.utils.load_huggingface import OptimizedModel, save_for_huggingface_upstream
from tiny_task import accuracy, bert


class Tokenizer:
    def save_pretrained(self, directory):
        return (directory,)


q_model = fit(bert(), PostTrainingQuantConfig(approach="dynamic"))
save_for_huggingface_upstream(q_model, Tokenizer(), "upstream")
model = OptimizedModel.from_pretrained("upstream")
accuracy(model)

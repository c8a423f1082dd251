"""INC 1.X's `neural_compressor.experimental.data.transforms.tokenization`."""

from inc_hf.config.elsewhere import elsewhere

FullTokenizer = elsewhere("FullTokenizer", "use a tokenizer of transformers, `AutoTokenizer.from_pretrained`")

__all__ = ["FullTokenizer"]

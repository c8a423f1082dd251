"""Static quantization with a calibration dataset."""

from neural_compressor.config import PostTrainingQuantConfig
from optimum.intel.neural_compressor import INCModelForSequenceClassification, INCQuantizer
from tiny_task import Sentences, bert
from transformers import default_data_collator

quantizer = INCQuantizer.from_pretrained(bert(), task="text-classification", seed=1)
quantizer.quantize(
    quantization_config=PostTrainingQuantConfig(approach="static"),
    calibration_dataset=Sentences(),
    save_directory="static",
    batch_size=4,
    data_collator=default_data_collator,
    remove_unused_columns=False,  # the columns are tensors
    weight_only=False,
)
INCModelForSequenceClassification.from_pretrained("static")

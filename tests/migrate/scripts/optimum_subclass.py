"""A trainer of one's own, as in the examples of question answering."""

import torch
from neural_compressor import QuantizationAwareTrainingConfig
from optimum.intel.neural_compressor import INCModelForQuestionAnswering
from optimum.intel.neural_compressor.trainer import INCTrainer
from tiny_task import bert_for_answers
from transformers import TrainingArguments


class QuestionAnsweringINCTrainer(INCTrainer):
    def __init__(self, *args, post_process_function=None, **kwargs):
        super().__init__(*args, **kwargs)
        self.post_process_function = post_process_function


row = {"input_ids": torch.arange(1, 9), "start_positions": 1, "end_positions": 3}
quantization_config = QuantizationAwareTrainingConfig()
trainer = QuestionAnsweringINCTrainer(
    model=bert_for_answers(),
    quantization_config=quantization_config,
    args=TrainingArguments("answers", max_steps=2, report_to="none", use_cpu=True),
    train_dataset=[row] * 8,
    post_process_function=print,
    task="question-answering",
)
trainer.train()
trainer.save_model("answers")
INCModelForQuestionAnswering.from_pretrained("answers")

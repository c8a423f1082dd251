"""The trainer of translation models."""

import torch
from neural_compressor.config import WeightPruningConfig
from optimum.intel import INCModelForSeq2SeqLM, INCSeq2SeqTrainer
from tiny_task import t5
from transformers import Seq2SeqTrainingArguments

row = {"input_ids": torch.arange(1, 9), "labels": torch.arange(1, 5)}
training_args = Seq2SeqTrainingArguments("t5", max_steps=4, report_to="none", use_cpu=True, predict_with_generate=True)
trainer = INCSeq2SeqTrainer(
    model=t5(),
    args=training_args,
    train_dataset=[row] * 8,
    pruning_config=WeightPruningConfig(start_step=0, end_step=2, target_sparsity=0.5, pruning_type="magnitude"),
)
trainer.train()
trainer.save_model("t5")
INCModelForSeq2SeqLM.from_pretrained("t5")

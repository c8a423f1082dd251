"""Pruning and distillation in the trainer, both always."""

from neural_compressor import DistillationConfig, WeightPruningConfig
from optimum.intel import INCTrainer
from tiny_task import Sentences, bert, zeros
from transformers import TrainingArguments

pruning_config = WeightPruningConfig(pruning_type="magnitude", start_step=0, end_step=4, target_sparsity=0.5, pruning_scope="local")
distillation_config = DistillationConfig(teacher_model=bert(1))
model = bert()
trainer = INCTrainer(
    model=model,
    pruning_config=pruning_config,
    distillation_config=distillation_config,
    args=TrainingArguments("trained", max_steps=8, per_device_train_batch_size=4, report_to="none", use_cpu=True),
    train_dataset=Sentences(),
    callbacks=[],
)
trainer.train()
trainer.save_model()
assert zeros(model) > 0.3

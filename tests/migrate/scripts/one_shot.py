"""Pruning, distillation and quantization-aware training in one run."""

import torch
from tiny_task import bert, loader

from neural_compressor.config import (
    DistillationConfig,  # the teacher
    KnowledgeDistillationLossConfig,
    QuantizationAwareTrainingConfig,
    WeightPruningConfig,
)
from neural_compressor.training import prepare_compression

model = bert()
d_conf = DistillationConfig(bert(1), KnowledgeDistillationLossConfig())
p_conf = WeightPruningConfig(target_sparsity=0.5, start_step=0, end_step=4)
q_conf = QuantizationAwareTrainingConfig()
manager = prepare_compression(model=model, confs=[d_conf, p_conf, q_conf])
model = manager.model.model
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
manager.callbacks.on_train_begin()
for epoch in range(2):
    manager.callbacks.on_epoch_begin(epoch)
    model.train()
    for step, batch in enumerate(loader()):
        manager.callbacks.on_step_begin(step)
        outputs = model(**batch)
        loss = manager.callbacks.on_after_compute_loss(batch, outputs, outputs.loss)
        loss.backward()
        manager.callbacks.on_before_optimizer_step()
        optimizer.step()
        manager.callbacks.on_after_optimizer_step()
        optimizer.zero_grad()
        manager.callbacks.on_step_end()
    manager.callbacks.on_epoch_end()
manager.callbacks.on_train_end()
manager.model.save("one_shot")

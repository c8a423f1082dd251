"""Distillation of inner layers."""

import torch
from tiny_task import bert, loader

from neural_compressor.config import DistillationConfig, IntermediateLayersKnowledgeDistillationLossConfig
from neural_compressor.training import prepare_compression

student, teacher = bert(0), bert(1)
criterion = IntermediateLayersKnowledgeDistillationLossConfig(
    layer_mappings=[["bert.encoder.layer.0.output", "bert.encoder.layer.1.output"]],
    loss_types=["MSE"],
    loss_weights=[1.0],
    add_origin_loss=True,
)
manager = prepare_compression(student, DistillationConfig(teacher_model=teacher, criterion=criterion))
optimizer = torch.optim.SGD(student.parameters(), lr=0.01)
manager.callbacks.on_train_begin()
student.train()
for step, batch in enumerate(loader()):
    manager.callbacks.on_step_begin(step)
    outputs = student(**batch)
    loss = manager.callbacks.on_after_compute_loss(batch, outputs, outputs.loss)
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    manager.callbacks.on_step_end()
manager.callbacks.on_train_end()

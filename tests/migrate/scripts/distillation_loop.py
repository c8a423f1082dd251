"""Distillation in a loop, with the teacher's logits computed beforehand."""

import torch
from neural_compressor.config import DistillationConfig, \
                                     KnowledgeDistillationLossConfig
from tiny_task import bert, loader

teacher, student = bert(1), bert(0)
loss_conf = KnowledgeDistillationLossConfig(temperature=1.0, loss_types=["CE", "KL"], loss_weights=[0.5, 0.5])
conf = DistillationConfig(teacher_model=teacher, criterion=loss_conf)

from neural_compressor.training import prepare_compression  # noqa: E402

compression_manager = prepare_compression(student, conf)
compression_manager.callbacks.on_train_begin()
model = compression_manager.model
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
for step, batch in enumerate(loader()):
    compression_manager.callbacks.on_step_begin(step)
    outputs = model(**batch)
    with torch.no_grad():
        logits = teacher(**batch)["logits"]
    loss = compression_manager.callbacks.on_after_compute_loss(batch, outputs["logits"], outputs["loss"], logits)
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    compression_manager.callbacks.on_step_end()
compression_manager.callbacks.on_train_end()

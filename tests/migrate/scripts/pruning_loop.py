"""Pruning as in run_glue_no_trainer.py of INC 2.X: local settings of layers, hooks on `callbacks`."""

import torch
from neural_compressor.training import WeightPruningConfig, prepare_compression  # both from one place
from tiny_task import bert, loader, zeros

model = bert()
pruning_configs = [
    {"op_names": [".*query", ".*key", ".*value"], "pattern": "4x1", "target_sparsity": 0.5},
    {"op_names": [".*intermediate.dense"], "pattern": "2:4", "target_sparsity": 0.5, "pruning_scope": "local"},
]
config = WeightPruningConfig(pruning_configs, start_step=1, end_step=6, pruning_frequency=1, pruning_type="snip_momentum")
compression_manager = prepare_compression(model, config)
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)

compression_manager.callbacks.on_train_begin()
model.train()
for epoch in range(2):
    compression_manager.callbacks.on_epoch_begin(epoch)
    for step, batch in enumerate(loader()):
        compression_manager.callbacks.on_step_begin(step)
        loss = model(**batch).loss
        loss.backward()
        compression_manager.callbacks.on_before_optimizer_step()
        optimizer.step()
        compression_manager.callbacks.on_after_optimizer_step()
        optimizer.zero_grad()
        compression_manager.callbacks.on_step_end()
    compression_manager.callbacks.on_epoch_end()
compression_manager.callbacks.on_train_end()
assert zeros(model) > 0.3, zeros(model)

"""Heads and feed-forward channels, pruned and cut out."""

import torch
from neural_compressor.compression.pruner import model_slim, parse_auto_slim_config
from neural_compressor.training import WeightPruningConfig, prepare_compression
from tiny_task import bert, loader

model = bert()
auto_configs = parse_auto_slim_config(model, ffn2_sparsity=0.5, mha_sparsity=0.5)
config = WeightPruningConfig(auto_configs, pruning_type="snip", start_step=0, end_step=2, pruning_frequency=1)
manager = prepare_compression(model, config)
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
manager.on_train_begin()
for step, batch in enumerate(loader()):
    model.train()
    manager.on_step_begin(step)
    model(**batch).loss.backward()
    manager.on_before_optimizer_step()
    optimizer.step()
    manager.on_after_optimizer_step()
    optimizer.zero_grad()
manager.on_train_end()
model = model_slim(model, round_multiplier=4)

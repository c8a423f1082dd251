"""`prepare_pruning`: pruning without hooks."""

import torch
from tiny_task import bert, loader, zeros

from neural_compressor import WeightPruningConfig
from neural_compressor.compression.pruner import prepare_pruning

model = bert()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
config = WeightPruningConfig([{"op_names": ["query"], "target_sparsity": 0.5}], start_step=0, end_step=3)
pruning = prepare_pruning(model, config, optimizer)
for batch in loader():
    model.train()
    model(**batch).loss.backward()
    optimizer.step()
    optimizer.zero_grad()
assert zeros(model) > 0.4

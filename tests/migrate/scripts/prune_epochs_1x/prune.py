"""Pruning by epochs."""

import torch
from neural_compressor.experimental import Pruning, common
from tiny_task import accuracy, bert, loader

train_dataloader = loader()


def train_func(model):
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    prune.on_train_begin()
    for epoch in range(4):
        model.train()
        prune.on_epoch_begin(epoch)
        for step, batch in enumerate(train_dataloader):
            prune.on_step_begin(step)
            model(**batch).loss.backward()
            prune.on_before_optimizer_step()
            optimizer.step()
            optimizer.zero_grad()
            prune.on_step_end()
        prune.on_epoch_end()
    prune.on_train_end()


model = bert()
prune = Pruning("prune.yaml")
prune.model = common.Model(model)
prune.pruning_func = train_func
prune.eval_func = accuracy
model = prune()
model.save("pruned")

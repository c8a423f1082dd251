"""Pruning by steps; hooks with the names of INC 1.X."""

import torch
from neural_compressor.experimental import Pruning, common
from tiny_task import accuracy, bert, loader, zeros

prune = Pruning("./prune.yaml")


def train_func(model):
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    prune.pre_epoch_begin()
    for epoch in range(2):
        model.train()
        prune.on_epoch_begin(epoch)
        for step, batch in enumerate(loader()):
            prune.on_batch_begin(step)
            model(**batch).loss.backward()
            prune.on_post_grad()
            optimizer.step()
            optimizer.zero_grad()
            prune.on_batch_end()
        prune.on_epoch_end()
    prune.post_epoch_end()


model = bert()
prune.model = common.Model(model)
prune.train_func = train_func
prune.eval_func = accuracy
pruned = prune.fit()
pruned.save("pruned")
assert zeros(model) > 0.3

"""Pruning, then quantization."""

import torch
from neural_compressor.experimental import Pruning, Quantization, common
from neural_compressor.experimental.scheduler import Scheduler
from tiny_task import accuracy, bert, loader

prune = Pruning("../prune_1x/prune.yaml")


def train_func(model):
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    prune.on_train_begin()
    for epoch in range(2):
        model.train()
        prune.on_epoch_begin(epoch)
        for step, batch in enumerate(loader()):
            prune.on_step_begin(step)
            model(**batch).loss.backward()
            prune.on_before_optimizer_step()
            optimizer.step()
            optimizer.zero_grad()
            prune.on_step_end()
        prune.on_epoch_end()
    prune.on_train_end()


prune.train_func = train_func
prune.eval_func = accuracy
quantizer = Quantization("../ptq_1x/dynamic.yaml")
quantizer.eval_func = accuracy

scheduler = Scheduler()
scheduler.model = common.Model(bert())
scheduler.append(prune)
scheduler.append(quantizer)
model = scheduler.fit()
model.save("scheduled")

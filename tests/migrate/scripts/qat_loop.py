"""Quantization-aware training in a loop of one's own."""

import copy

import torch
from tiny_task import bert, loader

from neural_compressor import QuantizationAwareTrainingConfig
from neural_compressor.training import prepare_compression


def train(compression_manager, model):
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    compression_manager.callbacks.on_train_begin()
    for epoch in range(2):
        compression_manager.callbacks.on_epoch_begin(epoch)
        model.train()
        for step, batch in enumerate(loader()):
            compression_manager.callbacks.on_step_begin(step)
            loss = model(**batch).loss
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            compression_manager.callbacks.on_step_end()
        compression_manager.callbacks.on_epoch_end()
    compression_manager.callbacks.on_train_end()


conf = QuantizationAwareTrainingConfig(backend="default")
compression_manager = prepare_compression(copy.deepcopy(bert()), conf)
model = compression_manager.model
train(compression_manager, model)
compression_manager.save("qat")

"""Accuracy-driven quantization-aware training."""

import torch
from tiny_task import accuracy, bert, loader

from neural_compressor import training
from neural_compressor.config import AccuracyCriterion, QuantizationAwareTrainingConfig

conf = QuantizationAwareTrainingConfig(accuracy_criterion=AccuracyCriterion(tolerable_loss=0.5))
compression_manager = training.prepare_compression(bert(), conf)


def train_func(model):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    model.train()
    for batch in loader():
        model(**batch).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return model


q_model = training.fit(compression_manager, train_func, accuracy)
q_model.save("qat")

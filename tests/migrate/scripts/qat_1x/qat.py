"""Quantization-aware training with a `q_func`."""

import torch
from neural_compressor.experimental import Quantization, common
from tiny_task import accuracy, bert, loader


def training_func_for_nc(model):
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    model.train()
    for batch in loader():
        model(**batch).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return model


def main():
    model = bert()
    quantizer = Quantization("qat.yaml")
    quantizer.model = common.Model(model)
    quantizer.q_func = training_func_for_nc
    quantizer.eval_func = accuracy
    q_model = quantizer.fit()
    q_model.save("qat")


main()

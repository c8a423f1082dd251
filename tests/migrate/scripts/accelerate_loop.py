"""A loop with Accelerate, as in the *_no_trainer.py examples."""

import torch
from accelerate import Accelerator
from tiny_task import bert, loader, zeros

from neural_compressor.config import WeightPruningConfig
from neural_compressor.training import prepare_compression


def main():
    accelerator = Accelerator(cpu=True)
    model = bert()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    model, optimizer, train_dataloader = accelerator.prepare(model, optimizer, loader())

    num_iterations = len(train_dataloader)
    pruning_end = 2 * num_iterations - 1
    configs = WeightPruningConfig(
        [{"pruning_type": "snip_momentum", "target_sparsity": 0.5}],
        pruning_scope="global", pattern="4x1",
        start_step=0, end_step=pruning_end,
        pruning_op_types=["Linear"], excluded_op_names=["pooler"],
        pruning_frequency=1,
    )
    compression_manager = prepare_compression(model=model, confs=configs)
    compression_manager.callbacks.on_train_begin()
    model = compression_manager.model
    for epoch in range(3):
        model.train()
        for step, batch in enumerate(train_dataloader):
            compression_manager.callbacks.on_step_begin(step)
            outputs = model(**batch)
            accelerator.backward(outputs.loss)
            compression_manager.callbacks.on_before_optimizer_step()
            optimizer.step()
            compression_manager.callbacks.on_after_optimizer_step()
            optimizer.zero_grad()
    compression_manager.callbacks.on_train_end()
    assert zeros(accelerator.unwrap_model(model.model)) > 0.3


main()

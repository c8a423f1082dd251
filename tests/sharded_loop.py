"""A loop that prunes, with the weights whole in one process or sharded over all; as a script, for `torchrun`.

python sharded_loop.py FOLDER
"""

import sys
from pathlib import Path

import torch
from pruning_trainer import Sentences, config_of
from tiny import tiny_model
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.utils.data import default_collate

from inc_hf.prune import get_sparsity_ratio
from inc_hf.prune.layout import is_sharded, whole
from inc_hf.training import prepare_compression

BATCH = default_collate([Sentences()[i] for i in range(4)])
STEPS = 10
CONFIGS = {
    "4x1": config_of(),
    "2:4": config_of(pattern="2:4"),
    "lasso": config_of(pruning_configs=[{"reg_type": "group_lasso", "parameters": {"reg_coeff": 1e-3}}]),
    "magnitude": config_of(pruning_type="magnitude", pattern="1x1"),
}


def train(name: str, sharded: bool) -> tuple[dict[str, torch.Tensor], float]:
    """Whole weights after some steps on one batch, and the share of zeros."""
    model = tiny_model("bert", hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0).train()
    manager = prepare_compression(model, CONFIGS[name])
    if sharded:
        mesh = init_device_mesh("cpu", (torch.distributed.get_world_size(),))
        for layer in model.bert.encoder.layer:
            fully_shard(layer, mesh=mesh)
        fully_shard(model, mesh=mesh)
        assert all(is_sharded(parameter) for parameter in model.parameters())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    manager.on_train_begin(optimizer=optimizer)
    for step in range(STEPS):
        manager.on_step_begin(step)
        model(**BATCH).loss.backward()
        manager.on_before_optimizer_step()
        optimizer.step()
        manager.on_after_optimizer_step()
        optimizer.zero_grad()
    manager.on_train_end()
    zeros = get_sparsity_ratio(manager.callbacks_list[0].pruners, model)[0]
    return {name: whole(parameter.detach()) for name, parameter in model.named_parameters()}, zeros


def main() -> None:
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo")
    results = {name: train(name, sharded=True) for name in CONFIGS}
    torch.save(results, Path(sys.argv[1]) / f"result-{torch.distributed.get_rank()}.pt")
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main()

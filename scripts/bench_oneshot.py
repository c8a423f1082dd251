"""Perplexity of a small GPT-2 pruned without training, by type and pattern.

    python scripts/bench_oneshot.py                                        # benchmarks/oneshot.{json,md}
    python scripts/bench_oneshot.py --model runs/oneshot-gpt2 --output runs/bench

The model is trained here on the sentences of movie reviews that the demo uses (10 minutes on one core), and kept
under `--model` for the next time. It prunes with 128 sequences of its training text and is judged on text that it has
never seen.
"""

import argparse
import copy
import json
import math
import random
from pathlib import Path
from typing import Any

import torch
from bench.machine import describe, write_report
from tokenizers import Tokenizer
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel
from tokenizers.trainers import BpeTrainer
from torch import Tensor
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast, get_cosine_schedule_with_warmup

from inc_hf import ops
from inc_hf.config import WeightPruningConfig
from inc_hf.demo.assets import movie_reviews
from inc_hf.prune.oneshot import prune_oneshot

CASES = [("1x1", 0.5), ("2:4", 0.5), ("4x1", 0.5), ("4x1", 0.3), ("1x1", 0.7), ("4x1", 0.7)]
# Column -> settings of the config. DSnoT has no mask of blocks.
METHODS: dict[str, dict[str, Any]] = {
    "magnitude": {"pruning_type": "magnitude", "pruning_scope": "local"},
    "magnitude, global": {"pruning_type": "magnitude", "pruning_scope": "global"},
    "wanda": {"pruning_type": "wanda"},
    "dsnot": {"pruning_type": "dsnot"},
    "sparse_gpt": {"pruning_type": "sparse_gpt"},
}
END = "<|endoftext|>"
HELD_OUT = 0.1  # of the sentences


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=Path("runs/oneshot-gpt2"), help="trained if it is not there")
    parser.add_argument("--steps", type=int, default=1100)
    parser.add_argument("--vocabulary", type=int, default=2000)
    parser.add_argument("--length", type=int, default=128, help="tokens of a sequence, default: 128")
    parser.add_argument("--samples", type=int, default=128, help="sequences to prune with, default: 128")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--output", type=Path, default=Path("benchmarks"))
    return parser.parse_args()


def sentences() -> tuple[list[str], list[str]]:
    """To train on, and held out."""
    texts = sorted({text for text, _ in movie_reviews()})
    random.Random(0).shuffle(texts)
    held_out = round(HELD_OUT * len(texts))
    return texts[held_out:], texts[:held_out]


def tokenizer_of(texts: list[str], vocabulary: int) -> PreTrainedTokenizerFast:
    bpe = Tokenizer(BPE())
    bpe.pre_tokenizer = ByteLevel(add_prefix_space=False)
    settings = {"vocab_size": vocabulary, "min_frequency": 2, "initial_alphabet": ByteLevel.alphabet()}
    bpe.train_from_iterator(texts, BpeTrainer(**settings, special_tokens=[END], show_progress=False))
    return PreTrainedTokenizerFast(tokenizer_object=bpe, eos_token=END)


def sequences(tokenizer: PreTrainedTokenizerFast, texts: list[str], length: int) -> Tensor:
    """The texts in a row, cut into `(sequences, length)`."""
    ids = [i for text in texts for i in [*tokenizer(text)["input_ids"], tokenizer.eos_token_id]]
    return torch.tensor(ids[: len(ids) // length * length]).view(-1, length)


def train(data: Tensor, args: argparse.Namespace) -> GPT2LMHeadModel:
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=args.vocabulary,
        n_positions=args.length,
        n_embd=256,
        n_layer=4,
        n_head=4,
        bos_token_id=0,
        eos_token_id=0,
    )
    model = GPT2LMHeadModel(config).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.01)
    schedule = get_cosine_schedule_with_warmup(optimizer, args.steps // 10, args.steps)
    for step in range(args.steps):
        batch = data[torch.randint(len(data), (8,))]
        loss = model(input_ids=batch, labels=batch).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        if step % 50 == 0:
            print(f"step {step}: loss {loss.item():.3f}", flush=True)
    return model.eval()


@torch.no_grad()
def perplexity(model: GPT2LMHeadModel, data: Tensor) -> float:
    losses = [model(input_ids=batch, labels=batch).loss.item() * len(batch) for batch in data.split(16)]
    return math.exp(sum(losses) / len(data))


def sparsity_of(model: GPT2LMHeadModel) -> float:
    """Share of zeros in the layers of the blocks."""
    weights = [p for name, p in model.named_parameters() if ".h." in name and p.ndim == 2]
    return sum(int((w == 0).sum()) for w in weights) / sum(w.numel() for w in weights)


def measure(model: GPT2LMHeadModel, calibration: Tensor, held_out: Tensor) -> list[dict]:
    entries = []
    for pattern, sparsity in CASES:
        for method, settings in METHODS.items():
            if method == "dsnot" and pattern == "4x1":
                continue
            config = WeightPruningConfig(**settings, pattern=pattern, target_sparsity=sparsity)
            batches = [{"input_ids": batch} for batch in calibration.split(16)]
            pruned = prune_oneshot(copy.deepcopy(model), config, batches, progress=False)
            entry = {
                "pattern": pattern,
                "target": sparsity,
                "method": method,
                "sparsity": round(sparsity_of(pruned), 4),
                "perplexity": round(perplexity(pruned, held_out), 2),
            }
            print(entry, flush=True)
            entries.append(entry)
    return entries


def render(report: dict) -> str:
    lines = ["# Perplexity of a GPT-2 of 4 layers x 256 pruned without training", ""]
    lines += [f"- {key}: {value}" for key, value in report["about"].items()]
    lines += [
        "",
        f"Trained on {report['training_tokens']} tokens of movie reviews; held-out perplexity per token, of the dense",
        f"model {report['dense']:.2f}; every layer but the head is pruned. `magnitude` prunes every layer equally, as",
        "the papers do, `magnitude, global` compares all layers. The best of a row is bold.",
        "",
        "One model, one seed: differences below about 1 say nothing, and nothing here speaks for Wanda.",
        "It is the second model that was tried: pruning the first hardly changed its perplexity.",
        "The rows of 70% came after those of 50% were seen.",
        "",
        f"| pattern | sparsity | {' | '.join(METHODS)} |",
        "| --- | --- |" + " --- |" * len(METHODS),
    ]
    for pattern, sparsity in CASES:
        found = {
            e["method"]: e["perplexity"]
            for e in report["entries"]
            if (e["pattern"], e["target"]) == (pattern, sparsity)
        }
        best = min(found.values())
        cells = [f"**{v:.2f}**" if v == best else f"{v:.2f}" for v in found.values()]
        cells = dict(zip(found, cells, strict=True))
        lines.append(f"| {pattern} | {sparsity:.0%} | " + " | ".join(cells.get(m, "–") for m in METHODS) + " |")
    return "\n".join([*lines, ""])


def main() -> None:
    args = parse_args()
    torch.set_num_threads(args.threads)
    training, held_out = sentences()
    tokenizer = tokenizer_of(training, args.vocabulary)
    data, unseen = (sequences(tokenizer, texts, args.length) for texts in (training, held_out))
    print(f"{data.numel()} tokens to train on, {unseen.numel()} held out", flush=True)
    if not (args.model / "config.json").exists():
        train(data, args).save_pretrained(args.model)
    model = GPT2LMHeadModel.from_pretrained(args.model).eval()
    options = [f"--{key}={getattr(args, key)}" for key in ("steps", "vocabulary", "length", "samples", "threads")]
    report = {
        "about": describe([ops.isa()], None, ["python scripts/bench_oneshot.py", *options]),
        "training_tokens": data.numel(),
        "dense": round(perplexity(model, unseen), 2),
        "entries": measure(model, data[: args.samples], unseen),
    }
    write_report(args.output / "oneshot", json.dumps(report, indent=1) + "\n", render(report))


if __name__ == "__main__":
    main()

"""Size and load time of INT8 checkpoints, dense and with blocks of zeros.

    python scripts/bench_sparse_files.py --output benchmarks/sparse_files

BERT-base's shape with random weights: neither size nor time depends on their values. The smallest blocks of each layer
are zero. Loading is `IncModelForSequenceClassification.from_pretrained` and the first result of `inc_hf.optimize`,
each in turn with the others, in one process; the files are in the page cache.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import torch
from safetensors import safe_open
from transformers import BertConfig, BertForSequenceClassification

import inc_hf
from inc_hf import IncModelForSequenceClassification, PostTrainingQuantConfig
from inc_hf.checkpoint.header import weights_size
from inc_hf.commands.describe import describe_machine
from inc_hf.prune.pattern import BlockPattern
from inc_hf.quantization import fit

PATTERN = BlockPattern(4, 1)
ROWS = {
    "dense": (0.0, "compressed-tensors"),
    "80 %, compressed-tensors": (0.8, "compressed-tensors"),
    "80 %, without zeros": (0.8, "inc"),
    "90 %, compressed-tensors": (0.9, "compressed-tensors"),
    "90 %, without zeros": (0.9, "inc"),
}


def quantized(layers: int, sparsity: float):
    torch.manual_seed(0)
    model = BertForSequenceClassification(BertConfig(num_hidden_layers=layers)).eval()
    for name, module in model.named_modules():
        if sparsity and isinstance(module, torch.nn.Linear) and ".layer." in name:
            weight = module.weight.data
            scores = PATTERN.reduce(weight.abs(), "sum")
            keep = scores > scores.flatten().kthvalue(round(sparsity * scores.numel())).values
            weight *= PATTERN.expand(keep, tuple(weight.shape))
    return fit(model, PostTrainingQuantConfig(approach="dynamic"))


def bytes_of_layers(directory: Path) -> int:
    """Of the weights of the encoder's Linear layers."""
    with safe_open(directory / "model.safetensors", "pt") as file:
        keys = [key for key in file.keys() if ".layer." in key and key.endswith(("dense.weight", "weight_mask"))]
        keys += [key for key in file.keys() if key.endswith(("query.weight", "key.weight", "value.weight"))]
        return sum(file.get_tensor(key).nbytes for key in keys)


@torch.inference_mode()
def seconds_of(directory: Path) -> tuple[float, float]:
    """Until the model is there, and until its first result."""
    start = time.perf_counter()
    model = IncModelForSequenceClassification.from_pretrained(directory)
    loaded = time.perf_counter() - start
    inc_hf.optimize(model)(input_ids=torch.arange(1000, 1016)[None])
    return loaded, time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--layers", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--output", type=Path, help="without an ending; otherwise it is printed only")
    args = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        directories = {name: Path(folder) / str(i) for i, name in enumerate(ROWS)}
        for name, (sparsity, format) in ROWS.items():
            quantized(args.layers, sparsity).save_pretrained(directories[name], format=format)
        times = {name: [] for name in ROWS}
        for _ in range(args.rounds):
            for name, directory in directories.items():
                times[name].append(seconds_of(directory))
        dense = bytes_of_layers(directories["dense"])
        lines = [
            "# Checkpoints with many zeros",
            "",
            f"BERT-base's shape, {args.layers} layers, INT8, blocks of 4x1; median of {args.rounds} rounds, 1 thread.",
            "Layers: the Linear layers of the encoder. `compressed-tensors` stores every zero, `without zeros` is",
            '`format="inc"`.',
            "",
            *[f"- {key}: {value}" for key, value in describe_machine().items() if isinstance(value, str | int)],
            "- `python scripts/bench_sparse_files.py`",
            "",
            "| | file, MB | layers, MB | of dense | loaded, s | first result, s |",
            "|---|---:|---:|---:|---:|---:|",
        ]
        for name, directory in directories.items():
            layers = bytes_of_layers(directory)
            loaded, first = (statistics.median(column) for column in zip(*times[name], strict=True))
            size = weights_size(directory) / 1e6
            lines.append(
                f"| {name} | {size:.1f} | {layers / 1e6:.1f} | {layers / dense:.3f} | {loaded:.2f} | {first:.2f} |"
            )
    text = "\n".join([*lines, ""])
    print(text)
    if args.output:
        args.output.with_suffix(".md").write_text(text)


if __name__ == "__main__":
    main()

"""How long it takes to build the model of a trial, from scratch and out of modules that earlier trials made.

python scripts/bench_building.py [--samples 100] [--rounds 5]

A BERT of 6 layers, 384 wide, of random weights, 100 samples of 32 tokens. The trial has one product more in float than
the one before it, as when modules go back to float one by one.
"""

import argparse
import statistics
import time

import torch
import transformers

from inc_hf import PostTrainingQuantConfig
from inc_hf.tune.calibration import Calibration
from inc_hf.tune.quantization_space import QuantizationSpace
from inc_hf.tune.space import copy_of

SETTINGS = {
    "dynamic": {"approach": "dynamic"},
    "static": {"approach": "static"},
    "static, SmoothQuant": {"approach": "static", "recipes": {"smooth_quant": True}},
    "static, bias correction": {"approach": "static", "recipes": {"fast_bias_correction": True}},
}


def model_and_data(samples: int) -> tuple[torch.nn.Module, list]:
    torch.manual_seed(1)
    config = transformers.BertConfig(
        hidden_size=384, num_hidden_layers=6, num_attention_heads=12, intermediate_size=1536, num_labels=2
    )
    model = transformers.BertForSequenceClassification(config).eval()
    ids = torch.randint(5, config.vocab_size, (samples, 32))
    return model, [{"input_ids": part, "attention_mask": torch.ones_like(part)} for part in ids.split(8)]


def seconds(work) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    model, batches = model_and_data(args.samples)
    print("| | from scratch | the first trial | a later one |\n|---|---|---|---|")
    for name, settings in SETTINGS.items():
        space = QuantizationSpace(model, PostTrainingQuantConfig(**settings), Calibration(batches), batches[:4])
        default = space.candidates()[0]
        products = [module for module in default.schemes if module.endswith("output.dense")]
        first = seconds(lambda space=space, default=default: space.build(default))
        scratch, later = [], []
        for count in range(1, args.rounds + 1):
            fewer = default.without(products[:count], f"{count} in float")
            scratch.append(seconds(lambda s=space, c=fewer: s.quantize(copy_of(s.model), c)))
            later.append(seconds(lambda s=space, c=fewer: s.build(c)))
        print(f"| {name} | {statistics.median(scratch):.2f} s | {first:.2f} s | {statistics.median(later):.2f} s |")


if __name__ == "__main__":
    main()

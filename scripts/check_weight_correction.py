"""What weight correction does to the outputs of an encoder: relative errors with and without. Prints a table.

    python scripts/check_weight_correction.py --model MODEL --texts SENTENCES.tsv > benchmarks/weight_correction.md

The first 100 sentences, in the first column of the file, calibrate the biases; the next ones are evaluated on.
"""

import argparse
import copy
import csv
import datetime
import platform
from pathlib import Path

import torch
from transformers import AutoModel, AutoTokenizer

import inc_hf
from inc_hf import PostTrainingQuantConfig
from inc_hf.quantization import fit

RECIPES = {
    "none": {},
    "weight": {"weight_correction": True},
    "bias": {"fast_bias_correction": True},
    "both": {"weight_correction": True, "fast_bias_correction": True},
}
CALIBRATION, EVALUATION, BATCH = 100, 200, 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--texts", type=Path, required=True)
    args = parser.parse_args()
    tokenizer = AutoTokenizer.from_pretrained(args.model)
    model = AutoModel.from_pretrained(args.model, dtype=torch.float32).eval()
    with args.texts.open(encoding="utf-8") as file:
        texts = [row[0] for row in csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)][1:]
    texts = texts[: CALIBRATION + EVALUATION]
    batches = [
        dict(tokenizer(texts[i : i + BATCH], return_tensors="pt", padding=True)) for i in range(0, len(texts), BATCH)
    ]
    calibration, evaluation = batches[: CALIBRATION // BATCH], batches[CALIBRATION // BATCH :]
    print(f"""# Weight correction

- relative error of the hidden states of the last layer, root mean square over the tokens of {EVALUATION} sentences
- `bias` is the recipe `fast_bias_correction`, calibrated on {CALIBRATION} other sentences
- {platform.machine()}, inc_hf {inc_hf.__version__}, torch {torch.__version__}, model {Path(args.model).name}
- `python scripts/check_weight_correction.py`, {datetime.date.today()}

| weights | activations | {" | ".join(RECIPES)} |
|---|---|{"---|" * len(RECIPES)}""")
    for bits in (8, 7, 4):
        for approach in ("dynamic", "static"):
            errors = [error(model, approach, bits, recipes, calibration, evaluation) for recipes in RECIPES.values()]
            print(f"| {bits} bits | {approach} | {' | '.join(f'{e:.4f}' for e in errors)} |", flush=True)


@torch.no_grad()
def error(model, approach: str, bits: int, recipes: dict, calibration: list, evaluation: list) -> float:
    types = {"Linear": {"weight": {"bits": bits}}}
    conf = PostTrainingQuantConfig(approach=approach, op_type_dict=types, recipes=recipes)
    quantized = fit(copy.deepcopy(model), conf, calib_dataloader=calibration).model
    squares = norms = 0.0
    for batch in evaluation:
        mask = batch["attention_mask"].bool()
        wanted, found = (m(**batch).last_hidden_state[mask].double() for m in (model, quantized))
        squares, norms = squares + float((found - wanted).square().sum()), norms + float(wanted.square().sum())
    return (squares / norms) ** 0.5


if __name__ == "__main__":
    main()

"""Static INT8 against FP32: equal predictions, error of the logits, seconds. Writes a table.

    python scripts/accuracy_static.py --model MODEL --glue SST2_DIR --texts REVIEWS.tsv

`--glue` holds `train.tsv` and `validation.tsv` with a column "sentence"; `--texts` has a text in its last column.
Calibration takes sentences of the training set, or of the file; the others, of which 1,500 are drawn, and the
validation set are only evaluated on. The last table compares other architectures of random weights.
"""

import argparse
import copy
import csv
import datetime
import platform
import tempfile
import time
from pathlib import Path

import torch
import transformers
from transformers import AutoModelForSequenceClassification, AutoTokenizer

import inc_hf
from inc_hf import PostTrainingQuantConfig
from inc_hf.models.batches import batches_of
from inc_hf.quantization import fit

MATMULS = "Linear|Conv1D|Conv1d|Conv2d"
PER_TENSOR = {"op_type_dict": {MATMULS: {"activation": {"granularity": "per_tensor"}}}}
SMOOTH = {"smooth_quant": True}
CORRECT = {"fast_bias_correction": True}
ROWS = {
    "dynamic": {"approach": "dynamic"},
    "static, one scale for all tokens (min-max)": PER_TENSOR,
    "**static (default)**: feed-forward per token": {},
    "static (default), bias correction": {"recipes": CORRECT},
    "static, SmoothQuant 0.5": {"recipes": {**SMOOTH, "smooth_quant_args": {"alpha": 0.5}}},
    "static, SmoothQuant 0.8": {"recipes": {**SMOOTH, "smooth_quant_args": {"alpha": 0.8}}},
    'static, SmoothQuant "auto"': {"recipes": SMOOTH},
    'static, SmoothQuant "auto", bias correction': {"recipes": {**SMOOTH, **CORRECT}},
}
HELD_OUT = slice(1000, 2500)  # of the shuffled sentences; the first ones calibrate
STOCK = 5  # of so many batches, one
SIZES = {"hidden_size": 128, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 512}
T5_SIZES = {"d_model": 128, "d_kv": 32, "d_ff": 512, "num_layers": 3, "num_heads": 4}
RANDOM = {
    "GPT-2": ("GPT2LMHeadModel", "GPT2Config", {"n_embd": 128, "n_layer": 3, "n_head": 4, "vocab_size": 500}),
    "T5": ("T5ForConditionalGeneration", "T5Config", {**T5_SIZES, "vocab_size": 500}),
    "Llama": ("LlamaForCausalLM", "LlamaConfig", {**SIZES, "vocab_size": 500}),
    "ViT": ("ViTForImageClassification", "ViTConfig", {**SIZES, "image_size": 32, "patch_size": 8, "num_labels": 10}),
}


def sentences_of(args: argparse.Namespace) -> dict[str, tuple[list[str], list[str]]]:
    """Name of a set of data -> sentences to draw from, and others to evaluate on."""

    def column(path: Path, name: str | None) -> list[str]:
        with path.open(encoding="utf-8") as file:
            rows = list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
        return [row[-1] for row in rows] if name is None else [row[rows[0].index(name)] for row in rows[1:]]

    found = {}
    if args.glue:
        found["SST-2"] = column(args.glue / "train.tsv", "sentence"), column(args.glue / "validation.tsv", "sentence")
    if args.texts:
        found["movie reviews"] = column(args.texts, None), []
    return found


@torch.no_grad()
def logits_of(model: torch.nn.Module, batches: list) -> torch.Tensor:
    return torch.cat([model(**batch).logits for batch in batches])


def compared(found: torch.Tensor, expected: torch.Tensor) -> tuple[float, float]:
    """Share of equal predictions, and mean difference over the standard deviation of the FP32 logits."""
    equal = (found.argmax(-1) == expected.argmax(-1)).double().mean()
    return float(equal), float((found - expected).abs().mean() / expected.std())


def read_by_stock(model: torch.nn.Module) -> bool:
    return model.config.quantization_config.to_dict()["quant_method"] == "compressed-tensors"


def stock_agrees(result: inc_hf.QuantizedModel, batches: list) -> float:
    """Share of equal predictions of stock transformers, which is slow, from the same checkpoint."""
    with tempfile.TemporaryDirectory() as folder:
        result.save_pretrained(f"{folder}/out")
        stock = AutoModelForSequenceClassification.from_pretrained(f"{folder}/out")
        return compared(logits_of(stock, batches), logits_of(result.model, batches))[0]


def lines_of_data(args: argparse.Namespace, fp32, tokenizer, name: str, seed: int, texts: tuple) -> list[str]:
    order = torch.randperm(len(texts[0]), generator=torch.Generator().manual_seed(seed)).tolist()
    shuffled = [texts[0][i] for i in order]
    evaluated = sorted(texts[1] + shuffled[HELD_OUT], key=len)
    batches = list(batches_of(evaluated, fp32, tokenizer, 32))
    expected, lines = logits_of(fp32, batches), []
    for row, settings in ROWS.items():
        calibration = list(batches_of(shuffled[: args.samples], fp32, tokenizer, 8))
        config = PostTrainingQuantConfig(calibration_sampling_size=args.samples, **settings)
        result = fit(copy.deepcopy(fp32), config, calibration)
        found = logits_of(result.model, batches)
        equal, error = compared(found, expected)
        stock = f"{stock_agrees(result, batches[::STOCK]):.2%}" if read_by_stock(result.model) else "needs inc_hf"
        said = "worse than without" if result.notes else ""
        fast = "{:.2%} | {:.4f}".format(*compared(logits_of(inc_hf.optimize(result.model), batches), expected))
        lines.append(f"| {name} | {seed} | {row} | {equal:.2%} | {error:.4f} | {fast} | {stock} | {said} |")
        print(lines[-1], flush=True)
    return lines


def lines_of_seconds(args: argparse.Namespace, fp32, tokenizer, texts: tuple) -> list[str]:
    """What `fit` takes of the CPU, which a busy machine does not change."""
    lines = ["| | seconds |", "|---|---|"]
    for row, settings in ROWS.items():
        calibration = list(batches_of(texts[0][: args.samples], fp32, tokenizer, 8))
        config = PostTrainingQuantConfig(calibration_sampling_size=args.samples, **settings)
        start = time.process_time()
        fit(copy.deepcopy(fp32), config, calibration)
        lines.append(f"| {row} | {time.process_time() - start:.1f} |")
        print(lines[-1], flush=True)
    return lines


def random_model(name: str, seed: int) -> tuple[torch.nn.Module, list[dict[str, torch.Tensor]]]:
    """A model, and four batches of inputs."""
    class_name, config_name, values = RANDOM[name]
    torch.manual_seed(seed)
    model = getattr(transformers, class_name)(getattr(transformers, config_name)(**values)).eval()
    if name == "ViT":
        return model, [{"pixel_values": torch.randn(16, 3, 32, 32)} for _ in range(4)]
    ids = [torch.randint(5, 500, (16, 24)) for _ in range(4)]
    return model, [{"input_ids": x, **({"decoder_input_ids": x} if name == "T5" else {})} for x in ids]


def lines_of_random(name: str, seed: int) -> str:
    model, batches = random_model(name, seed)
    expected, errors = logits_of(model, batches[2:]), []
    for settings in (PER_TENSOR, {}, {"recipes": SMOOTH}):
        result = fit(copy.deepcopy(model), PostTrainingQuantConfig(**settings), batches[:2])
        errors.append(f"{compared(logits_of(result.model, batches[2:]), expected)[1]:.4f}")
    return f"| {name} | {seed} | {' | '.join(errors)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--glue", type=Path)
    parser.add_argument("--texts", type=Path)
    parser.add_argument("--samples", type=int, default=300)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--output", type=Path, default=Path("benchmarks/static_accuracy.md"))
    args = parser.parse_args()
    fp32 = AutoModelForSequenceClassification.from_pretrained(args.model).eval()
    tokenizer = AutoTokenizer.from_pretrained(args.model)
    head = (
        "| data | seed | | equal to FP32 | error | equal, optimized | error, optimized | stock transformers | said |"
    )
    lines = [head, "|---" * 9 + "|"]
    for name, texts in sentences_of(args).items():
        for seed in args.seeds:
            lines += lines_of_data(args, fp32, tokenizer, name, seed, texts)
    seconds = lines_of_seconds(args, fp32, tokenizer, next(iter(sentences_of(args).values())))
    others = ["| random weights | seed | one scale for all | default | SmoothQuant auto |", "|---" * 5 + "|"]
    others += [lines_of_random(name, seed) for name in RANDOM for seed in args.seeds]
    write(args, lines, seconds, others)


def write(args: argparse.Namespace, lines: list[str], seconds: list[str], others: list[str]) -> None:
    cpu = f"{platform.machine()} {torch.cpu.get_capabilities().get('cpu_name', '')}"
    about = [
        "# Static INT8 against FP32",
        "",
        f"- calibration: {args.samples} sentences, in batches of 8; evaluation: 1,500 others, of SST-2 also the 872 "
        "of the validation set",
        "- equal: share of equal predictions; one sentence is 0.04 to 0.07 %",
        "- error: mean difference of the logits over the standard deviation of those of FP32",
        "- optimized: the same model after `inc_hf.optimize`, whose attention is in 8 bits, too",
        "- said: a recipe is compared with none, on 100 samples of the calibration, and the result says if it harms",
        "- other architectures: random weights, calibrated on 32 inputs, too few for an alpha for each layer: "
        "its ranges fit these inputs, and clip others",
        "- stock transformers: share of the predictions that it makes equally from the same checkpoint, "
        "of a fifth of the sentences",
        f"- {cpu}, {torch.backends.cpu.get_cpu_capability()}, {torch.get_num_threads()} threads, inc_hf "
        f"{inc_hf.__version__}, torch {torch.__version__}, transformers {transformers.__version__}",
        f"- `python scripts/accuracy_static.py`, {datetime.date.today().isoformat()}",
        "",
    ]
    of_others = ["", "Error of other architectures:", "", *others]
    text = "\n".join([*about, *lines, "", "CPU seconds of `fit`:", "", *seconds, *of_others]) + "\n"
    args.output.parent.mkdir(parents=True, exist_ok=True)
    args.output.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

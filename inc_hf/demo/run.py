"""The steps of the demo: fine-tune, prune, quantize to a 1 % accuracy goal, save, load in a fresh process, compare."""

import json
import logging
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from inc_hf.atomic import write_text
from inc_hf.checkpoint.header import weights_size
from inc_hf.config import AccuracyCriterion, PostTrainingQuantConfig
from inc_hf.demo.data import Examples, Splits
from inc_hf.demo.train import SPARSITY, fine_tuned_directory, pruned_directory
from inc_hf.quantizer import IncQuantizer
from inc_hf.results.quantized import QuantizedModel

logger = logging.getLogger(__name__)

CALIBRATION_SENTENCES = 100
TOLERABLE_LOSS = 0.01
FLOAT, LABELLED, BARE = "fp32", "validation.tsv", "sentences.txt"  # README and docs/ work with these
KEPT_ROWS = 500
SPARSE = f"FP32, {SPARSITY:.0%} 4x1"


def float_models(splits: Splits, from_hub: bool, retrain: bool, output: Path) -> dict[str, Path]:
    """The fine-tuned model, which is kept below `output` as soon as it is there, and the same pruned."""
    dense = fine_tuned_directory(splits, from_hub, retrain)
    kept = keep_float(dense, output)
    logger.info("The fine-tuned model is in %s; all that README shows works with it from now on", kept)
    return {"FP32": dense, SPARSE: pruned_directory(dense, splits, retrain)}


def quantized_models(floats: dict[str, Path], splits: Splits, output: Path) -> tuple[dict[str, Path], bool]:
    """What they become in INT8, below `output`; and whether all of it meets the goal."""
    directories, met = {}, True
    for name, model, approach in (
        ("INT8 dynamic", floats["FP32"], "dynamic"),
        ("INT8 static", floats["FP32"], "static"),
        (f"INT8 dynamic, {SPARSITY:.0%} 4x1", floats[SPARSE], "dynamic"),
    ):
        directories[name] = output / name.lower().replace(",", "").replace("%", "").replace(" ", "-")
        result = quantize(model, approach, splits.train, splits.tuning, directories[name])
        met = met and bool(result.met_criterion)
    return directories, met


def quantize(model: Path, approach: str, train: Examples, tuning: Examples, output: Path) -> QuantizedModel:
    """Quantize to the accuracy goal on the tuning sentences, calibrated on training sentences, and save."""
    logger.info("Quantizing, %s, to at most %.0f %% loss of accuracy", approach, 100 * TOLERABLE_LOSS)
    quantizer = IncQuantizer.from_pretrained(model, task="text-classification")
    result = quantizer.quantize(
        PostTrainingQuantConfig(
            approach=approach,
            calibration_sampling_size=CALIBRATION_SENTENCES,
            accuracy_criterion=AccuracyCriterion(tolerable_loss=TOLERABLE_LOSS),
        ),
        save_directory=output,
        calibration_dataset=[text for text, _ in train[:CALIBRATION_SENTENCES]],
        eval_dataset=[{"text": text, "label": label} for text, label in tuning],
        batch_size=32,
        overwrite=True,
    )
    logger.info("Saved in %s", output)
    return result


def compare(directories: dict[str, Path], held_out: Examples) -> tuple[dict[str, dict], int]:
    """Name -> accuracy, equal predictions, size, load time and latency; and the threads that were used."""
    sentences, labels = [text for text, _ in held_out], [label for _, label in held_out]
    logger.info("Loading each model in a fresh process")
    measured = {name: in_fresh_process("predictions", sentences, [path]) for name, path in directories.items()}
    timing = in_fresh_process("latency", sentences, list(directories.values()))
    rows = {}
    for name, path in directories.items():
        predicted = measured[name]["predictions"]
        rows[name] = {
            "accuracy": share_equal(predicted, labels),
            "equal": share_equal(predicted, measured["FP32"]["predictions"]),
            "bytes": weights_size(path),
            "load_seconds": measured[name]["load_seconds"],
            "latency_ms": timing["milliseconds"][str(path)],
        }
    return rows, timing["threads"]


def share_equal(a: list[int], b: list[int]) -> float:
    return sum(x == y for x, y in zip(a, b, strict=True)) / len(a)


def in_fresh_process(what: str, sentences: list[str], directories: list[Path]) -> dict:
    """Result of `inc_hf.demo.measure` in a Python process of its own, whose progress bars show."""
    with tempfile.TemporaryDirectory() as folder:
        texts, out = Path(folder) / "sentences.json", Path(folder) / "out.json"
        texts.write_text(json.dumps(sentences), encoding="utf-8")
        command = [sys.executable, "-m", "inc_hf.demo.measure", what, str(texts), str(out), *map(str, directories)]
        subprocess.run(command, check=True)
        return json.loads(out.read_text(encoding="utf-8"))


def show(rows: dict[str, dict], threads: int, title: str) -> None:
    """Print the table, and say so if INT8 is slower than FP32."""
    table = Table(
        title=title,
        box=SIMPLE,
        pad_edge=False,
        collapse_padding=True,
        caption=f"latency: one text of 128 tokens, {threads} threads; INT8 after inc_hf.optimize",
    )
    for heading in ("", "accuracy", "as FP32", "weights", "load", "latency"):
        table.add_column(heading, justify="left" if not heading else "right")
    fp32 = rows["FP32"]
    for name, row in rows.items():
        table.add_row(
            name,
            f"{row['accuracy']:.2%}",
            f"{row['equal']:.2%}",
            f"{row['bytes'] / 1e6:.1f} MB",
            f"{row['load_seconds']:.2f} s",
            f"{row['latency_ms']:.1f} ms, {fp32['latency_ms'] / row['latency_ms']:.2f}x",
        )
    console = Console()
    console.print(table)
    if max(fp32["latency_ms"] / row["latency_ms"] for name, row in rows.items() if name != "FP32") < 1:
        console.print("INT8 is slower than FP32 here; `inc-hf info` says which kernels it runs on.")


def keep_float(dense: Path, output: Path) -> Path:
    """A copy of the fine-tuned model beside the INT8 ones, so that there is something to go on with."""
    return Path(shutil.copytree(dense, output / FLOAT, dirs_exist_ok=True))


def keep_data(splits: Splits, output: Path) -> list[Path]:
    """Write sentences that it was not trained on: with their labels, to tune on, and bare, to calibrate on."""
    output.mkdir(parents=True, exist_ok=True)
    labelled = [(_in_one_line(text), label) for text, label in splits.held_out[:KEPT_ROWS]]
    rows = ["sentence\tlabel", *(f"{text}\t{label}" for text, label in labelled)]
    bare = [_in_one_line(text) for text, _ in splits.tuning[:KEPT_ROWS]]
    for name, lines in ((LABELLED, rows), (BARE, bare)):
        write_text(output / name, "".join(f"{line}\n" for line in lines))
    return [output / LABELLED, output / BARE]


def _in_one_line(text: str) -> str:
    return " ".join(text.split())


def show_next(directories: dict[str, Path], dense: Path, data: list[Path]) -> None:
    """Print where the models and the data are, and what to type next."""
    console = Console(soft_wrap=True, highlight=False)
    console.print("Your models:", *(f"  {path}" for path in (dense, *directories.values())), sep="\n")
    what = ("sentences with labels", "sentences to calibrate on")
    told = (f"  {path}: {words}, which no model was trained on" for path, words in zip(data, what, strict=True))
    console.print("Your data:", *told, sep="\n")
    fastest = list(directories.values())[-1]
    console.print("Next:", f"  inc-hf info {fastest}", f"  inc-hf benchmark {fastest} --baseline {dense}", sep="\n")

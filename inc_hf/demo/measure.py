"""Run in a fresh process by the demo: load saved models, predict, and time them.

python -m inc_hf.demo.measure predictions SENTENCES.json OUT.json DIRECTORY
python -m inc_hf.demo.measure latency     SENTENCES.json OUT.json DIRECTORY DIRECTORY …
"""

import json
import statistics
import sys
import time
from pathlib import Path

import torch
from tqdm.auto import tqdm
from transformers import AutoTokenizer, PreTrainedModel

from inc_hf.inference.optimize import optimize
from inc_hf.modeling import IncModelForSequenceClassification
from inc_hf.models.batches import batches_of

LATENCY_RUNS, LATENCY_TOKENS = 30, 128


def load(directory: str) -> PreTrainedModel:
    """The saved model as its user would run it: FP32 as transformers does, INT8 after `inc_hf.optimize`."""
    model = IncModelForSequenceClassification.from_pretrained(directory)
    return optimize(model) if hasattr(model.config, "quantization_config") else model


@torch.inference_mode()
def predictions(sentences: list[str], directory: str) -> dict:
    """Seconds to load a model, and its prediction for each sentence."""
    start = time.perf_counter()
    model = load(directory)
    load_seconds = time.perf_counter() - start
    batches = list(batches_of(sentences, model, AutoTokenizer.from_pretrained(directory), batch_size=32))
    predicted: list[int] = []
    for batch in tqdm(batches, desc=f"Predicting with {Path(directory).name}", unit="batch", leave=False):
        predicted += model(**batch).logits.argmax(-1).tolist()
    return {"load_seconds": load_seconds, "predictions": predicted}


@torch.inference_mode()
def latency(directories: list[str]) -> dict:
    """Median milliseconds of one sequence of 128 tokens for each model, measured in turn, A B C A B C …"""
    models = {name: load(name) for name in directories}
    ids = torch.randint(1000, 20000, (1, LATENCY_TOKENS), generator=torch.Generator().manual_seed(0))
    times: dict[str, list[float]] = {name: [] for name in directories}
    for _ in tqdm(range(LATENCY_RUNS + 3), desc="Timing", unit="round", leave=False):
        for name, model in models.items():
            times[name].append(seconds_of(model, ids))
    medians = {name: 1e3 * statistics.median(values[3:]) for name, values in times.items()}
    return {"milliseconds": medians, "threads": torch.get_num_threads()}


def seconds_of(model: PreTrainedModel, ids: torch.Tensor) -> float:
    start = time.perf_counter()
    model(input_ids=ids, attention_mask=torch.ones_like(ids))
    return time.perf_counter() - start


if __name__ == "__main__":
    what, sentences_file, out, *folders = sys.argv[1:]
    if what == "latency":
        result = latency(folders)
    else:
        result = predictions(json.loads(Path(sentences_file).read_text(encoding="utf-8")), folders[0])
    Path(out).write_text(json.dumps(result), encoding="utf-8")

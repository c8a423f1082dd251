"""Peak memory of quantizing a checkpoint as a whole and layer by layer. Writes a table.

    python scripts/check_layer_wise.py > benchmarks/layer_wise.md

The model is a Llama of random weights in float32, in shards, made from a config. Each row is a process of its own,
with one thread, from the imports to the saved checkpoint; its peak is VmHWM. What the imports take is subtracted. The
integers of both ways are compared.
"""

import argparse
import datetime
import json
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
import transformers
from safetensors import safe_open
from transformers import LlamaConfig, LlamaForCausalLM

import inc_hf
from inc_hf import PostTrainingQuantConfig
from inc_hf.benchmark.worker import peak_rss
from inc_hf.quantization import fit

SIZES = {"hidden_size": 1024, "intermediate_size": 2816, "num_attention_heads": 16, "num_key_value_heads": 16}
LAYERS, WORDS, SAMPLES, LENGTH = 16, 8000, 16, 64
APPROACHES = ("dynamic", "weight_only", "static")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--measure", nargs=4, metavar=("HOW", "APPROACH", "DIR", "OUT"), help="what its processes do")
    args = parser.parse_args()
    if args.measure:
        print(json.dumps(measure(*args.measure)))
        return
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "float"
        torch.manual_seed(0)
        model = LlamaForCausalLM(LlamaConfig(**SIZES, num_hidden_layers=LAYERS, vocab_size=WORDS))
        block, whole = (sum(p.nbytes for p in m.parameters()) for m in (model.model.layers[0], model))
        model.save_pretrained(source, max_shard_size="100MB")
        del model
        around = whole - LAYERS * block
        sizes = f"{whole / 1e6:.0f} MB; a block has {block / 1e6:.0f} MB, all around them {around / 1e6:.0f} MB"
        print(f"""# Memory of layer-wise quantization

- Llama of {LAYERS} layers, float32: {sizes}
- peak of the process (VmHWM) above what the imports take, from the directory to the saved checkpoint; one thread
- seconds on a machine that others used at the same time
- static: {SAMPLES} samples of {LENGTH} tokens in batches of 8, each of which reads the whole model once
- {platform.machine()}, inc_hf {inc_hf.__version__}, torch {torch.__version__}, transformers {transformers.__version__}
- `python scripts/check_layer_wise.py`, {datetime.date.today()}

| approach | whole: peak | seconds | layer-wise: peak | seconds | integers and scales |
|---|---|---|---|---|---|""")
        for approach in APPROACHES:
            rows = [run(how, approach, source, Path(folder) / how) for how in ("whole", "layer-wise")]
            cells = [f"{row['peak'] / 1e6:.0f} MB | {row['seconds']:.1f}" for row in rows]
            print(f"| {approach} | {' | '.join(cells)} | {compared(Path(folder))} |", flush=True)


def run(how: str, approach: str, source: Path, out: Path) -> dict:
    command = [sys.executable, "-W", "ignore", __file__, "--measure", how, approach, str(source), str(out)]
    answer = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True).stdout
    return json.loads(answer.splitlines()[-1])


def measure(how: str, approach: str, source: str, out: str) -> dict:
    torch.set_num_threads(1)
    before, begun = peak_rss(), time.perf_counter()
    generator = torch.Generator().manual_seed(1)
    ids = torch.randint(WORDS, (SAMPLES, LENGTH), generator=generator)
    batches = [{"input_ids": part} for part in ids.split(8)] if approach == "static" else None
    recipes = {"layer_wise_quant": how != "whole"}
    conf = PostTrainingQuantConfig(approach=approach, recipes=recipes, calibration_sampling_size=SAMPLES)
    model = LlamaForCausalLM.from_pretrained(source) if how == "whole" else source
    fit(model, conf, calib_dataloader=batches).save_pretrained(out, overwrite=True)
    return {"peak": peak_rss() - before, "seconds": time.perf_counter() - begun}


def compared(folder: Path) -> str:
    whole, by_layer = (dict(tensors(folder / how)) for how in ("whole", "layer-wise"))
    same = whole.keys() == by_layer.keys() and all(torch.equal(v, by_layer[k]) for k, v in whole.items())
    return "bit-equal" if same else "**differ**"


def tensors(directory: Path):
    for path in directory.glob("*.safetensors"):
        with safe_open(path, "pt") as file:
            yield from ((key, file.get_tensor(key)) for key in file.keys())


if __name__ == "__main__":
    main()

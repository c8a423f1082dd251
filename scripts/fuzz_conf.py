"""Throws broken and half-broken YAML files of INC 1.X at the reader: only its own error may come out, in time.

    python scripts/fuzz_conf.py --seconds 600

Three kinds of text: any characters, pieces of YAML in any order, and whole confs of which some values, keys or
characters were changed. What is read is translated, and its source text is compiled. Nothing of a file may run: a tag
that would make a file is among the pieces.
"""

import argparse
import json
import os
import random
import sys
import tempfile
import time
from pathlib import Path

import yaml
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from inc_hf.errors import UsageError
from inc_hf.migrate.conf import ConfError, read_conf
from inc_hf.migrate.conf.as_json import as_json
from inc_hf.migrate.conf.python_code import python_code

SLOWEST = 10.0  # seconds for one file
MARK = Path(tempfile.gettempdir()) / f"fuzz_conf_{os.getpid()}_was_run"
RUNS = f"!!python/object/apply:os.system ['touch {MARK}']"
PIECES = [
    "model:", "  name: a", "  framework: pytorch", "quantization:", "  approach: quant_aware_training", "tuning:",
    "pruning:", "  approach:", "    weight_compression:", "      pruners:", "        - !Pruner", "    names: [a.b]",
    "<<: *a", "&a", "*a", "- ", "? ", ": ", "[", "]", "{", "}", "|", ">", "'", '"', "#", "---", "...", "%YAML 1.1",
    "\t", "!!python/tuple [1, 2]", "!!binary aGk=", "!!set {a}", "!!float x", "!!int 0x_", "1" + ":2" * 900,
    "2001-99-99", ".inf", ".nan", "0o8", "~", "=", "é", RUNS, "\\UFFFFFFFF", '"\\xZZ"', "9" * 5000, "a" * 2000,
    "\u2028", "\x85", "\ufeff", "\x00",
]  # fmt: skip
PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
VALUES = st.recursive(
    PLAIN | st.sampled_from(["1%", "int8, fp32", "(", "*"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
TRAIN = {
    "end_epoch": 3,
    "iteration": 5,
    "optimizer": {"SGD": {"learning_rate": 0.1}},
    "criterion": {"KnowledgeDistillationLoss": {"temperature": 2.0, "loss_weights": [0.5, 0.5]}},
    "dataloader": {"batch_size": 2, "dataset": {"dummy": {"shape": [4, 3]}}, "transform": {"Resize": {"size": 4}}},
}
WHOLE = {
    "version": 1.0,
    "model": {"name": "a", "framework": "pytorch", "inputs": "x, y", "outputs": ["z"]},
    "device": "cpu",
    "use_bf16": True,
    "quantization": {
        "approach": "post_training_static_quant",
        "calibration": {"sampling_size": "10, 20", "dataloader": TRAIN["dataloader"]},
        "recipes": {"fast_bias_correction": True},
        "model_wise": {"weight": {"dtype": "int8", "bit": 7.0}, "activation": {"algorithm": "minmax, kl"}},
        "op_wise": {"layer.*": {"weight": {"dtype": ["fp32"]}}},
        "train": TRAIN,
    },
    "mixed_precision": {"precisions": "bf16, fp32", "op_wise": {"a": {"weight": {"dtype": "fp32"}}}},
    "pruning": {
        "train": TRAIN,
        "approach": {"weight_compression": {"end_epoch": 3, "pruners": [{"names": ["a.weight"], "pattern": "4x1"}]}},
    },
    "distillation": {"train": TRAIN},
    "tuning": {
        "strategy": {"name": "mse_v2", "confidence_batches": 2},
        "accuracy_criterion": {"relative": "1%", "higher_is_better": True},
        "multi_objectives": {"objective": ["accuracy", "modelsize"], "weight": [0.2, 0.8]},
        "exit_policy": {"timeout": 1, "max_trials": 2},
        "workspace": {"path": "a", "resume": "b"},
    },
    "evaluation": {
        "accuracy": {"metric": {"topk": 1}, "dataloader": TRAIN["dataloader"]},
        "performance": {"warmup": 1, "configs": {"num_of_instance": 2}},
    },
}


def places(value: object, place: tuple = ()) -> list[tuple]:
    """The places of all values in nested dicts and lists."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place, *(deeper for key, item in items for deeper in places(item, (*place, key)))]


@st.composite
def changed(draw: st.DrawFn) -> str:
    """A whole conf with some other values or keys, as text with some other characters."""
    content = json.loads(json.dumps(WHOLE))
    for _ in range(draw(st.integers(0, 2))):
        place = draw(st.sampled_from(places(content)[1:]))
        around = content
        for part in place[:-1]:
            around = around[part]
        kind = draw(st.sampled_from(["value", "remove", "key"]))
        if kind == "value":
            around[place[-1]] = draw(VALUES)
        elif kind == "remove":
            del around[place[-1]]
        elif isinstance(around, dict):
            around[draw(st.text(max_size=8))] = around.pop(place[-1])
    text = yaml.dump(content, allow_unicode=True, default_flow_style=draw(st.sampled_from([True, False, None])))
    for _ in range(draw(st.sampled_from([0, 0, 0, 1]))):
        at = draw(st.integers(0, len(text)))
        text = text[:at] + draw(st.sampled_from(PIECES)) + text[at + draw(st.integers(0, 3)) :]
    return text


ANY = st.text(max_size=300).map(lambda text: text.encode("utf-8", "surrogatepass")) | st.binary(max_size=300)
PARTS = st.lists(st.sampled_from(PIECES), max_size=30).flatmap(
    lambda parts: st.sampled_from(["\n", " ", ""]).map(lambda joint: joint.join(parts))
)
CHANGED = changed().map(lambda text: text.encode("utf-8", "surrogatepass"))
CONTENTS = st.one_of(ANY, PARTS.map(str.encode), CHANGED, CHANGED, CHANGED)


def attempt(path: Path, content: bytes, counts: dict[str, int]) -> None:
    path.write_bytes(content)
    began = time.monotonic()
    try:
        conf = read_conf(path)
        counts["read"] += 1
        compile(python_code(conf).text(), "<conf>", "exec")
        as_json(conf, steps_per_epoch=3)
        counts["translated"] += 1
    except ConfError as error:
        assert error.file == path and str(error).startswith(str(path)), error
        counts["refused"] += 1
    except UsageError as error:
        raise AssertionError(f"a UsageError that is no ConfError: {error}") from error
    took = time.monotonic() - began
    counts["slowest in ms"] = max(counts["slowest in ms"], round(took * 1000))
    assert took < SLOWEST, f"{took:.1f} s for {content!r}"
    assert path.read_bytes() == content, "the file was written to"
    assert not MARK.exists(), f"code was run: {content!r}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=None)
    args = parser.parse_args()
    start = args.seed if args.seed is not None else random.randrange(2**32)
    counts = dict.fromkeys(("read", "translated", "refused", "slowest in ms"), 0)
    end = time.monotonic() + args.seconds
    rounds = 0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "conf.yaml"
        while time.monotonic() < end:

            @seed(start + rounds)
            @settings(
                max_examples=500,
                deadline=None,
                database=None,
                phases=[Phase.generate, Phase.shrink],
                suppress_health_check=list(HealthCheck),
            )
            @given(CONTENTS)
            def round_of(content: bytes) -> None:
                attempt(path, content, counts)

            round_of()
            rounds += 1
    files = counts["read"] + counts["refused"]
    print(f"seed {start}, {rounds} rounds, {files} files:", ", ".join(f"{name} {n}" for name, n in counts.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())

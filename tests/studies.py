"""Processes that search together: a script, which forks them from one that has imported everything, and kills some.

Each calls `quantization.fit` on a model of eight layers, of which three harm. The file `evaluations` in the folder has
a line for each begin and end of an evaluation.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

from fresh import run_fresh
from tiny import offline_environment

HARMFUL = {"1", "4", "6"}
EVERYTHING = {str(i) for i in range(8)}


def together(folder: Path, **settings: Any) -> list[dict]:
    """Search in `folder`; what the processes that were not killed came to.

    Settings: `workers` (0: in this process), `kills`, `seconds` of an evaluation, and those of `TuningCriterion`.
    """
    finished = run_fresh(Path(__file__), str(folder), json.dumps(settings))
    assert finished.returncode == 0, finished.stderr[-5000:]
    return [json.loads(path.read_text()) for path in sorted(folder.glob("result-*"))]


def launched(folder: Path, processes: int, **settings: Any) -> list[dict]:
    """The same, in the processes of `accelerate launch`."""
    command = [sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", str(processes)]
    command += ["--main_process_port", "0", __file__, str(folder), json.dumps({"workers": 0, **settings})]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=300, env=offline_environment())
    assert finished.returncode == 0, finished.stderr[-5000:]
    return [json.loads(path.read_text()) for path in sorted(folder.glob("result-*"))]


def evaluations(folder: Path) -> Counter:
    """(modules in integers, "begin" or "end") -> how often."""
    lines = (folder / "evaluations").read_text().splitlines()
    return Counter(tuple(line.split()[1:]) for line in lines)


def main(folder: Path, workers: int = 3, kills: int = 0, seconds: float = 0.05, **settings: Any) -> None:
    chance = random.Random(settings.pop("seed", 0))
    settings["seconds"] = seconds
    if not workers:
        _search(folder, **settings)
    running = [_start(folder, settings) for _ in range(workers)]
    for _ in range(kills):
        time.sleep(chance.uniform(0.5, 4) * seconds)
        victim = chance.choice(running)
        os.kill(victim, signal.SIGKILL)
        with (folder / "kills").open("a") as lines:  # some may have ended before
            lines.write("killed\n" * os.WIFSIGNALED(os.waitpid(victim, 0)[1]))
        running[running.index(victim)] = _start(folder, settings)
        history = folder / "workspace" / "history.json"
        assert not history.exists() or json.loads(history.read_text())["trials"]
    for pid in running:
        assert os.waitpid(pid, 0)[1] == 0


def _start(folder: Path, settings: dict) -> int:
    if pid := os.fork():
        return pid
    try:
        _search(folder, **settings)
        os._exit(0)
    except BaseException:
        traceback.print_exc()
        os._exit(1)


def _search(folder: Path, seconds: float = 0.05, goal: float = 0.1, change: float = 0, **tuning: Any) -> None:
    import torch
    from torch import nn

    from inc_hf import AccuracyCriterion, PostTrainingQuantConfig, TuningCriterion
    from inc_hf.config import set_workspace
    from inc_hf.quantization import fit
    from inc_hf.quantize.nn import quantized_modules

    set_workspace(folder / "workspace")
    torch.manual_seed(0)
    model = nn.Sequential(*[nn.Linear(4, 4) for _ in EVERYTHING])
    lines = os.open(folder / "evaluations", os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def evaluate(model: nn.Module) -> float:
        model(torch.ones(1, 4))
        if names := sorted(quantized_modules(model)):
            os.write(lines, f"{os.getpid()} {''.join(names)} begin\n".encode())
            time.sleep(seconds)
            os.write(lines, f"{os.getpid()} {''.join(names)} end\n".encode())
        return 1 - change - 0.2 * len(HARMFUL.intersection(names)) - 0.001 * len(names)

    config = PostTrainingQuantConfig(
        approach="dynamic",
        accuracy_criterion=AccuracyCriterion(criterion="absolute", tolerable_loss=goal),
        tuning_criterion=TuningCriterion(**tuning),
    )
    result = fit(model, config, eval_func=evaluate)
    told = {
        "met": result.met_criterion, "score": result.score, "modules": sorted(quantized_modules(result.model)),
        "trials": [trial.fingerprint for trial in result.trials],
    }  # fmt: skip
    (folder / f"result-{os.getpid()}").write_text(json.dumps(told))


if __name__ == "__main__":
    import inc_hf.quantization
    import inc_hf.tune.study.participant  # noqa: F401

    main(Path(sys.argv[1]), **json.loads(sys.argv[2]))

"""The process that measures a function of the caller: `python -m inc_hf.benchmark.function_worker`."""

import sys
from typing import Any

import torch

from inc_hf.benchmark.worker import Call, serve


def load(task: dict[str, Any]) -> tuple[Call, dict[str, Any]]:
    """A function and its model as the task says: `function` (a file of [`write_function`]), `path` (of modules),
    `threads`."""
    sys.path[:] = task["path"]
    torch.set_num_threads(task["threads"])
    if task["inter_threads"] is not None:
        torch.set_num_interop_threads(task["inter_threads"])
    model, b_func = torch.load(task["function"], weights_only=False)  # written by the process that started this one

    def call(index: int) -> int:
        return samples_of(b_func(model))

    return call, {"backend": "b_func", "bytes": 0}


def samples_of(returned: Any) -> int:
    """How many samples a call had, if it says so; otherwise it counts as one."""
    return returned if isinstance(returned, int) and not isinstance(returned, bool) else 1


if __name__ == "__main__":
    serve(load)

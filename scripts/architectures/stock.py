"""Transformers without inc_hf: a process that never imports it, and forks for each request."""

import contextlib
import importlib
import os
import pickle
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path
from typing import Any

from torch import Tensor

ADDRESS = "INC_HF_STOCK"  # variable with the socket of the server that runs
KEY = b"check_architectures"  # it is on this machine only


class StockError(Exception):
    """What transformers says."""


@contextlib.contextmanager
def stock_server() -> Iterator[None]:
    """While it runs, `stock_outputs` works in this process and in those that it forks."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ[ADDRESS] = str(Path(folder) / "socket")
        server = subprocess.Popen(
            [sys.executable, "-W", "ignore", __file__], env={**os.environ, "PYTHONPATH": _scripts()}
        )
        try:
            while not Path(os.environ[ADDRESS]).exists() and server.poll() is None:  # it imports
                time.sleep(0.1)
            yield
        finally:
            server.terminate()
            server.wait()


def _scripts() -> str:
    return str(Path(__file__).parents[1])


def stock_outputs(model_class: type, directory: Path, inputs: dict[str, Any]) -> list[Tensor]:
    """The outputs of a checkpoint that plain transformers has loaded.

    Raises:
        StockError: it could not.
    """
    with Client(os.environ[ADDRESS], authkey=KEY) as connection:
        _send(connection, (model_class.__module__, model_class.__name__, str(directory), inputs))
        answer = _receive(connection)
    if isinstance(answer, str):
        raise StockError(answer)
    return answer


# Not the connection's own pickling, which torch makes to share memory.
def _send(connection: Connection, value: Any) -> None:
    connection.send_bytes(pickle.dumps(value))


def _receive(connection: Connection) -> Any:
    return pickle.loads(connection.recv_bytes())


def _answer(module: str, name: str, directory: str, inputs: dict[str, Any]) -> list[Tensor] | str:
    from architectures.outputs import outputs_of

    try:
        model = getattr(importlib.import_module(module), name).from_pretrained(directory).eval()
        outputs = outputs_of(model, inputs)
    except Exception as error:  # of any code of transformers
        return f"{type(error).__name__}: {error}"
    return "inc_hf is imported" if "inc_hf" in sys.modules else outputs


def _serve() -> None:
    import signal

    import torch
    import transformers

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the children
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    with Listener(os.environ[ADDRESS], authkey=KEY) as listener:
        while True:
            with listener.accept() as connection:
                if os.fork() == 0:
                    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                    _send(connection, _answer(*_receive(connection)))
                    os._exit(0)


if __name__ == "__main__":
    _serve()

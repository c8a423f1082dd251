"""The Hub that cannot be reached: said at once, and what was downloaded before is taken."""

import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from commandline import error_line
from huggingface_hub import constants

from inc_hf import IncModelForSequenceClassification, IncQuantizer
from inc_hf.benchmark import fit
from inc_hf.callbacks.teacher import load_teacher
from inc_hf.commands.main import main
from inc_hf.evaluation.datasets import load_dataset_file_or_hub
from inc_hf.models import hub
from inc_hf.models.hub import reached
from inc_hf.models.tokenizer import load_tokenizer

pytest_plugins = ["hub_fixture"]
NOBODY = "nobody/nothing-here"


@pytest.fixture
def at(monkeypatch) -> Callable[[str], None]:
    """Puts the Hub at an address."""

    def put(address: str) -> None:
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "ENDPOINT", address)

    yield put
    hub._ask.cache_clear()


@pytest.fixture
def unreachable(at) -> None:
    """A port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        at(f"http://127.0.0.1:{free.getsockname()[1]}")


TAKE_A_NAME = {
    "model": IncModelForSequenceClassification.from_pretrained,
    "quantizer": IncQuantizer.from_pretrained,
    "benchmark": fit,
    "teacher": lambda name: load_teacher(name, None),
    "tokenizer": load_tokenizer,
    "dataset": lambda name: load_dataset_file_or_hub(name, None, "train", None),
}


@pytest.mark.usefixtures("unreachable")
@pytest.mark.parametrize("take", TAKE_A_NAME.values(), ids=TAKE_A_NAME)
def test_a_name_that_is_not_here(take):
    began = time.monotonic()
    with pytest.raises(ConnectionError, match="'nobody/nothing-here' is neither a directory here nor"):
        take(NOBODY)
    assert time.monotonic() - began < 2


@pytest.mark.usefixtures("unreachable")
@pytest.mark.parametrize("command", ["quantize", "convert", "export", "benchmark"])
def test_commands(command, capsys, tmp_path):
    output = [] if command == "benchmark" else ["-o", str(tmp_path / "out")]
    assert main([command, NOBODY, *output]) == 2
    assert "and http://127.0.0.1:" in error_line(capsys.readouterr().err)


def test_silence_is_no_answer(at, monkeypatch):
    monkeypatch.setattr(hub, "SECONDS", 0.2)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        at(f"http://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(ConnectionError, match="HF_HUB_ETAG_TIMEOUT sets how long to wait"):
            reached(NOBODY, ("config.json",))


@pytest.mark.usefixtures("unreachable")
def test_what_was_downloaded_before(tmp_path):
    snapshot = tmp_path / "models--nobody--nothing-here" / "snapshots" / ("0" * 40)
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").write_text("{}")
    refs = tmp_path / "models--nobody--nothing-here" / "refs"
    refs.mkdir()
    (refs / "main").write_text("0" * 40)
    found = reached(NOBODY, ("config.json",), cache_dir=tmp_path)
    assert found == {"cache_dir": tmp_path, "local_files_only": True}


@pytest.mark.usefixtures("unreachable")
def test_what_needs_no_hub(tmp_path):
    assert reached(tmp_path, ("config.json",)) == {}
    assert reached(NOBODY, ("config.json",), local_files_only=True) == {"local_files_only": True}


def test_a_hub_that_answers(at, fake_hub):
    """Once; whether it has what was asked for is not our question."""
    at(fake_hub.url)
    for _ in range(2):
        assert reached(Path(NOBODY).as_posix(), ("config.json",), token="t") == {"token": "t"}
    assert len(fake_hub.requests) == 1

"""`inc-hf quantize --push-to-hub` where the result is saved, and the Hub does not get it."""

from pathlib import Path

import huggingface_hub
import pytest
from commandline import error_line

from inc_hf.commands.main import main


@pytest.mark.parametrize("problem", [None, KeyboardInterrupt, OSError("disk")], ids=["offline", "interrupted", "disk"])
def test_saved_but_not_uploaded(problem, model_dir, monkeypatch, capsys):
    """Code 4, as it is neither bad input nor nothing."""
    if problem is not None:

        def fail(*given, **named):
            raise problem

        monkeypatch.setattr(huggingface_hub.HfApi, "create_repo", fail)
    assert main(["quantize", str(model_dir), "-o", "out", "--push-to-hub", "me/x"]) == 4
    assert error_line(capsys.readouterr().err).startswith("out is saved, but ")
    assert (Path("out") / "config.json").is_file()

"""What cannot be written is found before anything is done."""

import os
from pathlib import Path

import pytest
from tiny import tiny_inputs, tiny_model

from inc_hf import IncQuantizer, PostTrainingQuantConfig, options, set_workspace
from inc_hf.orchestration import run_stages
from inc_hf.quantization import fit
from inc_hf.results.quantized import QuantizedModel
from inc_hf.writable import NotWritableError, check_writable


@pytest.fixture(params=["under a file", "read-only"])
def unwritable(request, tmp_path) -> Path:
    if request.param == "under a file":
        (tmp_path / "file").write_text("text")
        return tmp_path / "file" / "sub" / "out"
    if os.geteuid() == 0:  # who may write everywhere but in /proc
        return Path("/proc/out")
    (tmp_path / "locked").mkdir(mode=0o500)
    return tmp_path / "locked" / "sub" / "out"


@pytest.fixture
def workspace():
    before = options.workspace
    yield
    options.workspace = before


def never(*_, **__):
    raise AssertionError("this is too late")


class TestCheckWritable:
    def test_what_can_be_written_is_left_as_it_is(self, tmp_path):
        check_writable(tmp_path / "a" / "b")
        assert list(tmp_path.iterdir()) == []

    def test_relative(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        check_writable("here/there")

    def test_refused(self, unwritable):
        with pytest.raises(NotWritableError, match="choose another directory"):
            check_writable(unwritable)

    def test_a_link_to_nowhere(self, tmp_path):
        (tmp_path / "link").symlink_to(tmp_path / "nowhere")
        check_writable(tmp_path / "link" / "out")

    @pytest.mark.parametrize("kind", [ValueError, OSError])
    def test_it_is_known_as_bad_input_and_as_an_error_of_the_system(self, kind):
        assert issubclass(NotWritableError, kind)


CONFIG = PostTrainingQuantConfig(approach="static")


def test_output_of_quantize(unwritable):
    with pytest.raises(NotWritableError):
        IncQuantizer.from_pretrained(tiny_model("bert"), eval_fn=never, calibration_fn=never).quantize(
            CONFIG, unwritable, overwrite=True
        )


def test_workspace_of_tuning(unwritable, workspace):
    set_workspace(unwritable)
    with pytest.raises(NotWritableError):
        fit(tiny_model("bert"), CONFIG, calib_func=never, eval_func=never)


def test_workspace_of_a_diagnosis(unwritable, workspace):
    set_workspace(unwritable)
    model = tiny_model("bert")
    with pytest.raises(NotWritableError):
        fit(model, PostTrainingQuantConfig(approach="static", diagnosis=True), calib_func=never)


def test_stages(unwritable):
    with pytest.raises(NotWritableError):
        run_stages(tiny_model("bert"), {"first": never}, unwritable)


def test_a_workspace_that_nobody_needs_is_not_looked_at(workspace, tmp_path):
    (tmp_path / "file").write_text("text")
    set_workspace(tmp_path / "file")
    model = tiny_model("bert")
    assert isinstance(fit(model, CONFIG, calib_dataloader=[tiny_inputs(model)]), QuantizedModel)

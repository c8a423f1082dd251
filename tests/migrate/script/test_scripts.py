"""The scripts of tests/migrate/scripts, in the style of public examples: migrated, and run."""

import io
import runpy
import sys
import tokenize
from pathlib import Path

import pytest

from inc_hf.migrate.script.files import migrate
from inc_hf.migrate.script.source import rewrite_text

ROOT = Path(__file__).parents[3]
SCRIPTS = ROOT / "tests/migrate/scripts"
check = runpy.run_path(str(ROOT / "scripts/check_migrate.py"))
NAMES = check["names"]()
FAST = ("benchmark_1x/measure.py", "mixed_1x/mixed.py", "prune_1x/prune.py", "distil_1x/distil.py", "dotted_names.py")
# Which outcome each has that does not run as it comes out
OTHERS = {
    "ptq_1x/from_options.py": 1,
    "prune_epochs_1x/prune.py": 1,
    "distil_1x/distil.py": 1,
    "scheduler_1x/schedule.py": 3,
    "optimum_config.py": 1,
    "three_x.py": 1,
}
DO_NOT_RUN = {"optimum_config.py", "three_x.py"}

pytest_plugins = ["workspace_fixture"]
pytestmark = pytest.mark.usefixtures("workspace")  # some scripts set options


def comments(content: bytes) -> list[str]:
    tokens = tokenize.tokenize(io.BytesIO(content).readline)
    return [token.string for token in tokens if token.type == tokenize.COMMENT]


@pytest.mark.parametrize("name", [name for name in NAMES if name.endswith(".py")])
def test_comments_stay_and_a_second_run_changes_nothing(name):
    (result,) = migrate(SCRIPTS / name)
    assert result.is_changed
    assert set(comments(result.old)) <= set(comments(result.new))
    assert rewrite_text(result.new.decode(), SCRIPTS / name).text == result.new.decode()
    assert len(result.marks) == OTHERS.get(name, 0), result.marks


def run(name: str, monkeypatch) -> None:
    with check["migrated_copy"](name) as (path, _, _):
        script = check["as_script"](path)
        monkeypatch.chdir(script.parent)
        monkeypatch.syspath_prepend(SCRIPTS)
        monkeypatch.setattr(sys, "argv", [script.name])
        runpy.run_path(script.name, run_name="__main__")


@pytest.mark.parametrize("name", FAST)
def test_what_comes_out_runs(name, monkeypatch):
    run(name, monkeypatch)


@pytest.mark.slow("inc_hf", "scripts/check_migrate.py", "tests/migrate/scripts")
@pytest.mark.parametrize("name", sorted(set(NAMES) - set(FAST) - DO_NOT_RUN))
def test_the_others_run_too(name, monkeypatch):
    run(name, monkeypatch)


def results(name: str, text: str | None, monkeypatch) -> dict[str, bytes]:
    """The weights that a script saves; `text` instead of the migrated one, if given."""
    with check["migrated_copy"](name) as (path, _, _):
        if text is not None:
            path.write_text(text)
        monkeypatch.chdir(path.parent)
        monkeypatch.syspath_prepend(SCRIPTS)
        runpy.run_path(path.name, run_name="__main__")
        found = {
            file.relative_to(path.parent).as_posix(): file.read_bytes() for file in path.parent.rglob("*.safetensors")
        }
    assert found
    return found


OF_1X = [
    "ptq_1x/run_ptq.py",
    "ptq_1x/with_metric.py",
    "qat_1x/qat.py",
    "prune_1x/prune.py",
    "prune_epochs_1x/prune.py",
    "distil_1x/without_eval.py",
    "mixed_1x/mixed.py",
]


@pytest.mark.slow("inc_hf", "scripts/check_migrate.py", "tests/migrate/scripts")
@pytest.mark.parametrize("name", OF_1X)
def test_code_of_2x_gives_the_bits_that_1x_gives(name, monkeypatch):
    of_1x = (SCRIPTS / name).read_text().replace("neural_compressor", "inc_hf")
    assert "inc_hf.experimental" in of_1x
    assert results(name, None, monkeypatch) == results(name, of_1x, monkeypatch)

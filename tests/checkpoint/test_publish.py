"""Uploads to a Hub on loopback: who may, where to, and what becomes of one that is cut."""

import os
import signal
from pathlib import Path

import pytest
from fakehub import Repo
from huggingface_hub import HfApi, constants
from safetensors.torch import load
from tiny import quantized

from inc_hf.checkpoint.hub_errors import HubRefusedError, HubUnreachableError

pytest_plugins = ["hub_fixture"]
WEIGHTS = "model.safetensors"


@pytest.fixture(scope="module")
def result():
    return quantized("bert")


@pytest.fixture
def at_once(monkeypatch):
    """The client does not wait between its tries."""
    monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda seconds: None)


def is_whole(files):
    assert load(files[WEIGHTS]) and {"config.json", "inc_config.json", "README.md"} <= files.keys()
    return True


def test_a_branch_is_made(logged_in, result):
    result.push_to_hub("user/x", revision="int8")
    assert logged_in.files("user/x") == {} and is_whole(logged_in.files("user/x", "int8"))
    result.push_to_hub("user/x", revision="int8", commit_message="Again")
    assert list(logged_in.repos["user/x"].refs) == ["main", "int8"]


def test_private(logged_in, result, monkeypatch):
    result.push_to_hub("user/x", private=True)
    assert logged_in.repos["user/x"].private
    monkeypatch.delenv("HF_TOKEN")
    assert not HfApi().repo_exists("user/x")
    result.push_to_hub("user/x", token="hf_x")


def test_a_pull_request_to_a_repository_of_others(logged_in, result):
    logged_in.repos["others/x"] = Repo()
    with pytest.raises(
        HubRefusedError, match=r"not uploaded to others/x: .* code 403: .*pull request .*create_pr=True"
    ):
        result.push_to_hub("others/x")
    commit = result.push_to_hub("others/x", create_pr=True)
    assert commit.pr_url == f"{logged_in.url}/others/x/discussions/1"
    assert logged_in.files("others/x") == {} and is_whole(logged_in.files("others/x", "refs/pr/1"))


REFUSED = {
    "no token": (None, "user/x", "401: it has no valid token of yours; log in with `hf auth login`, or pass `token`"),
    "unknown": ("hf_old", "user/x", "401: it has no valid token"),
    "only reads": ("hf_reads", "user/x", "403: the token may not write there; take one with write access"),
    "of others": ("hf_x", "others/new", "403: the token may not write there"),
}


@pytest.mark.parametrize("token, repo_id, words", REFUSED.values(), ids=REFUSED)
def test_refused(logged_in, result, monkeypatch, tmp_path, token, repo_id, words):
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "nobody"))
    with pytest.raises(PermissionError) as refused:
        result.push_to_hub(repo_id, token=token)
    assert words in str(refused.value) and "\n" not in str(refused.value) and "hf_old" not in str(refused.value)
    assert not logged_in.repos
    with pytest.raises(PermissionError, match=f"out is saved, but not uploaded to {repo_id}: the Hub refuses it"):
        result.save_pretrained(tmp_path / "out", push_to_hub=True, repo_id=repo_id, token=token)
    assert (tmp_path / "out" / WEIGHTS).is_file()


@pytest.mark.usefixtures("at_once")
def test_goes_on_by_itself_where_the_line_broke(logged_in, result):
    """Of a file in parts, only the part that was cut is sent again."""
    logged_in.part_size, logged_in.cut_after = 4000, 10_000
    result.push_to_hub("user/x")
    assert is_whole(logged_in.files("user/x"))
    sent = [request for request in logged_in.requests if request.startswith("PUT /lfs/")]
    assert len(sent) == len(set(sent)) > 3, "the part that broke off was never answered, and is in the list once"


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("how", ["line", "Ctrl-C"])
def test_cut_in_the_middle(logged_in, result, tmp_path, how):
    """Neither repository nor directory are touched; the next try goes on with what has arrived."""
    saved = result.save_pretrained(tmp_path / "out")
    before = {path.name: path.read_bytes() for path in saved.iterdir()}
    result.push_to_hub("user/x")
    older = logged_in.files("user/x")
    other = quantized("bert", "static")
    logged_in.cut_after, logged_in.stays_cut = 1000, how == "line"
    if how == "Ctrl-C":
        logged_in.when_cut = lambda: os.kill(os.getpid(), signal.SIGINT)
    with pytest.raises(HubUnreachableError if how == "line" else KeyboardInterrupt):
        other.save_pretrained(saved, overwrite=True, push_to_hub=True, repo_id="user/x")
    assert logged_in.files("user/x") == older and len(logged_in.repos["user/x"].commits) == 2
    assert {path.name for path in saved.iterdir()} == before.keys()
    assert not list(Path(tmp_path).glob(".*")), "nothing is left beside it"
    logged_in.is_cut = False
    other.push_to_hub("user/x")
    assert is_whole(logged_in.files("user/x")) and logged_in.files("user/x")[WEIGHTS] != older[WEIGHTS]


@pytest.mark.usefixtures("at_once")
def test_what_has_arrived_is_not_sent_again(logged_in, result, tmp_path):
    """The second of two files was cut."""
    from inc_hf.checkpoint.publish import push_directory

    def write(folder: Path) -> None:
        folder.mkdir()
        for name in ("model-1.safetensors", "model-2.safetensors"):
            (folder / name).write_bytes(name.encode() * 1000)

    logged_in.cut_after, logged_in.stays_cut = 19_000, True
    with pytest.raises(HubUnreachableError, match="not uploaded to user/x: the Hub cannot be reached"):
        push_directory(write, "user/x", None, None, "Two files")
    (arrived,) = logged_in.blobs
    logged_in.is_cut, logged_in.requests[:] = False, []
    push_directory(write, "user/x", None, None, "Two files")
    assert f"PUT /lfs/{arrived}" not in logged_in.requests and len(logged_in.files("user/x")) == 2


def test_many_files_are_one_commit(logged_in):
    """`upload_folder` of huggingface_hub would commit them in several parts."""
    from inc_hf.checkpoint.publish import push_directory

    def write(folder: Path) -> None:
        folder.mkdir()
        for number in range(300):
            (folder / f"{number}.txt").write_text(str(number))

    push_directory(write, "user/x", None, None, "Many")
    assert len(logged_in.files("user/x")) == 300 and len(logged_in.repos["user/x"].commits) == 2


def test_an_argument_that_no_upload_knows(result):
    with pytest.raises(TypeError, match="branch"):
        result.push_to_hub("user/x", branch="int8")

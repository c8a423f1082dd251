import hashlib
import json
import socket
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from fakehub import FakeHub, Repo, run_with_hub

pytest_plugins = ["hub_fixture"]

PUSH_TINY_BERT = """
import torch
from huggingface_hub import snapshot_download
from transformers import AutoModelForSequenceClassification, BertConfig, BertForSequenceClassification

torch.manual_seed(0)
config = BertConfig(vocab_size=32, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32)
model = BertForSequenceClassification(config)
model.push_to_hub("user/x")
"""

CREATE_REPO = """
from huggingface_hub import HfApi, hf_hub_download
from huggingface_hub.errors import EntryNotFoundError, RepositoryNotFoundError, RevisionNotFoundError

api = HfApi()
api.create_repo("user/x")
"""


def test_push_download_load(fake_hub, tmp_path):
    code = """
folder = snapshot_download("user/x", local_dir="copy")
for source in ("user/x", folder):
    loaded = AutoModelForSequenceClassification.from_pretrained(source).state_dict()
    assert loaded.keys() == model.state_dict().keys()
    assert all(torch.equal(loaded[name], value) for name, value in model.state_dict().items())
"""
    run_with_hub(fake_hub, PUSH_TINY_BERT + code, tmp_path)
    files = fake_hub.files("user/x")
    assert {"config.json", "model.safetensors"} <= files.keys()
    assert all((tmp_path / "copy" / path).read_bytes() == content for path, content in files.items())
    assert list(fake_hub.blobs.values()) == [files["model.safetensors"]]


def test_upload_and_delete(fake_hub, tmp_path):
    for path, content in {"a.txt": b"a", "sub/b.txt": b"", "sub/c.bin": b"c" * 1000}.items():
        file = tmp_path / "folder" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    code = """
api.create_repo("user/x", exist_ok=True)
first = api.upload_folder(repo_id="user/x", folder_path="folder").oid
assert api.list_repo_files("user/x") == ["a.txt", "sub/b.txt", "sub/c.bin"]
api.delete_file("a.txt", "user/x")
assert api.list_repo_files("user/x") == ["sub/b.txt", "sub/c.bin"]
api.delete_folder("sub", "user/x")
assert api.list_repo_files("user/x") == []
assert open(hf_hub_download("user/x", "a.txt", revision=first)).read() == "a"
assert api.whoami()["name"] == "user"
api.delete_repo("user/x")
assert not api.repo_exists("user/x")
"""
    run_with_hub(fake_hub, CREATE_REPO + code, tmp_path)
    assert fake_hub.repos == {}


@pytest.mark.parametrize(
    ("call", "error"),
    [
        ('api.model_info("user/absent")', "RepositoryNotFoundError"),
        ('api.delete_repo("user/absent")', "RepositoryNotFoundError"),
        ('hf_hub_download("user/absent", "config.json")', "RepositoryNotFoundError"),
        ('api.upload_file(path_or_fileobj=b"1", path_in_repo="a", repo_id="user/absent")', "RepositoryNotFoundError"),
        ('hf_hub_download("user/x", "absent.json")', "EntryNotFoundError"),
        ('list(api.list_repo_tree("user/x", "absent"))', "EntryNotFoundError"),
        ('hf_hub_download("user/x", "config.json", revision="absent")', "RevisionNotFoundError"),
    ],
    ids=["info", "delete", "download", "upload", "file", "folder", "revision"],
)
def test_missing(fake_hub, tmp_path, call, error):
    code = f"{CREATE_REPO}\ntry:\n    {call}\nexcept {error}:\n    print('caught')"
    assert run_with_hub(fake_hub, code, tmp_path).stdout == "caught\n"


def test_from_pretrained_of_a_missing_repo(fake_hub, tmp_path):
    code = 'from transformers import AutoConfig\nAutoConfig.from_pretrained("user/absent")'
    with pytest.raises(RuntimeError, match="user/absent is not a local folder"):
        run_with_hub(fake_hub, code, tmp_path)


@pytest.mark.parametrize(("wanted", "expected"), [("2-4", b"234"), ("7-", b"789")], ids=["middle", "rest"])
def test_range(fake_hub, wanted, expected):
    fake_hub.repos["user/x"] = Repo(commits={"1" * 40: {"digits": b"0123456789"}}, refs={"main": "1" * 40})
    request = Request(f"{fake_hub.url}/user/x/resolve/main/digits", headers={"Range": f"bytes={wanted}"})
    with urlopen(request) as response:
        assert response.status == 206
        assert response.headers["Content-Range"].endswith("/10")
        assert response.read() == expected


def status_of(hub, method, path, token=None, body=b"{}"):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        with urlopen(Request(f"{hub.url}{path}", method=method, headers=headers, data=body)) as response:
            return response.status
    except HTTPError as refused:
        return refused.code


@pytest.mark.parametrize(("token", "reads", "writes"), [("hf_x", 200, 200), ("hf_reads", 200, 403), (None, 401, 401)])
def test_who_may_what_in_a_private_repository(fake_hub, token, reads, writes):
    fake_hub.repos["user/x"] = Repo(private=True)
    assert status_of(fake_hub, "GET", "/api/models/user/x", token, None) == reads
    assert status_of(fake_hub, "POST", "/api/models/user/x/branch/b", token) == writes
    assert status_of(fake_hub, "GET", "/api/models/user/x", "hf_nobody", None) == 401


def test_a_commit_of_a_file_that_was_not_uploaded_is_refused(fake_hub):
    fake_hub.repos["user/x"] = Repo()
    line = json.dumps({"key": "lfsFile", "value": {"path": "a.bin", "oid": "0" * 64}}).encode()
    assert status_of(fake_hub, "POST", "/api/models/user/x/commit/main", "hf_x", line) == 400
    assert fake_hub.files("user/x") == {}


def test_a_part_is_not_the_file(fake_hub):
    """Before the parts are put together nothing is there, and what is put together has to have the right content."""
    oid = hashlib.sha256(b"ab").hexdigest()
    assert status_of(fake_hub, "PUT", f"/lfs/{oid}/1", body=b"a") == status_of(
        fake_hub, "PUT", f"/lfs/{oid}/2", body=b"c"
    )
    assert not fake_hub.blobs
    parts = json.dumps({"oid": oid, "parts": [{"partNumber": 1}, {"partNumber": 2}]}).encode()
    assert status_of(fake_hub, "POST", f"/lfs/{oid}", body=parts) == 400 and not fake_hub.blobs


def test_listens_on_one_loopback_address_only(fake_hub):
    host, port = fake_hub.server.server_address
    assert host == "127.0.0.1"
    socket.create_connection((host, port), timeout=1).close()
    for other in ("127.0.0.2", "::1"):
        with pytest.raises(OSError):
            socket.create_connection((other, port), timeout=1)


def test_port_is_closed_after_the_with_statement():
    with FakeHub() as hub:
        port = hub.server.server_port
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", port), timeout=1)

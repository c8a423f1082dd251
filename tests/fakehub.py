"""A Hugging Face Hub of models in memory, for tests: real clients, real HTTP, nothing leaves 127.0.0.1.

It knows the calls behind `create_repo`, `create_commit`, `push_to_hub`, `snapshot_download`, `from_pretrained` and
`delete_repo`: LFS uploads as a whole or in parts (no xet), branches, pull requests, private repositories, tokens that
may write, read or nothing. The one user is `user`; what belongs to others is there to be read.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

Files = dict[str, bytes]

FIRST_COMMIT = "0" * 40
TOKENS = {"hf_x": "write", "hf_reads": "read"}  # token -> what it may do in the repositories of `user`
LFS_SUFFIXES = (".bin", ".data", ".onnx", ".pt", ".pt2", ".safetensors")


@dataclass(eq=False)
class Reply(Exception):
    """What goes back over the wire; raised where it is an error, with the `X-Error-Code` clients look for."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


def error(status: int, code: str, sha: str = "", **fields: str) -> Reply:
    headers = {"X-Error-Code": code} | ({"X-Repo-Commit": sha} if sha else {})
    return Reply(status, json.dumps({"error": code, **fields}).encode(), headers)


def git_oid(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def lfs_oid(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def full_repo_id(body: bytes) -> str:
    fields = json.loads(body)
    return f"{fields.get('organization') or 'user'}/{fields['name']}"


def describe(path: str, content: bytes) -> dict[str, Any]:
    """The entry of one file in a tree listing."""
    entry = {"type": "file", "path": path, "size": len(content), "oid": git_oid(content)}
    if path.endswith(LFS_SUFFIXES):
        entry["lfs"] = {"oid": lfs_oid(content), "size": len(content), "pointerSize": 130}
    return entry


def apply_operation(files: Files, key: str, value: dict[str, Any], blobs: Files) -> None:
    """Carry out one line of a commit on `files`, in place."""
    path = value.get("path")
    if key == "file":
        files[path] = base64.b64decode(value["content"])
    elif key == "lfsFile":
        if value["oid"] not in blobs:
            raise error(400, "LfsFileNotUploaded")
        files[path] = blobs[value["oid"]]
    elif key == "deletedFile":
        del files[path]
    elif key == "deletedFolder":
        for name in [name for name in files if name.startswith(path.rstrip("/") + "/")]:
            del files[name]


@dataclass
class Repo:
    """`refs` has the newest commit of each branch and pull request."""

    private: bool = False
    commits: dict[str, Files] = field(default_factory=lambda: {FIRST_COMMIT: {}})  # sha -> path -> content
    refs: dict[str, str] = field(default_factory=lambda: {"main": FIRST_COMMIT})


class FakeHub:
    """`with FakeHub() as hub:` serves an empty Hub at `hub.url`; `files` and `requests` are there for asserts.

    Attributes:
        part_size: LFS files that have more bytes come in parts of so many.
        cut_after: so many bytes of LFS uploads arrive, then the connection breaks off: once, or if `stays_cut`, for
            good.
        when_cut: is called then.
    """

    def __init__(self):
        self.repos: dict[str, Repo] = {}
        self.blobs: Files = {}  # LFS uploads by sha256
        self.parts: Files = {}  # by their address
        self.requests: list[str] = []  # "GET /api/models/user/x"
        self.part_size: int | None = None
        self.cut_after: int | None = None
        self.stays_cut = self.is_cut = False
        self.when_cut: Callable[[], None] = lambda: None
        self.lock = threading.Lock()

    def __enter__(self) -> FakeHub:
        from fakehub_connection import HubConnection

        connection = type("BoundConnection", (HubConnection,), {"hub": self})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), connection)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    def files(self, repo_id: str, revision: str = "main") -> Files:
        return self.checkout(repo_id, revision)[1]

    def checkout(self, repo_id: str, revision: str) -> tuple[str, Files]:
        if repo_id not in self.repos:
            raise error(404, "RepoNotFound")
        repo = self.repos[repo_id]
        sha = repo.refs.get(revision, revision)
        if sha not in repo.commits:
            raise error(404, "RevisionNotFound")
        return sha, repo.commits[sha]

    def allow(self, token: str | None, method: str, path: str, query: str) -> None:
        """Refuse who has no token where one is needed, who may not write, and who may not know of a repository."""
        role, repo = TOKENS.get(token), next((r for r in self.repos if f"/{r}/" in f"{path}/"), None)
        if token and role is None:
            raise error(401, "InvalidToken")
        if role is None and repo and self.repos[repo].private:
            raise error(401, "RepoNotFound")
        if method in ("GET", "HEAD") or path == "/api/validate-yaml" or path.startswith("/lfs/"):
            return
        if role is None:
            raise error(401, "NoToken")
        is_proposal = "create_pr=1" in query or "/preupload/" in path or "/info/lfs/" in path
        if not is_proposal and (role == "read" or (repo and not repo.startswith("user/"))):
            raise error(403, "MayNotWrite")

    def whoami(self, body: bytes) -> dict[str, Any]:
        token = {"role": "write", "displayName": "test"}
        return {"type": "user", "name": "user", "orgs": [], "auth": {"accessToken": token}}

    def validate_yaml(self, body: bytes) -> dict[str, Any]:
        return {"errors": [], "warnings": []}

    def create_repo(self, body: bytes) -> dict[str, Any]:
        repo_id, fields = full_repo_id(body), json.loads(body)
        url = f"{self.url}/{repo_id}"
        if repo_id in self.repos:
            raise error(409, "RepoAlreadyExists", url=url)
        if not repo_id.startswith("user/"):
            raise error(403, "NotYours")
        self.repos[repo_id] = Repo(fields.get("private") is True or fields.get("visibility") == "private")
        return {"name": repo_id, "url": url}

    def create_branch(self, body: bytes, repo_id: str, revision: str) -> dict[str, Any]:
        sha, _ = self.checkout(repo_id, "main")
        if revision in self.repos[repo_id].refs:
            raise error(409, "BranchAlreadyExists")
        self.repos[repo_id].refs[revision] = sha
        return {}

    def delete_repo(self, body: bytes) -> dict[str, Any]:
        repo_id = full_repo_id(body)
        self.checkout(repo_id, "main")
        del self.repos[repo_id]
        return {}

    def preupload(self, body: bytes, repo_id: str, revision: str) -> dict[str, Any]:
        self.checkout(repo_id, revision)
        paths = [file["path"] for file in json.loads(body)["files"]]
        modes = {path: "lfs" if path.endswith(LFS_SUFFIXES) else "regular" for path in paths}
        return {"files": [{"path": path, "uploadMode": modes[path], "shouldIgnore": False} for path in paths]}

    def lfs_batch(self, body: bytes, repo_id: str) -> dict[str, Any]:
        objects = [{"oid": item["oid"], "size": item["size"]} for item in json.loads(body)["objects"]]
        for item in objects:
            if item["oid"] not in self.blobs:
                item["actions"] = {"upload": self.upload_of(**item)}
        return {"transfer": "basic", "objects": objects}

    def upload_of(self, oid: str, size: int) -> dict[str, Any]:
        """Where to send a file, as a whole or in parts."""
        href = f"{self.url}/lfs/{oid}"
        if self.part_size is None or size <= self.part_size:
            return {"href": href, "header": {}}
        count = -(-size // self.part_size)
        parts = {str(number): f"{href}/{number}" for number in range(1, count + 1)}
        return {"href": href, "header": {"chunk_size": str(self.part_size), **parts}}

    def lfs_part(self, body: bytes, oid: str, number: str) -> Reply:
        self.parts[f"{oid}/{number}"] = body
        return Reply(200, headers={"ETag": git_oid(body)})

    def lfs_complete(self, body: bytes, oid: str) -> dict[str, Any]:
        numbers = [part["partNumber"] for part in json.loads(body)["parts"]]
        return self.lfs_upload(b"".join(self.parts.pop(f"{oid}/{number}") for number in numbers), oid)

    def lfs_upload(self, body: bytes, oid: str) -> dict[str, Any]:
        if lfs_oid(body) != oid:
            raise error(400, "WrongSha256")
        self.blobs[oid] = body
        return {}

    def commit(self, body: bytes, repo_id: str, revision: str, create_pr: bool = False) -> dict[str, Any]:
        parent, files = self.checkout(repo_id, revision)
        files, repo = dict(files), self.repos[repo_id]
        for line in body.splitlines():
            apply_operation(files, **json.loads(line), blobs=self.blobs)
        sha = hashlib.sha1(parent.encode() + body).hexdigest()
        repo.commits[sha] = files
        number = sum(ref.startswith("refs/pr/") for ref in repo.refs) + 1
        repo.refs[f"refs/pr/{number}" if create_pr else revision] = sha
        url = f"{self.url}/{repo_id}"
        request = {"pullRequestUrl": f"{url}/discussions/{number}"} if create_pr else {}
        return {"success": True, "commitOid": sha, "commitUrl": f"{url}/commit/{sha}", **request}

    def propose(self, body: bytes, repo_id: str, revision: str) -> dict[str, Any]:
        return self.commit(body, repo_id, revision, create_pr=True)

    def info(self, body: bytes, repo_id: str, revision: str = "main") -> dict[str, Any]:
        sha, files = self.checkout(repo_id, revision)
        siblings = [{"rfilename": path} for path in sorted(files)]
        return {
            "id": repo_id,
            "sha": sha,
            "private": self.repos[repo_id].private,
            "tags": [],
            "downloads": 0,
            "siblings": siblings,
        }

    def tree(self, body: bytes, repo_id: str, revision: str, path: str = "") -> list[dict[str, Any]]:
        """Every file below the folder `path`, as if `recursive` were always set."""
        sha, files = self.checkout(repo_id, revision)
        below = [name for name in sorted(files) if not path or name.startswith(path + "/")]
        if path and not below:
            raise error(404, "EntryNotFound", sha)
        return [describe(name, files[name]) for name in below]

    def resolve(self, body: bytes, repo_id: str, revision: str, path: str) -> Reply:
        sha, files = self.checkout(repo_id, revision)
        if path not in files:
            raise error(404, "EntryNotFound", sha)
        oid = lfs_oid if path.endswith(LFS_SUFFIXES) else git_oid
        headers = {"X-Repo-Commit": sha, "ETag": f'"{oid(files[path])}"', "Accept-Ranges": "bytes"}
        return Reply(200, files[path], headers)


REPO, REVISION, PATH = "(?P<repo_id>[^/]+/[^/]+)", "(?P<revision>[^/]+)", "(?P<path>.+)"
OID = "(?P<oid>[0-9a-f]{64})"
ROUTES = {
    "GET /api/whoami-v2": FakeHub.whoami,
    "POST /api/validate-yaml": FakeHub.validate_yaml,
    "POST /api/repos/create": FakeHub.create_repo,
    "DELETE /api/repos/delete": FakeHub.delete_repo,
    f"POST /api/models/{REPO}/preupload/{REVISION}": FakeHub.preupload,
    f"POST /{REPO}.git/info/lfs/objects/batch": FakeHub.lfs_batch,
    f"PUT /lfs/{OID}": FakeHub.lfs_upload,
    rf"PUT /lfs/{OID}/(?P<number>\d+)": FakeHub.lfs_part,
    f"POST /lfs/{OID}": FakeHub.lfs_complete,
    f"POST /api/models/{REPO}/branch/{REVISION}": FakeHub.create_branch,
    rf"POST /api/models/{REPO}/commit/{REVISION}\?create_pr=1": FakeHub.propose,
    f"POST /api/models/{REPO}/commit/{REVISION}": FakeHub.commit,
    f"GET /api/models/{REPO}": FakeHub.info,
    f"GET /api/models/{REPO}/revision/{REVISION}": FakeHub.info,
    f"GET /api/models/{REPO}/tree/{REVISION}": FakeHub.tree,
    f"GET /api/models/{REPO}/tree/{REVISION}/{PATH}": FakeHub.tree,
    f"GET /{REPO}/resolve/{REVISION}/{PATH}": FakeHub.resolve,
}


def run_with_hub(hub: FakeHub, code: str, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    """Run `code` in `tmp_path`, logged in to `hub`; a failure raises with its stderr.

    In a fresh interpreter, because huggingface_hub reads its environment when it is imported.
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    environment = client_environment(hub, tmp_path)
    result = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
    if result.returncode != 0:
        raise RuntimeError(f"The client exited with {result.returncode}:\n{result.stderr}")
    return result


def client_environment(hub: FakeHub, tmp_path: Path) -> dict[str, str]:
    """The variables of this process, those of Hugging Face libraries replaced; imports work as they do here."""
    foreign = ("HF_", "HUGGINGFACE_", "HUGGING_FACE_", "TRANSFORMERS_")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    return inherited | {
        "HF_ENDPOINT": hub.url,
        "HF_HOME": str(tmp_path / "hf_home"),
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_XET": "1",
        "HF_TOKEN": "hf_x",
        "NO_PROXY": "127.0.0.1",
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
    }

"""A Hugging Face Hub of models in memory, for tests: real clients, real HTTP, nothing leaves 127.0.0.1.

It knows the calls behind `create_repo`, `upload_folder`, `push_to_hub`, `snapshot_download`, `from_pretrained` and
`delete_repo`: LFS uploads (no xet), the one branch `main`, the one user `user`, no permissions.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import subprocess
import sys
import textwrap
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

Files = dict[str, bytes]

FIRST_COMMIT = "0" * 40
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
        files[path] = blobs[value["oid"]]
    elif key == "deletedFile":
        del files[path]
    elif key == "deletedFolder":
        for name in [name for name in files if name.startswith(path.rstrip("/") + "/")]:
            del files[name]


class FakeHub:
    """`with FakeHub() as hub:` serves an empty Hub at `hub.url`; `files` and `requests` are there for asserts."""

    def __init__(self):
        self.repos: dict[str, dict[str, Files]] = {}  # repo_id -> sha -> path -> content; the last sha is `main`
        self.blobs: Files = {}  # LFS uploads by sha256
        self.requests: list[str] = []  # "GET /api/models/user/x"
        self.lock = threading.Lock()

    def __enter__(self) -> FakeHub:
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
        commits = self.repos[repo_id]
        sha = list(commits)[-1] if revision == "main" else revision
        if sha not in commits:
            raise error(404, "RevisionNotFound")
        return sha, commits[sha]

    def whoami(self, body: bytes) -> dict[str, Any]:
        token = {"role": "write", "displayName": "test"}
        return {"type": "user", "name": "user", "orgs": [], "auth": {"accessToken": token}}

    def validate_yaml(self, body: bytes) -> dict[str, Any]:
        return {"errors": [], "warnings": []}

    def create_repo(self, body: bytes) -> dict[str, Any]:
        repo_id = full_repo_id(body)
        url = f"{self.url}/{repo_id}"
        if repo_id in self.repos:
            raise error(409, "RepoAlreadyExists", url=url)
        self.repos[repo_id] = {FIRST_COMMIT: {}}
        return {"name": repo_id, "url": url}

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
                item["actions"] = {"upload": {"href": f"{self.url}/lfs/{item['oid']}", "header": {}}}
        return {"transfer": "basic", "objects": objects}

    def lfs_upload(self, body: bytes, oid: str) -> dict[str, Any]:
        if lfs_oid(body) != oid:
            raise error(400, "WrongSha256")
        self.blobs[oid] = body
        return {}

    def commit(self, body: bytes, repo_id: str, revision: str) -> dict[str, Any]:
        parent, files = self.checkout(repo_id, revision)
        files = dict(files)
        for line in body.splitlines():
            apply_operation(files, **json.loads(line), blobs=self.blobs)
        sha = hashlib.sha1(parent.encode() + body).hexdigest()
        self.repos[repo_id][sha] = files
        return {"success": True, "commitOid": sha, "commitUrl": f"{self.url}/{repo_id}/commit/{sha}"}

    def info(self, body: bytes, repo_id: str, revision: str = "main") -> dict[str, Any]:
        sha, files = self.checkout(repo_id, revision)
        siblings = [{"rfilename": path} for path in sorted(files)]
        return {"id": repo_id, "sha": sha, "private": False, "tags": [], "downloads": 0, "siblings": siblings}

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
ROUTES = {
    "GET /api/whoami-v2": FakeHub.whoami,
    "POST /api/validate-yaml": FakeHub.validate_yaml,
    "POST /api/repos/create": FakeHub.create_repo,
    "DELETE /api/repos/delete": FakeHub.delete_repo,
    f"POST /api/models/{REPO}/preupload/{REVISION}": FakeHub.preupload,
    f"POST /{REPO}.git/info/lfs/objects/batch": FakeHub.lfs_batch,
    "PUT /lfs/(?P<oid>[0-9a-f]{64})": FakeHub.lfs_upload,
    f"POST /api/models/{REPO}/commit/{REVISION}": FakeHub.commit,
    f"GET /api/models/{REPO}": FakeHub.info,
    f"GET /api/models/{REPO}/revision/{REVISION}": FakeHub.info,
    f"GET /api/models/{REPO}/tree/{REVISION}": FakeHub.tree,
    f"GET /api/models/{REPO}/tree/{REVISION}/{PATH}": FakeHub.tree,
    f"GET /{REPO}/resolve/{REVISION}/{PATH}": FakeHub.resolve,
}


class HubConnection(BaseHTTPRequestHandler):
    """Bytes on the socket to a method of `FakeHub` and back."""

    hub: FakeHub
    protocol_version = "HTTP/1.1"

    def serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = unquote(urlsplit(self.path).path)
        with self.hub.lock:
            self.hub.requests.append(f"{self.command} {path}")
            try:
                reply = self.answer(f"{self.command} {path}".replace("HEAD ", "GET ", 1), body)
            except Reply as raised:
                reply = raised
        self.send(self.cut_to_range(reply))

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = serve

    def answer(self, request: str, body: bytes) -> Reply:
        for pattern, method in ROUTES.items():
            if match := re.fullmatch(pattern, request):
                answer = method(self.hub, body, **match.groupdict())
                return answer if isinstance(answer, Reply) else Reply(200, json.dumps(answer).encode())
        raise error(501, f"FakeHub does not know {request}")

    def cut_to_range(self, reply: Reply) -> Reply:
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if not wanted or "Accept-Ranges" not in reply.headers:
            return reply
        size = len(reply.body)
        begin, last = int(wanted[1]), int(wanted[2] or size - 1)
        headers = {**reply.headers, "Content-Range": f"bytes {begin}-{last}/{size}"}
        return Reply(206, reply.body[begin : last + 1], headers)

    def send(self, reply: Reply) -> None:
        self.send_response(reply.status)
        for name, value in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.body)

    def log_message(self, *args: object) -> None:
        pass


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

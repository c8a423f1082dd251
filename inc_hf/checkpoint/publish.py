"""Uploads to the Hub, after which a repository is the new model and nothing of an older one."""

import tempfile
from collections.abc import Callable, Collection
from glob import escape
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi
from huggingface_hub.utils import validate_repo_id

from inc_hf.checkpoint.stale import is_card, stale_names
from inc_hf.config.checks import check_string
from inc_hf.errors import usage_error_for

CARD = "README.md"


def push_directory(
    write: Callable[[Path], Any],
    repo_id: str,
    private: bool | None,
    token: str | None,
    commit_message: str,
    **commit: Any,
) -> str:
    """Let `write` fill a temporary directory and upload it as one commit; returns the commit's address.

    What an older model has there, and the new one has not, is removed in the same commit, its card included.

    Args:
        commit: `revision`, `create_pr`, `commit_description`.
    """
    check_string("repo_id", repo_id)
    with usage_error_for(f"`repo_id` {repo_id!r} cannot be a repository"):
        validate_repo_id(repo_id)
    api = HfApi(token=token)
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder) / "model")
        repo = api.create_repo(repo_id, private=private, exist_ok=True)
        new = {str(path.relative_to(Path(folder) / "model")) for path in (Path(folder) / "model").rglob("*")}
        older = _older(api, repo.repo_id, new, commit.get("revision"))
        return api.upload_folder(
            repo_id=repo.repo_id,
            folder_path=Path(folder) / "model",
            commit_message=commit_message,
            delete_patterns=[escape(name) for name in older],
            **commit,
        )


def _older(api: HfApi, repo_id: str, new: Collection[str], revision: str | None) -> list[str]:
    there = api.list_repo_files(repo_id, revision=revision)
    names = stale_names(there, new)
    if CARD in there and CARD not in new and is_card(Path(api.hf_hub_download(repo_id, CARD, revision=revision))):
        names.append(CARD)
    return names

"""Uploads to the Hub, after which a repository is the new model and nothing of an older one."""

import os
import tempfile
from collections.abc import Callable
from glob import escape
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi
from huggingface_hub.utils import validate_repo_id

from inc_hf.checkpoint.stale import CARD, is_card, stale_names
from inc_hf.config.checks import check_string
from inc_hf.errors import UsageError, usage_error_for


class HubUnreachableError(UsageError, ConnectionError):
    """Nothing was uploaded, since there is no way to the Hub.

    Args:
        saved: where the model is saved, if it is.
    """

    def __init__(self, repo_id: str, error: Exception, saved: str | os.PathLike | None = None):
        self.repo_id, self.error = repo_id, error
        told = "The model was" if saved is None else f"{saved} is saved, but"
        later = "Save it with `save_pretrained`, and upload the directory later" if saved is None else "Later"
        super().__init__(
            f"{told} not uploaded to {repo_id}: the Hub cannot be reached ({' '.join(str(error).split())}). "
            f"{later}: hf upload {repo_id} {'DIRECTORY' if saved is None else saved}"
        )


def push_directory(
    write: Callable[[Path], Any],
    repo_id: str,
    private: bool | None,
    token: str | None,
    commit_message: str,
    **commit: Any,
) -> str:
    """Let `write` fill a temporary directory and upload it as one commit; returns the commit's address.

    What an older model has there, and the new one has not, is removed in the same commit, its card included. A
    `README.md` there that is no card is the user's own, and stays as it is.

    Args:
        commit: `revision`, `create_pr`, `commit_description`.

    Raises:
        HubUnreachableError: the Hub cannot be reached.
    """
    check_string("repo_id", repo_id)
    with usage_error_for(f"`repo_id` {repo_id!r} cannot be a repository"):
        validate_repo_id(repo_id)
    api = HfApi(token=token)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "model"
        write(folder)
        try:
            return _upload(api, folder, repo_id, private, commit_message, commit)
        except Exception as error:  # of the client of HTTP, which is another package in each huggingface_hub
            if not _is_no_connection(error):
                raise
            raise HubUnreachableError(repo_id, error) from error


def _is_no_connection(error: Exception) -> bool:
    return isinstance(error, ConnectionError) or "TransportError" in {kind.__name__ for kind in type(error).__mro__}


def _upload(
    api: HfApi, folder: Path, repo_id: str, private: bool | None, commit_message: str, commit: dict[str, Any]
) -> str:
    repo = api.create_repo(repo_id, private=private, exist_ok=True)
    older = _make_room(api, repo.repo_id, folder, commit.get("revision"))
    return api.upload_folder(
        repo_id=repo.repo_id,
        folder_path=folder,
        commit_message=commit_message,
        delete_patterns=[escape(name) for name in older],
        **commit,
    )


def _make_room(api: HfApi, repo_id: str, folder: Path, revision: str | None) -> list[str]:
    """What of an older model has to go; a card that would replace the user's own text is taken out of `folder`."""
    new = {str(path.relative_to(folder)) for path in folder.rglob("*")}
    there = api.list_repo_files(repo_id, revision=revision)
    names = stale_names(there, new)
    if CARD not in there:
        return names
    if not is_card(Path(api.hf_hub_download(repo_id, CARD, revision=revision))):
        (folder / CARD).unlink(missing_ok=True)
    elif CARD not in new:
        names.append(CARD)
    return names

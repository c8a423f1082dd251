"""Uploads to the Hub, after which a repository is the new model and nothing of an older one."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi
from huggingface_hub.utils import validate_repo_id

from inc_hf.checkpoint.card_text import keep_words
from inc_hf.checkpoint.hub_errors import upload_error
from inc_hf.checkpoint.stale import CARD, is_card, stale_names
from inc_hf.config.checks import check_string
from inc_hf.errors import usage_error_for

PULL_REQUESTS = "refs/pr/"  # branches that the Hub makes


def push_directory(
    write: Callable[[Path], Any],
    repo_id: str,
    private: bool | None,
    token: str | None,
    commit_message: str,
    *,
    revision: str | None = None,
    create_pr: bool | None = None,
    commit_description: str | None = None,
) -> str:
    """Let `write` fill a temporary directory and upload it as one commit; returns the commit's address.

    What an older model has there, and the new one has not, is removed in the same commit. Of a card there, what its
    owner wrote stays, see [`inc_hf.checkpoint.card_text`]; a `README.md` that is no card stays as it is.

    Args:
        revision (`str`, *optional*): a branch, made if there is none of this name, or `refs/pr/N`.
        create_pr (`bool`, *optional*): open a pull request, on `revision` if that is given.

    Raises:
        HubUnreachableError: the Hub cannot be reached, or the connection broke off; the repository is as it was.
        HubRefusedError: without a valid token, or with one that may not write there.
    """
    check_string("repo_id", repo_id)
    with usage_error_for(f"`repo_id` {repo_id!r} cannot be a repository"):
        validate_repo_id(repo_id)
    api = HfApi(token=token)
    commit = {"commit_message": commit_message, "commit_description": commit_description, "create_pr": create_pr}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "model"
        write(folder)
        try:
            repo_id = api.create_repo(repo_id, private=private, exist_ok=True).repo_id
            if revision is not None and not create_pr and not revision.startswith(PULL_REQUESTS):
                api.create_branch(repo_id, branch=revision, exist_ok=True)
            # `upload_folder` commits a large folder in several parts, and what is cut in between is a broken model.
            # `create_commit` sends the large files first, which nobody sees, and commits once. What has arrived is not
            # sent again by the next try: the Hub knows the files, or with hf_xet their chunks, by their content.
            operations = list(_operations(api, repo_id, folder, revision))
            return api.create_commit(repo_id, operations, revision=revision, **commit)
        except Exception as error:
            if (refused := upload_error(repo_id, error)) is None:
                raise
            raise refused from error


def _operations(
    api: HfApi, repo_id: str, folder: Path, revision: str | None
) -> Iterator[CommitOperationAdd | CommitOperationDelete]:
    """What makes a repository the model in `folder`."""
    for name in _make_room(api, repo_id, folder, revision):
        yield CommitOperationDelete(name)
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        yield CommitOperationAdd(path.relative_to(folder).as_posix(), path)


def _make_room(api: HfApi, repo_id: str, folder: Path, revision: str | None) -> list[str]:
    """What of an older model has to go; a card that would replace the user's own text is taken out of `folder`."""
    new = {path.relative_to(folder).as_posix() for path in folder.rglob("*")}
    there = api.list_repo_files(repo_id, revision=revision)
    names = stale_names(there, new)
    if CARD not in there:
        return names
    older = Path(api.hf_hub_download(repo_id, CARD, revision=revision))
    if not is_card(older):
        (folder / CARD).unlink(missing_ok=True)
    elif CARD not in new:
        names.append(CARD)
    else:
        keep_words(folder / CARD, older.read_text(encoding="utf-8"))
    return names

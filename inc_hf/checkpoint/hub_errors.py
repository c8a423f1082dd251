"""Why a model did not get to the Hub, in one line that says what to do."""

import os
from collections.abc import Iterator

from huggingface_hub.errors import HfHubHTTPError

from inc_hf.errors import UsageError

ADVICE = {
    401: "it has no valid token of yours; log in with `hf auth login`, or pass `token`",
    403: "the token may not write there; take one with write access, or ask for it with a pull request "
    "(`create_pr=True`)",
}


class UploadError(UsageError):
    """Nothing was uploaded.

    Args:
        repo_id (`str`): where to.
        error (`Exception`): what the client of the Hub raised.
        saved: where the model is saved, if it is.
    """

    def __init__(self, repo_id: str, error: Exception, saved: str | os.PathLike | None = None):
        self.repo_id, self.error = repo_id, error
        told = "The model was" if saved is None else f"{saved} is saved, but"
        super().__init__(f"{told} not uploaded to {repo_id}: {self.reason(saved)}")

    def reason(self, saved: str | os.PathLike | None) -> str:
        """What stands behind the colon."""
        raise NotImplementedError


class HubUnreachableError(UploadError, ConnectionError):
    """There is no way to the Hub, or it broke off."""

    def reason(self, saved: str | os.PathLike | None) -> str:
        later = "Save it with `save_pretrained`, and upload the directory later" if saved is None else "Later"
        return (
            f"the Hub cannot be reached ({' '.join(str(self.error).split())}). "
            f"{later}: hf upload {self.repo_id} {'DIRECTORY' if saved is None else saved}"
        )


class HubRefusedError(UploadError, PermissionError):
    """The Hub does not let this user write there."""

    def reason(self, saved: str | os.PathLike | None) -> str:
        status = self.error.response.status_code
        return f"the Hub refuses it with code {status}: {ADVICE[status]}."


def upload_error(repo_id: str, error: Exception) -> UploadError | None:
    """What an error of the client means for an upload; None if it is about something else."""
    for cause in _causes(error):
        if isinstance(cause, HfHubHTTPError):
            refused = cause.response is not None and cause.response.status_code in ADVICE
            return HubRefusedError(repo_id, cause) if refused else None
        if _is_no_connection(cause):
            return HubUnreachableError(repo_id, cause)
    return None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what it was raised from: uploads of large files hide theirs in a RuntimeError."""
    while error is not None:
        yield error
        error = error.__cause__


def _is_no_connection(error: BaseException) -> bool:
    """By name, since the client of HTTP is another package in each huggingface_hub."""
    return isinstance(error, ConnectionError) or "TransportError" in {kind.__name__ for kind in type(error).__mro__}

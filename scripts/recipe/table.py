"""Results as a table: mean and spread over the seeds."""

from collections import defaultdict
from statistics import mean, stdev

LEGEND = """\
Loss: accuracy of the INT8 model against that of the dense FP32 one of the same seed, relative, mean ± standard
deviation over the seeds. Divergence: from the probabilities of the dense model, Kullback-Leibler. Layers: share of
zeros in the first and in the last layer of the encoder."""


def render(lines: list[dict]) -> str:
    """Markdown of lines of results.jsonl."""
    dense = {(e["seed"], e["sentences"], e["judge"]): e["fp32"] for e in lines if e["trial"] == "dense"}
    groups = defaultdict(list)
    for e in lines:
        groups[e["judge"], e["sentences"], e["trial"], e["sparsity"], e["epochs"]].append(e)
    table = [
        "| tested on | sentences | trial | zeros | epochs | seeds | FP32 | INT8 | loss | divergence | layers |",
        "| --- " * 11 + "|",
    ]
    for (judge, sentences, trial, sparsity, epochs), found in sorted(groups.items()):
        losses = [1 - e["int8"] / dense[e["seed"], sentences, judge] for e in found]
        first, last = (mean(e["layers"][i] for e in found) for i in (0, -1))
        cells = ["validation" if judge else "kept back", sentences, trial, f"{sparsity:.0%}", epochs, len(found)]
        cells += [spread([e[kind] for e in found]) for kind in ("fp32", "int8")]
        cells += [spread(losses), f"{mean(e['divergence'] for e in found):.3f}", f"{first:.0%} … {last:.0%}"]
        table.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(["# A recipe for pruning MiniLM-L6 on SST-2", "", LEGEND, "", *table, ""])


def spread(values: list[float]) -> str:
    return f"{mean(values):.2%}" + (f" ± {stdev(values):.2%}" if len(values) > 1 else "")

"""A picture of `bench_peers.py`: accuracy against texts per second, every engine a point."""

from pathlib import Path

WORK = "32 in file order"
KINDS = {
    "inc_hf": "tab:red",
    "OpenVINO": "tab:blue",
    "ONNX": "tab:green",
    "CTranslate2": "tab:purple",
    "vLLM": "black",
}
OTHERS = "tab:gray"
WORST = 0.05  # below the best accuracy; what lies lower has blocks of zeros that were cut without training


def draw(report: dict, path: Path) -> None:
    """An SVG file; numbers stand for the names, which are beside it."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4.2), layout="constrained")
    axes = figure.subplots()
    lowest = max(result["accuracy"] for result in report["results"].values()) - WORST
    able = {name: result for name, result in report["results"].items() if WORK in result["works"]}
    shown = {name: result for name, result in able.items() if result["accuracy"] >= lowest}
    for number, (name, result) in enumerate(shown.items(), start=1):
        speed, accuracy = result["works"][WORK]["throughput"], 100 * result["accuracy"]
        color = next((color for start, color in KINDS.items() if name.startswith(start)), OTHERS)
        axes.scatter(speed, accuracy, color=color, s=36, label=f"{number}  {name}")
        axes.annotate(str(number), (speed, accuracy), xytext=(5, 3), textcoords="offset points", color=color, size=9)
    axes.set_xlabel(f"sentences of SST-2 per second, {WORK}, {report['about']['threads']} thread(s)")
    axes.set_ylabel("accuracy, %")
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside right upper", fontsize=7, frameon=False, handletextpad=0.2)
    figure.savefig(path, metadata={"Date": None})

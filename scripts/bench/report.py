"""The tables of benchmarks/kernels.md, made from what benchmarks/kernels.json holds."""

from collections.abc import Iterable
from dataclasses import dataclass

from bench.candidates import FP32, TORCH_INT8, WEIGHT_BITS, ZEROS, dense_name, gelu_name, sparse_name

LEGEND = """\
Each call quantizes its activations (ours per token, torch per tensor), multiplies, scales and adds the bias. The calls
of a row take turns in one process, in a new order each round, so that no weight waits in the first caches, as in a
model. Times are medians. A number without a unit is the time of FP32 `F.linear` divided by that of the call.

- warm: only the second of two calls is measured, so that the weight is in the caches as far as it fits
- spread: p90 - p10 as a part of the median, of the call in the middle; more than 20% says that the machine was busy
- error: root mean square against FP32, as a part of the result, the largest of all rows. Far above its neighbours it
  says that sums of products overflowed 16 bits, as those of oneDNN do with 8-bit weights on a CPU without VNNI
- of limit: multiply-adds per second as a part of what the dot-product instructions of the ISA reach on as many
  threads in a loop of nothing else (`kernels/tools/port_limit.cc`)
- sparse: zeros in random 4x1 blocks; crossover: the zeros from which on that is faster than dense, interpolated"""

PARTS_LEGEND = """\
Products at the limit: the time of the products that are not zero if they ran at the limit of the ISA. Rest: what the
micro-kernel falls short of it, transposing (sparse), scaling the sums and writing the floats."""


@dataclass
class Row:
    """One shape on a number of threads."""

    entry: dict

    @property
    def shape(self) -> str:
        return "{rows} x ({in}, {out})".format(**self.entry) + (", warm" if self.entry["warm"] else "")

    def us(self, name: str) -> float:
        return self.entry["us"][name]["median"]

    def speedup(self, name: str) -> float:
        return self.us(FP32) / self.us(name)

    def best_torch(self) -> float:
        """Microseconds of the fastest INT8 of torch."""
        return min(self.us(name) for name in TORCH_INT8 if name in self.entry["us"])

    def gmacs(self, name: str) -> float:
        return self.entry["rows"] * self.entry["in"] * self.entry["out"] / self.us(name) / 1e3

    def spread(self) -> float:
        spreads = sorted((t["p90"] - t["p10"]) / t["median"] for t in self.entry["us"].values())
        return spreads[len(spreads) // 2]

    def gelu_overhead(self, isa: str, bits: int) -> float:
        return 100 * (self.us(gelu_name(isa, bits)) / self.us(dense_name(isa, bits)) - 1)

    def crossover(self, isa: str, bits: int) -> float:
        """Per cent of zeros; the lowest measured if sparse wins even there, 100 if it does not at the highest."""
        dense = self.us(dense_name(isa, bits))
        gains = [dense - self.us(sparse_name(isa, bits, zeros)) for zeros in ZEROS]
        after = len(gains) - next((i for i, gain in enumerate(reversed(gains)) if gain < 0), len(gains))
        if after in (0, len(gains)):
            return 100 if after else ZEROS[0]
        loss, gain = -gains[after - 1], gains[after]
        return ZEROS[after - 1] + (ZEROS[after] - ZEROS[after - 1]) * loss / (loss + gain)


@dataclass
class Target:
    """`values` by what they were measured on; each must be at least `asked`, or at most."""

    name: str
    asked: float
    unit: str
    values: dict[str, float]
    at_most: bool = False

    def cells(self) -> list[str]:
        """Asked, measured where it is worst, verdict."""
        asked = f"{'<=' if self.at_most else '>='} {self.asked:g}{self.unit}"
        if not self.values:
            return [self.name, asked, "not measured", "–"]
        where = (max if self.at_most else min)(self.values, key=self.values.__getitem__)
        missed = (self.values[where] - self.asked) * (1 if self.at_most else -1)
        verdict = "met" if missed <= 0 else f"**missed by {missed:.2g}{self.unit}**"
        return [self.name, asked, f"{self.values[where]:.3g}{self.unit} at {where}", verdict]


def targets(report: dict, isa: str, threads: int) -> list[Target]:
    """With the weights that are the default of the ISA."""
    bits = WEIGHT_BITS[isa][0]
    rows = rows_on(report, threads)
    many = [row for row in rows if row.entry["rows"] >= 128]
    dense = dense_targets(rows, many, limit_of(report, isa, threads), dense_name(isa, bits))
    return [*dense, *sparse_targets(many, isa, bits), *packing_targets(report, isa)]


def dense_targets(rows: list[Row], many: list[Row], limit: float | None, name: str) -> list[Target]:
    single = [row for row in rows if row.entry["rows"] == 1]
    cold, warm = ({r.shape: r.speedup(name) for r in single if r.entry["warm"] is w} for w in (False, True))
    part = {r.shape: 100 * r.gmacs(name) / limit for r in many} if limit else {}
    return [
        Target("dense, M >= 128, against FP32", 2.2, "×", {r.shape: r.speedup(name) for r in many}),
        Target("dense, M >= 128, against torch INT8", 1.15, "×", {r.shape: r.best_torch() / r.us(name) for r in many}),
        Target("dense, M >= 128, of limit", 75, "%", part),
        Target("dense, M = 1, against FP32", 3, "×", cold),
        Target("dense, M = 1, warm, against FP32", 3, "×", warm),
    ]


def sparse_targets(many: list[Row], isa: str, bits: int) -> list[Target]:
    at80, at90 = ({r.shape: r.speedup(sparse_name(isa, bits, zeros)) for r in many} for zeros in (80, 90))
    return [
        Target("sparse 80%, M >= 128, against FP32", 6, "×", at80),
        Target("sparse 90%, M >= 128, against FP32", 10, "×", at90),
        Target("crossover, M >= 128", 40, "%", {r.shape: r.crossover(isa, bits) for r in many}, at_most=True),
        Target("GELU on top, M >= 128", 10, "%", {r.shape: r.gelu_overhead(isa, bits) for r in many}, at_most=True),
    ]


def packing_targets(report: dict, isa: str) -> list[Target]:
    packings = {f"{p['bits']}-bit": p for p in report["packing"] if p["isa"] == isa}
    milliseconds = {bits: p["ms"]["median"] for bits, p in packings.items()}
    return [
        Target("packing MiniLM", 100, " ms", milliseconds, True),
        Target("packed bytes of int8 bytes", 1.15, "×", {bits: p["size"] for bits, p in packings.items()}, True),
    ]


def rows_on(report: dict, threads: int) -> list[Row]:
    return [Row(entry) for entry in report["linear"] if entry["threads"] == threads]


def isas_and_bits(report: dict) -> list[tuple[str, int]]:
    return [(isa, bits) for isa in report["limits"] for bits in WEIGHT_BITS[isa]]


def limit_of(report: dict, isa: str, threads: int) -> float | None:
    limits = report["limits"][isa]
    return limits and limits[str(threads)]


def table(header: list[str], lines: Iterable[list[str]]) -> list[str]:
    return ["", *("| " + " | ".join(cells) + " |" for cells in [header, ["---"] * len(header), *lines]), ""]


def threads_table(report: dict, threads: int) -> list[str]:
    """FP32, torch's INT8, our dense kernels and bfloat16: one line per shape."""
    rows = rows_on(report, threads)
    left_out = {FP32}
    for isa, bits in isas_and_bits(report):
        left_out |= {gelu_name(isa, bits), *(sparse_name(isa, bits, zeros) for zeros in ZEROS)}
    names = [name for name in rows[0].entry["us"] if name not in left_out]
    errors = [max(r.entry["error"][name] for r in rows) for name in names]
    lines = [
        [r.shape, f"{r.us(FP32):.0f} µs", *(f"{r.speedup(name):.2f}" for name in names), f"{r.spread():.0%}"]
        for r in rows
    ]
    lines.append(["error", "", *(f"{error:.2%}" for error in errors), ""])
    return table(["M x (K, N)", "FP32", *names, "spread"], lines)


def isa_table(report: dict, isa: str, bits: int, threads: int) -> list[str]:
    """Our kernels on one ISA: one line per shape."""
    limit = limit_of(report, isa, threads)
    header = ["M x (K, N)", "dense", "dense", "against torch INT8", "GMAC/s", "of limit", "GELU on top"]
    header += [f"{zeros}% zeros" for zeros in ZEROS] + ["crossover"]
    lines = []
    for r in rows_on(report, threads):
        dense = dense_name(isa, bits)
        line = [r.shape, f"{r.us(dense):.0f} µs", f"{r.speedup(dense):.2f}", f"{r.best_torch() / r.us(dense):.2f}×"]
        line += [f"{r.gmacs(dense):.1f}", f"{r.gmacs(dense) / limit:.0%}" if limit else "–"]
        line += [f"{r.gelu_overhead(isa, bits):+.0f}%"]
        line += [f"{r.speedup(sparse_name(isa, bits, zeros)):.2f}" for zeros in ZEROS]
        lines.append([*line, crossover_cell(r.crossover(isa, bits))])
    return table(header, lines)


def crossover_cell(zeros: float) -> str:
    if zeros <= ZEROS[0]:
        return f"< {ZEROS[0]}%"
    return f"> {ZEROS[-1]}%" if zeros == 100 else f"{zeros:.0f}%"


def render(report: dict) -> str:
    lines = ["# INT8 kernels against FP32 and the INT8 of torch", ""]
    lines += [f"- {key}: {value}" for key, value in report["about"].items()]
    limits = {"FP32": report["fp32_limit"]} | report["limits"]
    lines += [f"- limit of {isa}: {limit_text(limit)}" for isa, limit in limits.items()]
    lines += ["", LEGEND, "", "## Targets", ""]
    lines += ["Measured is the worst of all shapes, with the weights that are the default of the ISA.", ""]
    threads = sorted({entry["threads"] for entry in report["linear"]})
    for isa, count in [(isa, count) for isa in report["limits"] for count in threads]:
        cells = [target.cells() for target in targets(report, isa, count)]
        lines += [f"### {isa}, {threads_text(count)}", *table(["target", "asked", "measured", ""], cells)]
    for count in threads:
        lines += [f"## {threads_text(count).capitalize()}", *threads_table(report, count)]
        for isa, bits in isas_and_bits(report):
            lines += [f"### {isa}, {bits}-bit weights, {threads_text(count)}", *isa_table(report, isa, bits, count)]
    lines += ["## What the time goes to, 1 thread", "", PARTS_LEGEND, *parts_table(report)]
    lines += ["## Between the products, ns per element", *elementwise_table(report)]
    lines += ["## Packing the linear layers of MiniLM-L6", *packing_table(report)]
    return "\n".join(lines).rstrip() + "\n"


def parts_table(report: dict) -> list[str]:
    lines = []
    for p in report["parts"]:
        quantize = p["whole"] - p["matmul"]
        rest = p["matmul"] - (p["products"] or 0)
        shares = [f"{us / p['whole']:.0%}" if p["products"] else "–" for us in (quantize, p["products"] or 0, rest)]
        lines.append(
            [p["isa"], "{rows} x ({in}, {out})".format(**p), f"{p['zeros']}%", f"{p['whole']:.0f} µs", *shares]
        )
    return table(["ISA", "M x (K, N)", "zeros", "whole", "quantizing", "products at the limit", "rest"], lines)


def elementwise_table(report: dict) -> list[str]:
    lines = [
        [r["name"], str(r["threads"]), f"{r['ours']:.3f}", f"{r['torch']:.3f}", f"{r['torch'] / r['ours']:.2f}"]
        for r in report["elementwise"]
    ]
    return table(["", "threads", "ours", "torch", "torch / ours"], lines)


def packing_table(report: dict) -> list[str]:
    lines = [[p["isa"], f"{p['bits']}-bit", f"{p['ms']['median']:.1f}", f"{p['size']:.3f}"] for p in report["packing"]]
    return table(["ISA", "weights", "ms", "packed / int8 bytes"], lines)


def threads_text(count: int) -> str:
    return f"{count} thread{'s' if count > 1 else ''}"


def limit_text(limits: dict[str, float] | None) -> str:
    if limits is None:
        return "not measured, there is no C++ compiler for it"
    return ", ".join(f"{limit:.0f} GMAC/s on {threads_text(int(count))}" for count, limit in limits.items())

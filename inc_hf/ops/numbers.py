"""The numbers by which the native ops know what has a name in Python: those of the C++ enumerations.

torch's stable ABI makes a copy of every string that an op takes or returns, and never frees it.
"""

# Best first.
ISAS = {"amx": 5, "avx512vnni": 3, "avxvnni": 2, "avx2": 1, "neondot": 4, "scalar": 0}
BF16_VARIANTS = {"amx": 5, "avx512bf16": 3, "avx512": 2, "avx2": 1, "neondot": 4, "scalar": 0}
ACTIVATIONS = {"none": 0, "relu": 1, "gelu": 2, "gelu_tanh": 3, "silu": 4, "quick_gelu": 5}
ATTENTIONS = {"int8": 0, "fp32": 1}
NORM_PLACES = {"after": 0, "before": 1}
NORMS = {"none": 0, "layer": 1, "rms": 2}
PRODUCTS = {"int8": 0, "bf16": 1, "none": 2}
PACKINGS = {"auto": 0, "dense": 1, "sparse": 2}  # what may be asked for
PACKED_KINDS = ("dense", "dense pairs", "sparse")  # what was made
IN_USE = -1  # instead of the number of a variant


def number_of(name: str, numbers: dict[str, int], what: str) -> int:
    """The number of `name`.

    Raises:
        ValueError: there is no such name; the message lists all.
    """
    if name not in numbers:
        raise ValueError(f"Unknown {what} {name!r}; choose one of {', '.join(numbers)}.")
    return numbers[name]


def name_of(number: int, numbers: dict[str, int]) -> str:
    """The name of what a native op returned."""
    return next(name for name, value in numbers.items() if value == number)

"""Why a compressed model is not faster than the float one, as far as that can be told."""

from typing import Any

NEEDED_SHARE = 0.7  # of the weights, in integer layers
SMALL = 256  # tokens


def why_slow(facts: dict[str, Any], tokens: int) -> list[str]:
    """What is known to make such a model slow, most likely first; in sentences.

    Args:
        facts (`dict`): of its process, see `model_worker.facts_of`.
        tokens (`int`): in a batch.
    """
    found = []
    if facts.get("isa") == "reference":
        found.append("Its layers run on the plain-torch reference, since there are no kernels here: `inc-hf info`.")
    if facts.get("isa") == "scalar":
        found.append("Its layers run on the kernels for any CPU, which has no instructions that ours are made for.")
    if facts.get("weights_only"):
        found.append("Only its weights are quantized: they become floats at each call. Try approach='dynamic'.")
    if facts.get("integer_share", 1) < NEEDED_SHARE:
        found.append(f"Only {facts['integer_share']:.0%} of its weights are in integer layers.")
    if facts.get("convolutions"):
        found.append("Its convolutions multiply their integers in float64.")
    if facts.get("dtype") == "bfloat16":
        found.append("torch emulates BF16 on a CPU without instructions for it; use `inc-hf convert --dtype bf16`.")
    if facts["backend"] != "torch":
        found.append(f"{facts['backend']} has no fast kernels for this model on this CPU; compare `--backend torch`.")
    if facts.get("vnni") is False and not found:
        found.append("Without VNNI, integer products are at most twice as fast as those of floats.")
    if tokens < SMALL and not found:
        found.append(f"A batch of {tokens} tokens is small: what is not a matrix product takes most of the time.")
    return found or ["Nothing that we know of explains it; please tell us, with the output of `--json`."]

"""What optimum-intel called the classes that are here."""

OPTIMUM_ROOTS = ("optimum.intel.neural_compressor", "optimum.intel")
TASKS = (
    "SequenceClassification",
    "TokenClassification",
    "QuestionAnswering",
    "MaskedLM",
    "MultipleChoice",
    "CausalLM",
    "Seq2SeqLM",
)
# name there -> (module, name) here
RENAMED = {
    "INCQuantizer": ("inc_hf", "IncQuantizer"),
    "INCModel": ("inc_hf", "IncModel"),
    **{f"INCModelFor{task}": ("inc_hf", f"IncModelFor{task}") for task in TASKS},
}
TRAINERS = {"INCTrainer": "Trainer", "INCSeq2SeqTrainer": "Seq2SeqTrainer"}  # of transformers
MISSING = {
    "INCConfig": "`INCConfig` read inc_config.json; ask the model's own config, or `inc-hf info DIR`.",
    "INCStableDiffusionPipeline": "`INCStableDiffusionPipeline` has no counterpart; quantize its text encoder alone.",
    "INCModelForVision2Seq": "`INCModelForVision2Seq` has no counterpart; load such models with transformers.",
    "INCQuantizationMode": "`INCQuantizationMode` is the `approach` of PostTrainingQuantConfig.",
    "INCDataLoader": "`INCDataLoader` has no counterpart; pass a DataLoader of torch.",
    "load_quantized_model": "`load_quantized_model` is `IncModelFor….from_pretrained(directory)` now.",
    "WEIGHTS_NAME": "`WEIGHTS_NAME` of optimum-intel: here the weights are in model.safetensors.",
    "is_neural_compressor_available": "`is_neural_compressor_available` asks for INC, which is not needed any more.",
    "is_neural_compressor_version": "`is_neural_compressor_version` asks for INC, which is not needed any more.",
    "INCSeq2SeqQuantizer": "`INCSeq2SeqQuantizer` has no counterpart; use `IncQuantizer` with dynamic quantization.",
}


def why_missing(name: str, module: str = "") -> str | None:
    """What to do about a name of a module of optimum-intel that is not here; None for what is none of INC's."""
    if name in MISSING:
        return MISSING[name]
    is_inc = name.startswith(("INC", "Inc", "ITREX")) or "neural_co" in f"{module}.{name}"
    return f"`{name}` of optimum-intel has no counterpart in inc_hf; do without it." if is_inc else None

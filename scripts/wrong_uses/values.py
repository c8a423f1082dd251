"""Values that do not fit, by the options that get them."""

NUMBERS = ("x", "", "-1", "0", "1.5", "nan", "1e9", "99999999999999999999")
FOLDERS = (
    "no/such/folder",
    "empty_folder",
    "texts.txt",
    "no_config",
    "no_weights",
    "bad_config",
    "cut_weights",
)
MODELS = (*FOLDERS, "of_another_model", "", "a b", "x/y/z", "model/config.json")
TABLES = (
    "no/such.tsv", "empty_folder", "empty.tsv", "header.tsv", "binary.tsv", "data.xyz", "no_labels.tsv",
    "no_texts.tsv", "numbers.tsv", "ragged.tsv", "labels_3_4.tsv", "labels_words.tsv",
    "labels_floats.tsv", "labels_missing.tsv",
)  # fmt: skip
OUTPUTS = ("", "full_folder", "texts.txt", "/proc/nowhere", "texts.txt/below", "/dev/null")
# What does fit some options, of the values that others get.
FITS = {
    "seed": {"0"},
    "warmup": {"0"},
    "smooth_quant": {"0"},
    "tolerance": {"0"},
    "seconds": {"1.5", "1e9", "99999999999999999999"},
}
LARGE = {"1.5", "1e9", "99999999999999999999"}
FITS_TRAINING = {
    "seed": {"0"},
    "approach": {"static"},
    **dict.fromkeys(("epochs", "learning_rate", "temperature"), LARGE),
}
VALUES = {
    "output": OUTPUTS,
    "texts": ("no/such.txt", "empty_folder", "empty.txt", "blank.txt", "binary.txt", ""),
    "config": ("no/such.json", "empty_folder", "not_json.json", "list.json", "unknown_key.json", "wrong_value.json",
               "wrong_type.json", "binary.json", "empty.txt"),
    "json": ("", "empty_folder", "/proc/nowhere/x.json"),
    "plot": ("x.xyz", "", "empty_folder", "/proc/nowhere/x.png"),
    "workspace": ("texts.txt", "/proc/nowhere", ""),
    "resume_from": ("no/such/folder", "empty_folder", "texts.txt", "model"),
    "keep_fp32": ("(", "no_such_module", "", "clasifier"),
    "push_to_hub": ("a b", "x/y/z", "", "../x", "me/"),
    "inputs": ("no_such_input", "", "input_ids,,", "input_ids input_ids"),
    "dtype": ("fp8", "", "bfloat"),
    "format": ("onnx", "", "compressed_tensors"),
    "quant_format": ("qdq2", ""),
    "backend": ("torchscript", "", "onnx", "tensorrt"),
    "approach": ("statics", "", "static", "qat", "dynamc", "4"),
    "observer": ("histogram", "", "minimax"),
    "metric": ("no_such_metric", "", "mnli2"),
    "task": ("text-clasification", "", "question-answering", "translation", "sst2"),
    "text_column": ("no_such_column", ""),
    "label_column": ("no_such_column", ""),
    "split": ("no_such_split", ""),
    "dataset_config": ("no_such_config", ""),
    "baseline": MODELS,
    "model": MODELS,
    "model_positional": MODELS,
    "directory": MODELS,
    "dataset": TABLES,
    "eval": (*TABLES, "data.tsv"),
    "eval_split": ("no_such_split", ""),
    "teacher": MODELS,
    "pattern": ("4by1", "", "0x1", "2:1", "channel"),
}  # fmt: skip

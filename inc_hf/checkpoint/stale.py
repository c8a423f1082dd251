"""What of a directory that is overwritten belongs to the older model, and goes with it.

One rule for all who save. What a loader would take for the model, or what tells about it, is of the new model or gone:

- weights of any framework and runtime, at any depth, by the names that their savers give them;
- in the directory itself and in those of runtimes (`onnx/`): configs, the model card, `inc_config.json`, the history
  of the search, how its models are made; the files of a tokenizer or processor, if the new model came with one.

All else stays: what the owner of a card wrote around our part of it, notes, a `README.md` that is no card, data, logs,
the state of a training, what begins with a dot, and folders that are a checkpoint of their own, such as
`checkpoint-500/`.
"""

import logging
import re
import shutil
from collections.abc import Callable, Collection, Iterable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path, PurePath, PurePosixPath

from inc_hf.checkpoint.card_text import is_marked, keep_words
from inc_hf.config import options
from inc_hf.models.json_files import read_object

logger = logging.getLogger(__name__)

CARD = "README.md"
RUNTIME_FOLDERS = ("onnx", "openvino")
WEIGHTS = (
    "*model*.safetensors", "*model*.safetensors.index.json", "pytorch_model*.bin*", "adapter_model*.bin",
    "*.onnx", "*.onnx_data*", "*.onnx.data", "openvino_*.xml", "openvino_*.bin",
    "tf_model*.h5*", "flax_model*.msgpack*", "*.gguf", "*.tflite", "rust_model.ot", "consolidated.*", "best_model.pt",
)  # fmt: skip
TOP_WEIGHTS = ("*.safetensors", "*.safetensors.index.json", "model.bin", "gptq_model*.bin", "pytorch_model*.pt*")
RUNTIME_WEIGHTS = (*TOP_WEIGHTS, "*.xml", "*.bin")
DESCRIPTIONS = (
    "config.json", "generation_config.json", "adapter_config.json", "inc_config.json", "quantize_config.json",
    "quantization_config.json", "quant_config.json", "quanto_qmap.json", "ort_config.json", "openvino_config.json",
    "best_configure.yaml", "recipe.yaml", "inc_card.svg",
)  # fmt: skip
TOKENIZER = (
    "tokenizer_config.json", "tokenizer.json", "special_tokens_map.json", "added_tokens.json", "vocab.txt",
    "vocab.json", "merges.txt",
    "normalizer.json", "chat_template.*", "additional_chat_templates", "tokenizer.model", "spiece.model", "spm.model",
    "sentencepiece.bpe.model", "source.spm", "target.spm", "bpe.codes",
)  # fmt: skip
PROCESSOR = ("processor_config.json", "preprocessor_config.json", "video_preprocessor_config.json")
TRAINING = re.compile(r"checkpoint-\d+")
OF_TRAINING = ("training_args.bin", "trainer_state.json", "runs")
# and what is in ours
STORIES = {
    "history.json": {"trials", "baseline"},
    "stage.json": {"stage"},
    "diagnosis.json": {"about", "parts"},
    "deploy.json": {"deploy_version", "groups"},
    "baselines.json": {"baselines"},
}
TRIALS = "deploy"  # a folder, with how each trial was made
BEGINNINGS = {  # how ours begin
    "diagnosis.csv": "module,scheme,",
    "weights_table.csv": "module,float_min,",
    "activations_table.csv": "module,float_min,",
    "report.html": "<!doctype html>\n<!-- inc-hf report -->",
}
LEAVING = re.compile(r"\..*\.[a-z0-9_]{8}\.part")  # of a save that was killed


def carry_over(old: Path, new: Path) -> None:
    """Copy from `old` to `new` what `new` does not have and what is not of the older model."""
    if not old.is_dir():
        return
    gone: list[str] = []
    for path in _kept(old, new, old, gone):
        (new / path.relative_to(old)).parent.mkdir(parents=True, exist_ok=True)
        _copy(path, new / path.relative_to(old))
    if (new / CARD).is_file() and is_marked(older := _text(old / CARD)):
        keep_words(new / CARD, older)
    if gone:
        logger.info("Gone with the older model in %s: %s.", old, ", ".join(sorted(gone)))


def _kept(old: Path, new: Path, folder: Path, gone: list[str]) -> Iterator[Path]:
    """What of `folder`, in `old`, stays: files, links, and folders as a whole; `gone` gets the names of the others."""
    for entry in folder.iterdir():
        place = entry.relative_to(old)
        twin = new / place
        if LEAVING.fullmatch(entry.name) or (twin.exists() and twin.is_dir() != entry.is_dir()):
            continue
        if _is_folder(entry) and not _is_apart(entry, place) and any(entry.iterdir()):
            yield from _kept(old, new, entry, gone)
        elif entry.name == CARD and len(place.parts) == 1 and not is_card(entry):
            yield entry  # the user's own text, which no card replaces
        elif _is_of_model(entry, place, new):
            gone += [] if twin.exists() else [str(place)]
        elif not twin.exists():
            yield entry


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _is_apart(folder: Path, place: Path) -> bool:
    """Whether a folder is nothing of this model, whatever is in it."""
    if place.parts[0] in RUNTIME_FOLDERS:
        return False
    return bool(TRAINING.fullmatch(folder.name)) or folder.name.startswith(".") or _is_checkpoint(folder)


def _is_checkpoint(folder: Path) -> bool:
    config = read_object(folder / "config.json")
    return (folder / "adapter_config.json").is_file() or bool({"model_type", "architectures"} & config.keys())


def _is_of_model(path: Path, place: Path, new: Path) -> bool:
    if path.name in RUNTIME_FOLDERS and len(place.parts) == 1:  # a link to one
        return path.is_symlink()
    tells = len(place.parts) == 1 or place.parts[0] in (*RUNTIME_FOLDERS, TRIALS)
    is_named_so = _is_named_as_part(place, lambda name: (new / name).exists())
    return is_named_so or tells and (is_card(path) or _is_story(path))


def _is_named_as_part(place: PurePath, has: Callable[[str], bool]) -> bool:
    """Whether a file is one of a model by its name; `has` says whether the new model has a file."""
    in_runtime, at_top = place.parts[0] in RUNTIME_FOLDERS, len(place.parts) == 1
    if _matches(place, WEIGHTS + (RUNTIME_WEIGHTS if in_runtime else TOP_WEIGHTS if at_top else ())):
        return True
    if not in_runtime and not at_top:
        return False
    return (
        _matches(place, DESCRIPTIONS)
        or _matches(place, TOKENIZER)
        and (in_runtime or has(TOKENIZER[0]))
        or _matches(place, PROCESSOR)
        and (in_runtime or any(has(name) for name in PROCESSOR))
    )


def is_file_of_model(name: str) -> bool:
    """Whether a file that lies beside a model belongs to it, by its name."""
    return _is_named_as_part(PurePath(name), lambda name: True)


def stale_names(old: Iterable[str], new: Collection[str]) -> list[str]:
    """The files of an older model in a repository of the Hub, by their names alone; its card is not among them."""
    places = [PurePosixPath(name) for name in old]
    marks = ("config.json", "adapter_config.json")
    apart = {place.parent for place in places if place.name in marks and len(place.parts) > 1}

    def is_apart(place: PurePosixPath) -> bool:
        folders = place.parents[:-1] if place.parts[0] not in RUNTIME_FOLDERS else ()
        return any(f in apart or TRAINING.fullmatch(f.name) or f.name.startswith(".") for f in folders)

    gone = [place for place in places if _is_named_as_part(place, new.__contains__) and not is_apart(place)]
    return [str(place) for place in gone if str(place) not in new]


def _matches(path: PurePath, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(path.name, pattern) for pattern in patterns)


def is_of_training(folder: Path) -> bool:
    """Whether a Trainer has written here: a directory that is shared with its checkpoints."""
    if not folder.is_dir():
        return False
    names = {entry.name for entry in folder.iterdir()}
    return not names.isdisjoint(("training_args.bin", "trainer_state.json", "runs")) or any(
        map(TRAINING.fullmatch, names)
    )


def is_result(folder: Path) -> bool:
    """Whether this package has written the model in a directory."""
    return "inc_hf_version" in read_object(folder / "inc_config.json")


def is_card(path: Path) -> bool:
    """A model card begins with YAML; a README of the user's own does not."""
    return path.name == CARD and _head(path).startswith("---")


def _is_story(path: Path) -> bool:
    """How the older model was found; not where this process writes its own."""
    is_trial = path.parent.name == TRIALS and path.suffix == ".json"
    if Path(options.workspace).resolve() == (path.parent.parent if is_trial else path.parent).resolve():
        return False
    name = f"{TRIALS}.json" if is_trial else path.name
    if name in STORIES:
        return STORIES[name] <= read_object(path).keys()
    return path.name in BEGINNINGS and _head(path).startswith(BEGINNINGS[path.name])


def _head(path: Path) -> str:
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            return file.read(64)
    except OSError:
        return ""


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""


def _copy(source: Path, target: Path) -> None:
    if _is_folder(source):
        shutil.copytree(source, target, symlinks=True)
    else:
        shutil.copy2(source, target, follow_symlinks=False)

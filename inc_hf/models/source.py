"""Where a checkpoint comes from, asked before it is loaded: is there such a place, and whose code would run."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inc_hf.config.arguments import check_place
from inc_hf.config.checks import check_bool
from inc_hf.errors import UsageError
from inc_hf.models.files import find_file
from inc_hf.models.hub import reached
from inc_hf.models.json_files import read_object

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

CONFIG, ADAPTER, TOKENIZER = "config.json", "adapter_config.json", "tokenizer_config.json"


def source_of(name: str | os.PathLike, trust_remote_code: bool | None = False, **hub: Any) -> dict[str, Any]:
    """What all that reads a checkpoint is called with besides its name: `hub`, where to look for it, and whether code
    that lies in it may run.

    Args:
        name: a directory or a name on the Hub.
        trust_remote_code: None is False; transformers would ask in the terminal.
        hub: `revision`, `cache_dir`, `token`, …, as `from_pretrained` takes them.

    Raises:
        ValueError: it is no possible name, or the model needs code of its own and `trust_remote_code` is not set.
        ConnectionError: there is no way to the Hub, and the checkpoint was never downloaded.
    """
    check_place("pretrained_model_name_or_path", name)
    trust_remote_code = trust_remote_code is not None and check_bool("trust_remote_code", trust_remote_code)
    hub = reached(name, (CONFIG, ADAPTER), **hub)
    if not trust_remote_code:
        _refuse_own_code(name, hub)
    return {**hub, "trust_remote_code": trust_remote_code}


def _refuse_own_code(name: str | os.PathLike, hub: dict[str, Any]) -> None:
    """Raise UsageError for a checkpoint whose config or tokenizer is of a class that only its own code has."""
    files = code_of_model(_json(name, CONFIG, hub)) or _code_of_tokenizer(_json(name, TOKENIZER, hub))
    if files:
        raise UsageError(
            f"{os.fspath(name)} needs code of its own, {', '.join(files)}, which would be executed on this machine. "
            "Read it; if you trust who wrote it, pass `trust_remote_code=True` (`--trust-remote-code`)."
        )


def code_of_model(config: dict[str, Any]) -> list[str]:
    """The files with the code that a model of this config.json needs, since transformers has none for it."""
    import transformers

    own, kind, names = _own_classes(config), config.get("model_type"), config.get("architectures")
    if kind not in transformers.CONFIG_MAPPING:
        return _files_of(own)
    is_registered = not transformers.CONFIG_MAPPING[kind].__module__.startswith("transformers.")  # by the user
    if is_registered or not isinstance(names, list) or any(hasattr(transformers, str(name)) for name in names):
        return []
    return _files_of(own)


def config_without_code(directory: Path) -> "PreTrainedConfig":
    """The config of a directory, read as it is where only code that lies there could read it better."""
    from transformers import AutoConfig, PreTrainedConfig

    content = _json(directory, CONFIG, {})
    return PreTrainedConfig.from_dict(content) if code_of_model(content) else AutoConfig.from_pretrained(directory)


def _code_of_tokenizer(config: dict[str, Any]) -> list[str]:
    import transformers

    own = {key: value for key, value in _own_classes(config).items() if key == "AutoTokenizer"}
    name = str(config.get("tokenizer_class"))
    return [] if any(hasattr(transformers, each) for each in (name, f"{name}Fast")) else _files_of(own)


def _own_classes(config: dict[str, Any]) -> dict[str, Any]:
    found = config.get("auto_map")
    return found if isinstance(found, dict) else {}


def _files_of(own: dict[str, Any]) -> list[str]:
    """Of references such as "modeling.Model", or "user/code--modeling.Model" to another repository."""
    references = [part for value in own.values() for part in (value if isinstance(value, list) else [value]) if part]
    return sorted({f"{str(each).rpartition('.')[0].replace('--', '/')}.py" for each in references})


def _json(name: str | os.PathLike, file: str, hub: dict[str, Any]) -> dict[str, Any]:
    """A file as a dict; an empty one if it is not there or malformed, which whoever loads it says."""
    path = find_file(name, file, quiet=True, **hub)
    return {} if path is None else read_object(path)

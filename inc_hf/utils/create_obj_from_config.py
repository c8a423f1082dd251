"""INC 2.X's `neural_compressor.utils.create_obj_from_config`: datasets, dataloaders and transforms from dicts, as a
YAML has them."""

from collections.abc import Callable, Mapping
from typing import Any

from inc_hf.built_in.datasets import Datasets
from inc_hf.built_in.loader import BATCH_SIZE as DEFAULT_BATCH_SIZE
from inc_hf.built_in.loader import DataLoader
from inc_hf.built_in.transforms import TRANSFORMS
from inc_hf.config.elsewhere import elsewhere
from inc_hf.errors import UsageError

create_eval_func = elsewhere(
    "create_eval_func", "pass `eval_dataloader` and `eval_metric` to `inc_hf.quantization.fit`, or an `eval_func`"
)
create_train_func = elsewhere(
    "create_train_func",
    "train with the Trainer and our callbacks, or in a loop with the hooks of `prepare_compression`",
)


def get_func_from_config(func_dict: Any, cfg: Mapping[str, Any], compose: bool = True) -> Any:
    """What the names in `cfg` stand for, made of what they come with: a dict of keywords, one value, or None.

    Args:
        func_dict: name -> what makes it, such as `TRANSFORMS("pytorch", "preprocess")`.
        compose: whether several become one, "Compose" of `func_dict`; otherwise it is the first of them.
    """
    made = [_made(func_dict[name], value) for name, value in cfg.items()]
    if compose:
        return func_dict["Compose"](made)
    return made[0] if made else None


def _made(make: Callable, value: Any) -> Any:
    if isinstance(value, Mapping):
        return make(**value)
    return make() if value is None else make(value)


get_preprocess = get_postprocess = get_metrics = get_func_from_config


def create_dataset(
    framework: str, data_source: Mapping[str, Any], cfg_preprocess: Mapping | None = None, cfg_filter: Any = None
) -> Any:
    """The dataset `{name: keywords}`, with transforms `{name: keywords}`.

    Raises:
        ValueError: there is no such dataset or transform here, or a filter is asked for.
    """
    if len(data_source) != 1:
        raise UsageError(f"A dataset is {{name: keywords}} with one name, got {', '.join(data_source) or 'none'}.")
    if cfg_filter:
        raise UsageError(
            f"The filters {list(cfg_filter)} are not here; leave samples out in the dataset that you pass."
        )
    ((name, keywords),) = data_source.items()
    transform = None
    if cfg_preprocess:
        transform = get_preprocess(TRANSFORMS(framework, "preprocess"), cfg_preprocess)
    return Datasets(framework)[name](**keywords or {}, transform=transform, filter=None)


def create_dataloader(framework: str, dataloader_cfg: Mapping[str, Any]) -> Any:
    """The dataloader of a dict with `dataset`, and, where wanted, `batch_size` (64), `last_batch`, `shuffle`,
    `distributed` and `transform`."""
    dataset = create_dataset(
        framework, dataloader_cfg["dataset"], dataloader_cfg.get("transform"), dataloader_cfg.get("filter")
    )
    given = {name: dataloader_cfg.get(name) for name in ("last_batch", "shuffle", "distributed")}
    given = {name: value for name, value in given.items() if value is not None}
    return DataLoader(framework, dataset, int(dataloader_cfg.get("batch_size") or DEFAULT_BATCH_SIZE), **given)

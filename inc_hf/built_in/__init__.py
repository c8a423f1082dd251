"""INC's built-in data, as far as it is for torch: datasets, transforms and dataloaders by their names."""

from inc_hf._lazy import lazy_names

_LAZY = {
    "Datasets": "inc_hf.built_in.datasets",
    "dataset_registry": "inc_hf.built_in.datasets",
    "DataLoader": "inc_hf.built_in.loader",
    "PyTorchDataLoader": "inc_hf.built_in.loader",
    "TRANSFORMS": "inc_hf.built_in.transforms",
    "transform_registry": "inc_hf.built_in.transforms",
}

__all__ = [*_LAZY]

__getattr__, __dir__ = lazy_names(__name__, _LAZY)

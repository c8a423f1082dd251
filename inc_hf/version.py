"""The version of this package, and those of the packages that its numbers depend on."""

__version__ = "0.1.0"


def versions() -> dict[str, str]:
    """Name -> version, of what a report has to name."""
    import torch  # here, since `import inc_hf` is to be quick
    import transformers

    return {"inc_hf": __version__, "torch": torch.__version__, "transformers": transformers.__version__}

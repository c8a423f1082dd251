"""What is said where IPEX, or the torch that it needs, is not there; none of it is needed here."""

import pytest

from inc_hf.backends.ipex import require as require_module
from inc_hf.backends.ipex import require_ipex

VERSIONS = {
    "none": ({}, "here: torch not installed and intel-extension-for-pytorch not installed"),
    "torch only": ({"torch": "2.13.0"}, "here: torch 2.13.0 and intel-extension-for-pytorch not installed"),
    "another torch": (
        {"torch": "2.13.0+cpu", "intel-extension-for-pytorch": "2.8.0"},
        "needs torch 2.8.x together with intel-extension-for-pytorch 2.8.0; here: torch 2.13.0.cpu and intel-",
    ),
    "an older pair": ({"torch": "2.7.0", "intel-extension-for-pytorch": "2.7.0"}, "here: torch 2.7.0 and intel-"),
}


def pretend(monkeypatch, versions):
    def version(name):
        if name not in versions:
            raise require_module.PackageNotFoundError(name)
        return versions[name]

    monkeypatch.setattr(require_module, "version", version)


@pytest.mark.parametrize("versions, match", VERSIONS.values(), ids=VERSIONS)
def test_versions_that_do_not_go_together(monkeypatch, versions, match):
    pretend(monkeypatch, versions)
    monkeypatch.setattr(require_module.importlib, "import_module", lambda name: pytest.fail("it was imported"))
    with pytest.raises(ImportError, match=match) as caught:
        require_ipex()
    assert "pip install torch==2.8.0 intel-extension-for-pytorch==2.8.0" in str(caught.value)
    assert 'backend="torch", needs none of this' in str(caught.value)


@pytest.mark.parametrize("error", [SystemExit("IPEX only works on AVX2"), OSError("undefined symbol")], ids=repr)
def test_an_import_that_fails_does_not_end_the_process(monkeypatch, error):
    def fail(name):
        raise error

    pretend(monkeypatch, {"torch": "2.8.0", "intel-extension-for-pytorch": "2.8.0"})
    monkeypatch.setattr(require_module.importlib, "import_module", fail)
    with pytest.raises(ImportError, match=f"cannot be loaded here: {error}. Use backend='torch'"):
        require_ipex()

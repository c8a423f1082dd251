"""The fixtures `fake_hub` and `logged_in`; a test module that wants one says `pytest_plugins = ["hub_fixture"]`."""

from collections.abc import Iterator

import pytest
from fakehub import FakeHub
from huggingface_hub import close_session, constants

from inc_hf.models import hub as hub_of_models


@pytest.fixture
def fake_hub() -> Iterator[FakeHub]:
    with FakeHub() as hub:
        yield hub


@pytest.fixture
def logged_in(fake_hub, tmp_path, monkeypatch) -> Iterator[FakeHub]:
    """The Hub, for clients in this process, which are logged in, and have downloaded nothing yet."""
    monkeypatch.setattr(constants, "ENDPOINT", fake_hub.url)
    template = fake_hub.url + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub_cache"))
    monkeypatch.setenv("HF_TOKEN", "hf_x")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr("transformers.utils.hub._hf_api", None)  # which has the address of the real one
    close_session()  # the one of offline tests refuses all that it is asked
    yield fake_hub
    close_session()
    hub_of_models._asked.clear()

"""The fixture `fake_hub`; a test module that wants it says `pytest_plugins = ["hub_fixture"]`."""

from collections.abc import Iterator

import pytest
from fakehub import FakeHub


@pytest.fixture
def fake_hub() -> Iterator[FakeHub]:
    with FakeHub() as hub:
        yield hub

"""Fixtures that several command-line tests share."""

import pytest

from evaluation import damage


@pytest.fixture(scope="session")
def tuned(stories, tmp_path_factory):
    """The stories model, damaged enough to change answers. Tests must not write there."""
    return damage(stories, tmp_path_factory.mktemp("tuned") / "damaged", amount=1.0)

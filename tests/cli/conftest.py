"""Fixtures that several command-line tests share."""

import pytest

from chat_models import add_chat
from evaluation import damage


@pytest.fixture(scope="session")
def tuned(stories, tmp_path_factory):
    """The stories model, damaged enough to change answers. Tests must not write there."""
    return damage(stories, tmp_path_factory.mktemp("tuned") / "damaged", amount=1.0)


@pytest.fixture
def chat_model(tiny_model):
    """A random model whose tokenizer has ChatML's two tokens added to its vocabulary."""
    return add_chat(tiny_model("chat", vocab_size=514))

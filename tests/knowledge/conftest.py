import pytest

from knowledge.base import KnowledgeBase
from knowledge.loader import load_content
from knowledge.understanding import Understander


@pytest.fixture(scope="session")
def shipped() -> KnowledgeBase:
    """The content files as they are shipped."""
    return KnowledgeBase(load_content().records)


@pytest.fixture(scope="session")
def understander(shipped: KnowledgeBase) -> Understander:
    return Understander(shipped)

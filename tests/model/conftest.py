"""Predictors whose weights are to be found again in files."""

import pytest
from toy_network import fresh


@pytest.fixture
def trained():
    return fresh(seed=5)

"""In which order tests are run, and in which environment commands are given."""

import commands
import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Those that wait for Slurm come first: one worker waits with them while another computes, and none waits in the end."""
    items.sort(key=lambda item: "launcher" not in item.path.parts)


def pytest_collection_finish() -> None:
    """What all tests import has set the variables that it sets, and no test has set any."""
    commands.usual()

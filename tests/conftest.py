"""In which order tests are run, and in which environment commands are given."""

import gc

import commands
import parsed_once
import pytest

parsed_once.parse_once()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Those that wait for Slurm come first: one worker waits with them while another computes, and none waits in the end."""
    items.sort(key=lambda item: "launcher" not in item.path.parts)


def pytest_collection_finish() -> None:
    """What all tests import has set the variables that it sets, and no test has set any; nor is it looked through for garbage."""
    commands.usual()
    gc.collect()
    gc.freeze()

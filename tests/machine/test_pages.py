"""Large pages, as Linux says that it has been asked for them."""

import mmap
import re
from pathlib import Path

import pytest
import torch

from pcsweep.machine.pages import LARGE, prefer_large_pages
from pcsweep.network.convolution.workspace import Workspace

SMAPS = Path("/proc/self/smaps")
ASKED = "hg"  # a flag of memory for which large pages were asked

needs_large_pages = pytest.mark.skipif(
    not Path("/sys/kernel/mm/transparent_hugepage").exists(), reason="a system that has no large pages to be asked for"
)


def flags_at(address: int) -> list[str]:
    """Of the memory that an address is in."""
    within = False
    for line in SMAPS.read_text().splitlines():
        if bounds := re.match(r"([0-9a-f]+)-([0-9a-f]+) ", line):
            within = int(bounds[1], 16) <= address < int(bounds[2], 16)
        elif within and line.startswith("VmFlags:"):
            return line.split()[1:]
    raise AssertionError(f"Expected memory at {address:#x}.")


@needs_large_pages
def test_large_memory_is_in_large_pages_and_stays_as_it_is() -> None:
    memory = torch.arange(10 * LARGE // 8)
    assert ASKED not in flags_at(memory.data_ptr() + 5 * LARGE)
    prefer_large_pages(memory.data_ptr(), 10 * LARGE)
    assert ASKED in flags_at(memory.data_ptr() + 5 * LARGE)
    assert torch.equal(memory, torch.arange(10 * LARGE // 8))


@needs_large_pages
def test_only_whole_pages_within_are_asked_for() -> None:
    """Beside the memory are other people's, which may begin in the same page."""
    with mmap.mmap(-1, 20 * LARGE) as mapped:
        address = torch.frombuffer(mapped, dtype=torch.uint8).data_ptr()
        prefer_large_pages(address + mmap.PAGESIZE + 1, 10 * LARGE)
        assert ASKED not in flags_at(address)
        assert ASKED not in flags_at(address + mmap.PAGESIZE)
        assert ASKED in flags_at(address + 2 * mmap.PAGESIZE)
        assert ASKED in flags_at(address + 10 * LARGE)
        assert ASKED not in flags_at(address + 10 * LARGE + mmap.PAGESIZE)


@needs_large_pages
def test_small_memory_is_left_as_it_is() -> None:
    with mmap.mmap(-1, 2 * LARGE) as mapped:
        address = torch.frombuffer(mapped, dtype=torch.uint8).data_ptr()
        prefer_large_pages(address, 2 * LARGE)
        assert ASKED not in flags_at(address + LARGE)


@needs_large_pages
def test_what_is_written_again_and_again_is_in_large_pages() -> None:
    spectra = Workspace().take("spectra", (10, LARGE), torch.zeros(1))
    assert ASKED in flags_at(spectra.data_ptr() + 5 * LARGE)


@needs_large_pages
def test_a_system_without_them_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pcsweep.machine.pages._advise", lambda: None)
    with mmap.mmap(-1, 10 * LARGE) as mapped:
        address = torch.frombuffer(mapped, dtype=torch.uint8).data_ptr()
        prefer_large_pages(address, 10 * LARGE)
        assert ASKED not in flags_at(address + 5 * LARGE)

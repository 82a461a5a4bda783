"""What a PNG file says of itself: its size and kind of pixels, and whether all of it is there (every chunk has a checksum)."""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass

SIGNATURE = b"\x89PNG\r\n\x1a\n"
KINDS = {0: "grey", 2: "RGB", 3: "palette", 4: "grey with alpha", 6: "RGB with alpha"}


@dataclass(frozen=True)
class Header:
    """Size in pixels, bits per sample (1, 2, 4, 8 or 16) and the kind of pixels, one of `KINDS`."""

    width: int
    height: int
    bits: int
    kind: str


def header(data: bytes) -> Header:
    """Of a PNG file, all of whose chunks are verified.

    Raises:
        ValueError: it does not begin with a header, a checksum is wrong, or the end is missing.
    """
    first = b""
    for name, content in _chunks(data):
        if not first:
            if name != b"IHDR" or len(content) != 13 or content[9] not in KINDS:
                raise ValueError("it has no header")
            first = bytes(content)
    return Header(int.from_bytes(first[:4], "big"), int.from_bytes(first[4:8], "big"), first[8], KINDS[first[9]])


def _chunks(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """Name and content of every chunk up to the end of the image."""
    view, place, name = memoryview(data), len(SIGNATURE), b""
    while name != b"IEND":
        size, name = int.from_bytes(data[place : place + 4], "big"), data[place + 4 : place + 8]
        end = place + 8 + size
        if len(name) < 4 or end + 4 > len(data):
            raise ValueError("it ends early: it has no end-of-image chunk")
        if zlib.crc32(view[place + 4 : end]) != int.from_bytes(data[end : end + 4], "big"):
            raise ValueError(f"it is damaged: the checksum of the part at byte {place} is wrong")
        yield name, view[place + 8 : end]
        place = end + 4

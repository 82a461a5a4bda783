"""What a PNG file says of itself: its size and kind of pixels, and whether all of it is there (every chunk has a checksum)."""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass

SIGNATURE = b"\x89PNG\r\n\x1a\n"
KINDS = {0: "grey", 2: "RGB", 3: "palette", 4: "grey with alpha", 6: "RGB with alpha"}


_CHANNELS = {"grey": 1, "RGB": 3, "palette": 1, "grey with alpha": 2, "RGB with alpha": 4}
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))  # first x, y; steps
_PIECE = 2**20  # bytes


@dataclass(frozen=True)
class Header:
    """Size in pixels, bits per sample (1, 2, 4, 8 or 16), the kind of pixels, one of `KINDS`, and whether they are interlaced."""

    width: int
    height: int
    bits: int
    kind: str
    interlaced: bool

    @property
    def bytes(self) -> int:
        """How many the pixels have before compression: rows of whole bytes, each behind the number of its filter."""
        passes = _PASSES if self.interlaced else ((0, 0, 1, 1),)
        sizes = [(-((x - self.width) // dx), -((y - self.height) // dy)) for x, y, dx, dy in passes]
        each = self.bits * _CHANNELS[self.kind]
        return sum(height * (1 + (width * each + 7) // 8) for width, height in sizes if width > 0 and height > 0)


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
    width, height = int.from_bytes(first[:4], "big"), int.from_bytes(first[4:8], "big")
    return Header(width, height, first[8], KINDS[first[9]], first[12] == 1)


def check_pixels(data: bytes) -> None:
    """Of a whole PNG file: that its pixels, unpacked, are as many as its header says.

    Raises:
        ValueError: they are fewer, or cannot be unpacked.
    """
    packed = zlib.decompressobj()
    missing = header(data).bytes
    try:
        for name, content in _chunks(data):
            waiting: bytes | memoryview = content if name == b"IDAT" else b""
            while waiting and missing > 0:
                missing -= len(packed.decompress(waiting, _PIECE))
                waiting = packed.unconsumed_tail
        while missing > 0 and (more := packed.flush(_PIECE)):
            missing -= len(more)
    except zlib.error as error:
        raise ValueError(f"its pixels are damaged: {error}") from error
    if missing > 0:
        raise ValueError(f"it ends early: of {header(data).bytes} bytes of pixels {missing} are missing")


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

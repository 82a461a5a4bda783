"""What a JPEG file says of itself: its size, its scans, and whether all that it announces is there (ITU-T T.81, annex B).

JPEG has no checksum, and decoders fill what is missing with grey, in silence. What tells a whole file from a part of one is here:
the markers up to the end of the image, and a picture that needs its scan up to the last byte.
"""

import io
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np

_END, _SCAN, _RESTART_INTERVAL = 0xD9, 0xDA, 0xDD
_FRAMES = {0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF}
_HUFFMAN, _PROGRESSIVE = {0xC0, 0xC1, 0xC2}, {0xC2, 0xCA}  # not all that there are: what decoders read
_SEGMENTS = {0xC4, 0xCC, *range(0xD9, 0xF0), 0xFE}  # that may follow a scan
_UNUSED = 32  # bytes at the end of a scan that a whole picture may leave unread
_ONES = b"\xff\x00" * 9  # no Huffman code is all ones, so no picture goes on in them for long
_OTHER_BITS = b"\xa5\x5a\x33" * 20

Places = list[int]


@dataclass(frozen=True)
class Component:
    """Of a frame: its identifier and its sampling factors."""

    identifier: int
    horizontal: int
    vertical: int


@dataclass(frozen=True)
class Scan:
    """Of which components, which coefficients, to which bit (0: the last); where its compressed data is, and its restarts."""

    components: tuple[int, ...]
    coefficients: range
    bit: int
    start: int
    end: int
    interval: int
    restarts: int


@dataclass(frozen=True)
class Jpeg:
    """The structure of a file.

    Args:
        width, height: in pixels.
        process: the marker of its frame, such as 0xC0 for baseline.
        components: of the frame.
        scans: at least one.
    """

    width: int
    height: int
    process: int
    components: tuple[Component, ...]
    scans: tuple[Scan, ...]

    @property
    def is_huffman(self) -> bool:
        """Whether its data are Huffman codes; arithmetic codes may leave out what is zero at the end."""
        return self.process in _HUFFMAN

    @property
    def is_plain(self) -> bool:
        """Whether one scan of Huffman codes holds everything, as in most files."""
        return self.is_huffman and self.process not in _PROGRESSIVE and len(self.scans) == 1


def structure(data: bytes) -> Jpeg:
    """Of a JPEG file.

    Raises:
        ValueError: a part that it announces is not there; says which.
    """
    interval, frame, scans = 0, b"", []
    process, marks = 0, _marks(data)
    for marker, start, end in _segments(data, marks):
        if marker in _FRAMES:
            process, frame = marker, data[start:end]
        elif marker == _RESTART_INTERVAL:
            interval = int.from_bytes(data[start : start + 2], "big")
        elif marker == _SCAN:
            scans.append(_scan(data, start, end, marks, interval))
    if not scans or len(frame) < 6 or len(frame) < 6 + 3 * frame[5]:
        raise ValueError("it has no picture")
    height, width = int.from_bytes(frame[1:3], "big"), int.from_bytes(frame[3:5], "big")
    components = tuple(
        Component(frame[place], frame[place + 1] >> 4, frame[place + 1] & 15) for place in range(6, 6 + 3 * frame[5], 3)
    )
    found = Jpeg(width, height, process, components, tuple(scans))
    _check_scans(found)
    return found


def to_the_last_byte(data: bytes, found: Jpeg) -> "Feed":
    """The file as a decoder is to be given it, that it may stop for want of data or leave data over, of a plain file.

    It ends where its scan ends, with neither an end-of-image marker nor any other, at which a decoder would fill up with grey.
    """
    scan = found.scans[0]
    return Feed(data[: scan.end] + _ONES, scan.end - _UNUSED if scan.end - scan.start > 2 * _UNUSED else 0)


def with_other_ends(data: bytes, found: Jpeg) -> bytes:
    """The same picture, if no scan ends early: what follows each scan's compressed data are other bits."""
    parts, place = [], 0
    for scan in found.scans:
        parts += [data[place : scan.end], _OTHER_BITS]
        place = scan.end
    return b"".join([*parts, data[place:]])


class Feed(io.BytesIO):
    """A file whose reader is given nothing beyond `mark` as long as it has not read up to there.

    `is_passed` says whether it has asked for more.
    """

    def __init__(self, data: bytes, mark: int) -> None:
        super().__init__(data)
        self.mark = mark
        self.is_passed = False

    def read(self, size: int | None = -1, /) -> bytes:
        """Up to `size` bytes."""
        left = self.mark - self.tell()
        if left <= 0:
            self.is_passed = True
            return super().read(size)
        return super().read(left if size is None or size < 0 else min(size, left))


def _marks(data: bytes) -> Places:
    """Where a 0xFF is followed by what is neither a stuffed zero nor fill."""
    levels = np.frombuffer(data, dtype=np.uint8)
    places = np.flatnonzero(levels[:-1] == 0xFF)
    after = levels[places + 1]
    found: list[int] = places[(after != 0) & (after != 0xFF)].tolist()
    return found


def _segments(data: bytes, marks: Places) -> Iterator[tuple[int, int, int]]:
    """Marker, start and end of the content of every segment up to the end of the image; the data of a scan is skipped."""
    place, scanning = 2, False
    while True:
        index = bisect_left(marks, place)
        while scanning and index < len(marks) and 0xD0 <= data[marks[index] + 1] <= 0xD7:
            index += 1
        if index == len(marks):
            raise ValueError("it ends early: it has no end-of-image marker")
        mark = marks[index]
        marker = data[mark + 1]
        if scanning and marker not in _SEGMENTS:
            raise ValueError(f"its compressed data is damaged: it holds the marker 0xFF{marker:02X}")
        if marker == _END:
            return
        if marker == 1 or 0xD0 <= marker <= 0xD8:  # alone, without a length
            place = mark + 2
            continue
        size = int.from_bytes(data[mark + 2 : mark + 4], "big")
        place = mark + 2 + size
        if size < 2 or place > len(data):
            raise ValueError("it ends early: its last segment is longer than the file")
        yield marker, mark + 4, place
        scanning = marker == _SCAN


def _scan(data: bytes, start: int, end: int, marks: Places, interval: int) -> Scan:
    """The scan whose header is there."""
    count = data[start] if end > start else 0
    if end - start != 4 + 2 * count:
        raise ValueError("the header of a scan is damaged")
    restarts, index = 0, bisect_left(marks, end)
    while index < len(marks) and 0xD0 <= data[marks[index] + 1] <= 0xD7:
        restarts, index = restarts + 1, index + 1
    first, last, bits = data[end - 3 : end]
    stop = marks[index] if index < len(marks) else len(data)
    while stop > end and data[stop - 1] == 0xFF:  # fill before a marker
        stop -= 1
    return Scan(tuple(data[start + 1 : end - 3 : 2]), range(first, last + 1), bits & 15, end, stop, interval, restarts)


def _check_scans(found: Jpeg) -> None:
    """Every coefficient of every component is there, to its last bit, and, in an only scan, every restart."""
    if found.is_plain and set(found.scans[0].components) == {component.identifier for component in found.components}:
        _check_restarts(found)
        return
    whole = {(component.identifier, k): False for component in found.components for k in range(64)}
    for scan in found.scans:
        coefficients: Sequence[int] = scan.coefficients if found.process in _PROGRESSIVE else range(64)
        bit = scan.bit if found.process in _PROGRESSIVE else 0
        whole |= {(identifier, k): bit == 0 for identifier in scan.components for k in coefficients}
    if not all(whole.values()):
        raise ValueError("it ends early: its last scans are missing")


def _check_restarts(found: Jpeg) -> None:
    """Of the only scan."""
    if interval := found.scans[0].interval:
        expected = ceil(_units(found) / interval) - 1
        if found.scans[0].restarts != expected:
            raise ValueError(f"its compressed data is damaged: of {expected} restart markers it has {found.scans[0].restarts}")


def _units(found: Jpeg) -> int:
    """How many minimum coded units the only scan has."""
    if len(found.components) == 1:
        return ceil(found.width / 8) * ceil(found.height / 8)
    horizontal = max(component.horizontal for component in found.components)
    vertical = max(component.vertical for component in found.components)
    return ceil(found.width / (8 * horizontal)) * ceil(found.height / (8 * vertical))

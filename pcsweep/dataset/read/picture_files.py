"""Pictures in files: read only from regular files of formats that are wanted, and never a part of a picture for the whole.

`content` looks at what a file says of itself, without decoding: its size, its end and, of a PNG, its checksums. `decoded` looks
at the compressed data of a JPEG, too: it must hold the whole picture and nothing else.
"""

import io
import os
import stat
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from pcsweep.dataset.read import jpeg, png_chunks

FORMATS = ("JPEG", "PNG")
_BEGINNINGS = {b"\xff\xd8\xff": "JPEG", png_chunks.SIGNATURE: "PNG", b"GIF87a": "GIF", b"GIF89a": "GIF", b"BM": "BMP"}
_MOST_PIXELS = 89_478_485  # of a picture, Pillow's own limit: 0.25 GiB in 24 bits
_MOST_BYTES = 2**30  # of a file
_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def content(path: Path, formats: Sequence[str] = FORMATS) -> bytes:
    """A picture's file, looked through but not decoded.

    Raises:
        ValueError: it cannot be read, is no picture of these formats, has more than 89 million pixels, or is not whole; names it.
    """
    try:
        data = bytes_of(path)
        _look_through(data, formats)
    except ValueError as error:
        raise _refusal(path, str(error)) from error
    return data


def decoded(path: Path, formats: Sequence[str] = FORMATS) -> tuple[Image.Image, bytes]:
    """The picture in a file, decoded whole, and the file's content.

    Raises:
        ValueError: see `content`; compressed data that ends early, goes on after the picture, or is broken.
    """
    try:
        data = bytes_of(path)
        found = _look_through(data, formats)
        if isinstance(found, png_chunks.Header):
            png_chunks.check_pixels(data)
        return (_of_jpeg(data, found) if isinstance(found, jpeg.Jpeg) else _loaded(io.BytesIO(data), formats)), data
    except UnidentifiedImageError:
        reason = "it is none"
    except OSError as error:
        reason = error.strerror or str(error)
    except (ValueError, SyntaxError, EOFError, struct.error, zlib.error, Image.DecompressionBombError) as error:
        reason = str(error)
    raise _refusal(path, reason)


def bytes_of(path: Path) -> bytes:
    """The content of a regular file of at most 1 GiB, or of a link to one; nothing else is waited for.

    Raises:
        ValueError: it cannot be read, or is something else; says why.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # a pipe without a writer would block it
    except OSError as error:
        reason = error.strerror or str(error)
        raise ValueError(f"{reason} (it is a link to {os.readlink(path)})" if path.is_symlink() else reason) from error
    try:
        status = os.fstat(descriptor)
        if what := next((name for is_one, name in _KINDS if is_one(status.st_mode)), None):
            raise ValueError(f"it is {what}")
        if status.st_size > _MOST_BYTES:
            raise ValueError(f"it has {status.st_size} bytes, more than {_MOST_BYTES}")
        with open(descriptor, "rb", closefd=False) as file:
            return file.read()
    except OSError as error:
        raise ValueError(error.strerror or str(error)) from error
    finally:
        os.close(descriptor)


def _refusal(path: Path, reason: str) -> ValueError:
    return ValueError(f"Expected {path} to be a whole image, but: {reason}.")


def _look_through(data: bytes, formats: Sequence[str]) -> jpeg.Jpeg | png_chunks.Header | None:
    """What a JPEG or PNG file says of itself."""
    kind = next((kind for beginning, kind in _BEGINNINGS.items() if data.startswith(beginning)), None)
    if kind not in formats:
        wanted = " or ".join(formats)
        raise ValueError(f"it is {'no' if kind is None else f'a {kind} file, not a'} {wanted} file" if data else "it is empty")
    found = jpeg.structure(data) if kind == "JPEG" else png_chunks.header(data) if kind == "PNG" else None
    if found is not None and found.width * found.height > _MOST_PIXELS:
        raise ValueError(f"it has {found.width} × {found.height} pixels, more than {_MOST_PIXELS}")
    return found


def _of_jpeg(data: bytes, found: jpeg.Jpeg) -> Image.Image:
    """The picture of a JPEG file.

    Raises:
        ValueError: its compressed data does not fit its size.
    """
    if found.is_plain:
        feed = jpeg.to_the_last_byte(data, found)
        try:
            whole = _loaded(feed, ("JPEG",))
        except OSError as error:
            raise ValueError(f"its compressed data ends early or is damaged ({error})") from error
        if not feed.is_passed:
            raise ValueError("its compressed data is damaged: it goes on after the last pixel")
        return whole
    whole = _loaded(io.BytesIO(data), ("JPEG",))
    if found.is_huffman:
        other = _loaded(io.BytesIO(jpeg.with_other_ends(data, found)), ("JPEG",))
        if not np.array_equal(np.asarray(whole), np.asarray(other)):
            raise ValueError("its compressed data ends early or is damaged")
    return whole


def _loaded(file: io.BytesIO, formats: Sequence[str]) -> Image.Image:
    with Image.open(file, formats=list(formats)) as opened:
        opened.load()
        return opened

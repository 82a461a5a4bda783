"""PNG files written chunk by chunk, of every kind and depth, and with every fault."""

import zlib

import numpy as np

from pcsweep.dataset.read.png_chunks import SIGNATURE

GREY, RGB, PALETTE, GREY_ALPHA, RGB_ALPHA = 0, 2, 3, 4, 6


def chunk(name: bytes, content: bytes) -> bytes:
    """With its length and checksum."""
    return len(content).to_bytes(4, "big") + name + content + zlib.crc32(name + content).to_bytes(4, "big")


def packed(samples: np.ndarray, bits: int) -> bytes:
    """The rows of samples (height, samples in a row) as PNG stores them, each behind its filter's number."""
    if bits == 16:
        rows = samples.astype(">u2").view(np.uint8)
    elif bits == 8:
        rows = samples.astype(np.uint8)
    else:
        places = np.unpackbits(samples.astype(np.uint8)[..., None], axis=-1)[..., 8 - bits :]
        rows = np.packbits(places.reshape(len(samples), -1), axis=1)
    return b"".join(b"\0" + row.tobytes() for row in rows)


def header(width: int, height: int, bits: int = 8, kind: int = GREY, interlaced: bool = False) -> bytes:
    """The signature and the first chunk."""
    return SIGNATURE + chunk(
        b"IHDR", width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([bits, kind, 0, 0, interlaced])
    )


def png(values: np.ndarray, bits: int = 8, kind: int = GREY, palette: list[int] | None = None, more: bytes = b"") -> bytes:
    """A file of these samples: (height, width), or (height, width, channels); `more` are chunks before the pixels."""
    samples = values.reshape(len(values), -1)
    colours = chunk(b"PLTE", bytes(palette)) if palette else b""
    pixels = chunk(b"IDAT", zlib.compress(packed(samples, bits)))
    return header(values.shape[1], len(values), bits, kind) + more + colours + pixels + chunk(b"IEND", b"")

"""Pictures in files: whole or refused, JPEG and PNG alone, from regular files alone."""

import io
import os
import socket
import time
import zlib
from pathlib import Path

import image_trees
import numpy as np
import pytest
from PIL import Image
from png_files import chunk, header, packed, png

from pcsweep.dataset.read import jpeg
from pcsweep.dataset.read.picture_files import content, decoded

KINDS = {
    "plain": {},
    "coarse": {"quality": 20},
    "fine": {"quality": 100, "subsampling": 0},
    "own tables": {"optimize": True},
    "progressive": {"progressive": True},
    "restarts": {"restart_marker_rows": 1},
}
END = b"\xff\xd9"


def picture(seed: int = 0) -> Image.Image:
    """Noisy enough for a scan of some thousand bytes."""
    noise = np.random.default_rng(seed).normal(0, 20, (96, 112, 3))
    return Image.fromarray(np.clip(np.asarray(image_trees.photograph(seed, 96, 112)) + noise, 0, 255).astype(np.uint8))


def jpeg_of(image: Image.Image, **settings) -> bytes:
    """Encoded."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", **settings)
    return buffer.getvalue()


def look(tmp_path: Path, data: bytes) -> Image.Image:
    """Decodes a file with this content."""
    path = tmp_path / "picture.jpg"
    path.write_bytes(data)
    return decoded(path)[0]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_whole_pictures_are_pillows(tmp_path, kind, mode):
    for seed in range(3):
        data = jpeg_of(picture(seed).convert(mode), **KINDS[kind])
        assert np.array_equal(np.asarray(look(tmp_path, data)), np.asarray(Image.open(io.BytesIO(data))))


@pytest.mark.parametrize("size", [(1, 1), (8, 8), (9, 7), (17, 33), (64, 3)])
@pytest.mark.parametrize("colour", [0, 127, 255])
@pytest.mark.parametrize("kind", KINDS)
def test_small_and_flat_pictures_are_whole(tmp_path, size, colour, kind):
    data = jpeg_of(Image.new("RGB", size, (colour, colour, 255)), **KINDS[kind])
    assert look(tmp_path, data).size == size


def test_what_follows_the_end_and_fill_before_it_are_nothing(tmp_path):
    data = jpeg_of(picture())
    for whole in (data + bytes(5000), data[:-2] + b"\xff\xff\xff" + END, data + data):
        assert np.array_equal(np.asarray(look(tmp_path, whole)), np.asarray(Image.open(io.BytesIO(data))))


def test_a_photograph_of_several_pictures_is_the_first(tmp_path):
    buffer = io.BytesIO()
    picture(0).save(buffer, "MPO", save_all=True, append_images=[picture(1)])
    assert np.array_equal(np.asarray(look(tmp_path, buffer.getvalue())), np.asarray(Image.open(io.BytesIO(buffer.getvalue()))))


def tail(data: bytes, at: int, filling: bytes) -> bytes:
    """The rest replaced, of the same length."""
    return data[:at] + (filling * len(data))[: len(data) - at]


DAMAGES = {
    "cut": lambda data, at: data[:at],
    "cut, with an end": lambda data, at: data[:at].rstrip(b"\xff") + END,
    "zeros": lambda data, at: tail(data, at, b"\0"),
    "zeros, with an end": lambda data, at: tail(data, at, b"\0")[:-2] + END,
    "noise": lambda data, at: data[:at] + np.random.default_rng(at).bytes(len(data) - at),
    "noise, with an end": lambda data, at: data[:at] + np.random.default_rng(at).bytes(len(data) - at - 2) + END,
    "another picture": lambda data, at: data[:at] + jpeg_of(picture(9)),
    "no end": lambda data, _: data[:-2],
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("damage", DAMAGES)
def test_half_a_jpeg_is_refused(tmp_path, kind, damage):
    for seed in range(2):
        data = jpeg_of(picture(seed), **KINDS[kind])
        start = jpeg.structure(data).scans[0].start
        for share in (0.1, 0.5, 0.9):
            with pytest.raises(ValueError, match=r"picture.jpg to be a whole image, but: .*(ends early|damaged)"):
                look(tmp_path, DAMAGES[damage](data, start + int(share * (len(data) - start))))


def test_a_progressive_jpeg_cut_between_scans_is_refused(tmp_path):
    data = jpeg_of(picture(), progressive=True)
    scans = jpeg.structure(data).scans
    assert len(scans) > 3
    for scan in scans[:-1]:
        with pytest.raises(ValueError, match="its last scans are missing"):
            look(tmp_path, data[: scan.end] + END)


VALUES = np.random.default_rng(0).integers(0, 256, (40, 50))
WHOLE = png(VALUES)
PIXELS = WHOLE.index(b"IDAT") + 4


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (WHOLE[: len(WHOLE) // 2], "it has no end-of-image chunk"),
        (WHOLE[:-12], "it has no end-of-image chunk"),
        (tail(WHOLE, len(WHOLE) // 2, b"\0"), "the checksum of the part at byte 33 is wrong"),
        (WHOLE[: PIXELS + 50] + b"?" + WHOLE[PIXELS + 51 :], "the checksum of the part at byte 33 is wrong"),
        (header(50, 40) + chunk(b"IEND", b""), "."),
        (
            header(50, 40) + chunk(b"IDAT", zlib.compress(bytes(51 * 20))) + chunk(b"IEND", b""),
            "it ends early: of 2040 bytes of pixels \\d+ are missing",
        ),
        (
            header(50, 40) + chunk(b"IDAT", zlib.compress(np.random.default_rng(0).bytes(51 * 40))[:-500]) + chunk(b"IEND", b""),
            "bytes of pixels .* are missing",
        ),
        (b"", "it is empty"),
        (b"\xff\xd8\xff", "end-of-image marker"),
        (WHOLE[:8], "it has no end-of-image chunk"),
    ],
)
def test_half_a_png_is_refused(tmp_path, data, message):
    with pytest.raises(ValueError, match=rf"picture.jpg to be a whole image, but: .*{message}"):
        look(tmp_path, data)


@pytest.mark.parametrize("mode", ["1", "L", "I;16", "P", "RGB", "RGBA", "LA"])
@pytest.mark.parametrize("size", [(1, 1), (3, 5), (8, 8), (31, 33), (200, 3)])
def test_whole_pngs_of_every_kind_and_size(tmp_path, mode, size):
    values = np.random.default_rng(0).integers(0, 256, (size[1], size[0]), dtype=np.uint16)
    picture = Image.fromarray(values) if mode == "I;16" else Image.fromarray(values.astype(np.uint8)).convert(mode)
    picture.save(tmp_path / "picture.jpg", "PNG")
    assert np.array_equal(np.asarray(decoded(tmp_path / "picture.jpg")[0]), np.asarray(picture))


@pytest.mark.parametrize("size", [(1, 1), (2, 9), (5, 4), (8, 8), (13, 21)])
def test_an_interlaced_png_has_the_pixels_of_its_passes(tmp_path, size):
    values = np.random.default_rng(0).integers(0, 256, (size[1], size[0]))
    passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    parts = [values[y::dy, x::dx] for x, y, dx, dy in passes]
    rows = b"".join(packed(part, 8) for part in parts if part.size)
    for kept, is_whole in ((len(rows), True), (len(rows) - 1, False)):
        pixels = chunk(b"IDAT", zlib.compress(rows[:kept]))
        data = header(*size, interlaced=True) + pixels + chunk(b"IEND", b"")
        if is_whole:
            assert np.array_equal(np.asarray(look(tmp_path, data)), values)
        else:
            with pytest.raises(ValueError, match="bytes of pixels 1 are missing"):
                look(tmp_path, data)


def test_the_content_decides_not_the_suffix(tmp_path):
    assert np.array_equal(np.asarray(look(tmp_path, WHOLE)), VALUES)


@pytest.mark.parametrize("form", ["GIF", "BMP", "TIFF", "WEBP", "EPS", "ICO", "PPM"])
def test_other_formats_are_refused_unread(tmp_path, form, monkeypatch):
    path = tmp_path / "picture.png"
    picture().save(path, form)
    monkeypatch.setattr(Image, "open", lambda *_, **__: pytest.fail("opened"))
    for read in (content, decoded):
        with pytest.raises(ValueError, match=r"picture.png to be a whole image, but: it is .* JPEG or PNG file"):
            read(path)


@pytest.mark.parametrize("read", [content, decoded])
def test_what_is_no_file_is_refused_at_once(tmp_path, read):
    path = tmp_path / "picture.png"
    os.mkfifo(path)
    with pytest.raises(ValueError, match="but: it is a named pipe"):
        read(path)
    path.unlink()
    path.mkdir()
    with pytest.raises(ValueError, match="but: it is a folder"):
        read(path)
    path.rmdir()
    path.symlink_to("gone.png")
    with pytest.raises(ValueError, match=r"but: No such file or directory \(it is a link to gone.png\)"):
        read(path)
    path.unlink()
    path.symlink_to("/dev/zero")
    with pytest.raises(ValueError, match="but: it is a device"):
        read(path)
    path.unlink()
    path.symlink_to(path)
    with pytest.raises(ValueError, match="but: Too many levels of symbolic links"):
        read(path)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket.png"))
        with pytest.raises(ValueError, match="to be a whole image, but: "):
            read(tmp_path / "socket.png")
    with (tmp_path / "large.png").open("wb") as file:
        file.truncate(2**32)
    with pytest.raises(ValueError, match="but: it has 4294967296 bytes, more than"):
        read(tmp_path / "large.png")


def test_a_picture_that_is_too_large_is_refused_before_it_is_decoded(tmp_path):
    started = time.monotonic()
    bomb = header(60000, 60000) + chunk(b"IDAT", zlib.compress(bytes(10**6))) + chunk(b"IEND", b"")
    with pytest.raises(ValueError, match="it has 60000 × 60000 pixels, more than"):
        look(tmp_path, bomb)
    frame = jpeg_of(picture())
    place = frame.index(b"\xff\xc0") + 5
    with pytest.raises(ValueError, match="it has 60000 × 60000 pixels, more than"):
        look(tmp_path, frame[:place] + (60000).to_bytes(2, "big") * 2 + frame[place + 4 :])
    for name, start in ((b"zTXt", b"k\0\0"), (b"iCCP", b"k\0\0"), (b"iTXt", b"k\0\1\0\0\0")):
        with pytest.raises(ValueError, match=r"to be a whole image, but: .*too large"):
            look(tmp_path, png(VALUES, more=chunk(name, start + zlib.compress(bytes(50_000_000)))))
    assert time.monotonic() - started < 5

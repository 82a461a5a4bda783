"""Masks: the numbers that are stored, in every kind and depth of PNG, and palettes read by what their colours say."""

import re
import subprocess
import sys

import image_trees
import numpy as np
import pytest
from PIL import Image
from png_files import GREY, GREY_ALPHA, PALETTE, RGB, RGB_ALPHA, png

from pcsweep.dataset.read.masks import IGNORED, OBJECT, OTHER, read_mask, regions_by_value

BLACK, WHITE, GREY_LEVEL, RED = (0, 0, 0), (255, 255, 255), (128, 128, 128), (255, 0, 0)


def mask_of(tmp_path, data):
    """Of a file with this content."""
    path = tmp_path / "mask.png"
    path.write_bytes(data)
    return read_mask(path)


@pytest.mark.parametrize(
    ("kind", "bits"), [*((GREY, bits) for bits in (1, 2, 4, 8, 16)), *((PALETTE, bits) for bits in (1, 2, 4, 8))]
)
def test_numbers_are_those_in_the_file(tmp_path, kind, bits):
    values = np.random.default_rng(bits).integers(0, 2**bits, (7, 13))
    palette = [level for k in range(2**bits) for level in (k, 0, 255 - k)] if kind == PALETTE else None
    mask = mask_of(tmp_path, png(values, bits, kind, palette))
    assert np.array_equal(mask.values, values)
    assert (mask.bits, mask.size) == (bits, (13, 7))
    if palette:
        assert mask.used == {int(k): (k, 0, 255 - k) for k in np.unique(values)}


@pytest.mark.parametrize(
    ("kind", "channels", "words"),
    [(RGB, 3, "RGB of"), (GREY_ALPHA, 2, "grey with alpha of"), (RGB_ALPHA, 4, "RGB with alpha of")],
)
@pytest.mark.parametrize("bits", [8, 16])
def test_colours_and_alpha_are_refused(tmp_path, kind, channels, words, bits):
    mask = mask_of(tmp_path, png(np.zeros((4, 5, channels), dtype=int), bits, kind))
    with pytest.raises(
        ValueError, match=rf"mask.png to be a grey, palette or black-and-white image, but got {words} {bits} bits"
    ):
        regions_by_value(mask, None)


def test_a_label_of_two_bits_is_ignored_by_its_number(tmp_path):
    values = np.array([[0, 1, 2, 3]])
    regions = regions_by_value(mask_of(tmp_path, png(values, 2)), 2)
    assert regions.tolist() == [[OTHER, OBJECT, IGNORED, OBJECT]]
    assert regions_by_value(mask_of(tmp_path, png(values, 2)), 5).tolist() == [[OTHER, OBJECT, OBJECT, OBJECT]]


@pytest.mark.parametrize(("bits", "highest"), [(1, 1), (2, 3), (4, 15)])
def test_an_ignored_value_that_the_mask_only_shows_is_refused(tmp_path, bits, highest):
    mask = mask_of(tmp_path, png(np.array([[0, highest]]), bits))
    with pytest.raises(
        ValueError, match=rf"`dataset.ignore_value` to be .*mask.png can hold.*set dataset.ignore_value={highest} or"
    ):
        regions_by_value(mask, 255)
    assert regions_by_value(mask, highest).tolist() == [[OTHER, IGNORED]]


def palette_mask(tmp_path, colours, values=None):
    """One row of indices."""
    values = list(range(len(colours))) if values is None else values
    return mask_of(tmp_path, png(np.array([values]), 8, PALETTE, [level for colour in colours for level in colour]))


@pytest.mark.parametrize(
    ("colours", "ignore", "regions"),
    [
        ([BLACK, WHITE], None, [OTHER, OBJECT]),
        ([WHITE, BLACK], None, [OBJECT, OTHER]),
        ([WHITE, BLACK, GREY_LEVEL], 128, [OBJECT, OTHER, IGNORED]),
        ([WHITE], None, [OBJECT]),
        ([BLACK, RED, WHITE], None, [OTHER, OBJECT, OBJECT]),
        ([BLACK, RED, WHITE], 2, [OTHER, OBJECT, IGNORED]),
        ([BLACK, RED, RED], 2, [OTHER, OBJECT, IGNORED]),
    ],
)
def test_a_palette_that_can_be_read_in_one_way(tmp_path, colours, ignore, regions):
    assert regions_by_value(palette_mask(tmp_path, colours), ignore).tolist() == [regions]


@pytest.mark.parametrize(
    ("colours", "ignore"),
    [
        ([RED, BLACK], None),
        ([WHITE, RED], None),
        ([BLACK, BLACK], None),
        ([WHITE, WHITE, BLACK], None),
        ([BLACK, WHITE], 255),
        ([WHITE, BLACK], 1),
    ],
)
def test_a_palette_that_can_be_read_in_two_ways_is_refused(tmp_path, colours, ignore):
    with pytest.raises(
        ValueError, match=r"(?s)mask.png to say the same by its palette's indices.* index 0 is #.*convert.*fromarray"
    ):
        regions_by_value(palette_mask(tmp_path, colours), ignore)


@pytest.mark.parametrize(
    ("pixels", "mode", "advice", "not_advised"),
    [
        ([(255, 255, 255, 0), (255, 255, 255, 255)], "RGBA", r'getchannel\("A"\)', r'convert\("L"\)'),
        ([(0, 0), (0, 255)], "LA", r'getchannel\("A"\)', r'convert\("L"\)'),
        ([(0, 0, 0, 255), (255, 0, 0, 255)], "RGBA", r'convert\("L"\)', r"getchannel"),
        ([(0, 0, 0, 0), (255, 0, 0, 255)], "RGBA", r'colours: .*convert\("L"\).*alpha channel: .*getchannel', "black background"),
        ([(0, 0, 0), (255, 0, 0)], "RGB", r'convert\("L"\)', "getchannel"),
        ([(0, 255, 0), (0, 255, 0), (255, 0, 0)], "RGB", r"No pixel of it is black.*#00ff00, .*\(0, 255, 0\)", "getchannel"),
    ],
)
def test_the_way_out_of_colours_and_alpha_keeps_the_object(tmp_path, pixels, mode, advice, not_advised):
    image = Image.new(mode, (len(pixels), 1))
    image.putdata(pixels)
    image.save(tmp_path / "mask.png")
    with pytest.raises(ValueError, match=advice) as refused:
        regions_by_value(read_mask(tmp_path / "mask.png"), None)
    assert not re.search(not_advised, str(refused.value))


def test_an_unused_colour_says_nothing(tmp_path):
    assert regions_by_value(palette_mask(tmp_path, [BLACK, BLACK, RED], [0, 2]), None).tolist() == [[OTHER, OBJECT]]


@pytest.mark.parametrize("colours", [2, 256])
def test_a_reduced_mask_is_the_mask(tmp_path, colours):
    mask = np.where(np.hypot(*np.mgrid[-20:20, -20:20]) < 15, 255, 0).astype(np.uint8)  # more white than black
    Image.fromarray(mask).convert("RGB").quantize(colours).save(tmp_path / "mask.png")
    assert np.array_equal(regions_by_value(read_mask(tmp_path / "mask.png"), None) == OBJECT, mask == 255)


def test_jpeg_is_no_mask(tmp_path):
    image_trees.photograph(0).convert("L").save(tmp_path / "mask.png", format="JPEG")
    with pytest.raises(ValueError, match=r"mask.png to be a whole image, but: it is a JPEG file, not a PNG file"):
        read_mask(tmp_path / "mask.png")


def test_the_command_that_is_offered_for_a_mask_without_black_makes_one_that_is_taken(tmp_path):
    path = tmp_path / "masks" / "one.png"
    path.parent.mkdir()
    image = Image.new("RGB", (4, 2), (255, 255, 255))
    image.putpixel((1, 0), (200, 30, 30))
    image.save(path)
    with pytest.raises(ValueError, match="#ffffff") as refused:
        regions_by_value(read_mask(path), None)
    program = re.search(r"python -c '(.*)' masks/\*\.png", str(refused.value))[1]
    subprocess.run([sys.executable, "-c", program, path], check=True)
    assert regions_by_value(read_mask(path), None).tolist() == [[0, 1, 0, 0], [0, 0, 0, 0]]

"""Pictures as the page holds them: outlines, sizes, sharpness."""

import base64
import io

import numpy as np
import pytest
from PIL import Image
from toy_study import SIDE

from pcsweep.measure.exhibit import Exhibit
from pcsweep.report.pictures import jpeg, overlay

WHITE, BLUE = (255, 255, 255), (86, 180, 233)


def decoded(source: str) -> np.ndarray:
    head, _, data = source.partition(",")
    assert head == "data:image/jpeg;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))


def test_the_mask_is_outlined_in_white_and_the_map_in_blue() -> None:
    mask, saliency = np.zeros((20, 20), bool), np.zeros((20, 20), np.float32)
    mask[2:8, 2:8] = True
    saliency[10:18, 10:18] = 1
    grey = np.full((20, 20, 3), 100, np.uint8)
    exhibit = Exhibit("a", "b", grey, grey, mask, np.zeros_like(mask), {0: saliency, 1: np.full_like(saliency, np.nan)}, {0: 0.5})
    picture = overlay(exhibit, 0, 0.5)
    for colour, (first, last) in ((WHITE, (2, 7)), (BLUE, (10, 17))):
        outline = (picture == colour).all(axis=2)
        expected = np.zeros((20, 20), bool)
        expected[first : last + 1, first : last + 1] = True
        expected[first + 1 : last, first + 1 : last] = False
        np.testing.assert_array_equal(outline, expected)
    undefined = overlay(exhibit, 1, 0.5)
    assert (undefined == WHITE).all(axis=2).any()
    assert not (undefined == BLUE).all(axis=2).any()


@pytest.mark.parametrize(
    ("size", "expected"), [((16, 16), (192, 192)), ((100, 50), (100, 50)), ((384, 192), (192, 96)), ((5000, 3), (192, 1))]
)
def test_pictures_fit(size: tuple[int, int], expected: tuple[int, int]) -> None:
    height, width = size
    picture = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    assert decoded(jpeg(picture)).shape == (*expected, 3)


def test_a_small_picture_keeps_its_squares_sharp() -> None:
    picture = np.zeros((SIDE, SIDE, 3), np.uint8)
    picture[::2] = 255
    found = decoded(jpeg(picture))[..., 0].astype(int)
    factor = len(found) // SIDE
    middles = found[factor // 2 :: factor]
    assert (middles[::2] > 240).all()
    assert (middles[1::2] < 15).all()

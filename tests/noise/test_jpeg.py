"""JPEG there and back, against Pillow on the image's bytes."""

from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image

from pcsweep.noise import generator_for
from pcsweep.noise.jpeg import jpeg

BYTES = np.random.default_rng(1).integers(0, 256, (9, 7, 3)).astype(np.uint8)
SMOOTH = np.array(Image.fromarray(BYTES).resize((56, 72), Image.Resampling.BICUBIC))  # height 72, width 56


def as_image(levels):
    return torch.from_numpy(levels).permute(2, 0, 1).float() / 255


@pytest.mark.parametrize("quality", [25, 18, 15, 10, 7])
def test_it_is_what_pillow_reads_from_what_it_wrote(quality):
    buffer = BytesIO()
    Image.fromarray(SMOOTH).save(buffer, format="JPEG", quality=quality)
    expected = np.asarray(Image.open(buffer), dtype=float) / 255
    found = jpeg(as_image(SMOOTH), generator_for("a", 0), quality=quality)
    np.testing.assert_allclose(found.permute(1, 2, 0).numpy(), expected, atol=1e-7)


def test_a_lower_quality_loses_more_and_values_between_levels_are_rounded():
    image = as_image(SMOOTH)
    lost = [(jpeg(image, generator_for("a", 0), quality=q) - image).square().mean().item() for q in (25, 18, 15, 10, 7)]
    assert lost == sorted(lost)
    assert lost[0] < lost[-1]
    between = (image + 0.4 / 255).clamp(max=1)
    assert torch.equal(jpeg(between, generator_for("a", 0), quality=10), jpeg(image, generator_for("a", 0), quality=10))

"""Generated photographs of nothing: a textured shape before a textured, cluttered background, with its exact mask.

Every image depends on (seed, split, index) alone, so that any one can be made by itself. Values are multiples of 1/255, so that
an image survives 8-bit storage unchanged.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field

from pcsweep.dataset import Sample

Grid = Any  # NDArray[np.float64], (64, 64): numpy's functions are typed as returning Any

_SIZE = 64  # pixels, height and width
_SPLITS = ("test", "train")


def _star(u: Grid, v: Grid) -> Grid:
    """Five points: the radius falls linearly in angle from tip to notch."""
    wedge = np.pi / 5
    angle = np.abs((np.arctan2(u, -v) % (2 * wedge)) - wedge)
    tip, notch = 1.15, 0.45
    # The edge is the straight line from the tip (angle = wedge) to the notch (angle = 0).
    away = wedge - angle
    edge = tip * notch * np.sin(wedge) / (notch * np.sin(wedge - away) + tip * np.sin(away))
    return np.hypot(u, v) - edge


def _triangle(u: Grid, v: Grid) -> Grid:
    return np.maximum(v - 0.6, np.abs(u) * np.sqrt(3) / 2 - v / 2 - 0.6)


def _cross(u: Grid, v: Grid) -> Grid:
    across, along = np.minimum(np.abs(u), np.abs(v)), np.maximum(np.abs(u), np.abs(v))
    return np.maximum(across - 0.32, along - 1)


def _crescent(u: Grid, v: Grid) -> Grid:
    return np.maximum(np.hypot(u, v) - 1, 0.78 - np.hypot(u - 0.5, v))


def _heart(u: Grid, v: Grid) -> Grid:
    x, y = 1.15 * u, 0.15 - 1.15 * v
    inside = (x**2 + y**2 - 1) ** 3 - x**2 * y**3
    return np.cbrt(inside)


def _arrow(u: Grid, v: Grid) -> Grid:
    shaft = np.maximum(np.abs(u) - 0.24, np.abs(v - 0.4) - 0.6)
    head = np.maximum(v, np.abs(u) - (v + 1) * 0.9)
    return np.minimum(shaft, head)


def _hourglass(u: Grid, v: Grid) -> Grid:
    return np.maximum(np.abs(v) - 0.9, np.abs(u) - 0.85 * np.abs(v) - 0.08)


# Each shape in a frame of its own, about [-1, 1]²: negative inside.
_SHAPES: dict[str, Callable[[Grid, Grid], Grid]] = {
    "disc": lambda u, v: np.hypot(u, v) - 0.95,
    "triangle": _triangle,
    "square": lambda u, v: np.maximum(np.abs(u), np.abs(v)) - 0.8,
    "star": _star,
    "cross": _cross,
    "ring": lambda u, v: np.abs(np.hypot(u, v) - 0.76) - 0.24,
    "crescent": _crescent,
    "heart": _heart,
    "arrow": _arrow,
    "hourglass": _hourglass,
}

_Y, _X = np.mgrid[:_SIZE, :_SIZE] + 0.5 - _SIZE / 2  # pixel centres, origin in the middle


@dataclass(frozen=True)
class Shapes:
    """`count` images of 64 × 64 pixels, ten classes in turn.

    Args:
        split: `test` for studies, `train` for `pcsweep.train`; the two share no image.
        count: number of images.
        seed: another seed is another dataset.
    """

    split: Literal["test", "train"] = "test"
    count: Annotated[int, Field(ge=1)] = 500
    seed: Annotated[int, Field(ge=0)] = 0

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of the ten shapes, in the order of the logits."""
        return tuple(_SHAPES)

    @property
    def image_ids(self) -> tuple[str, ...]:
        """Split and number."""
        return tuple(f"{self.split}-{index:06d}" for index in range(self.count))

    @property
    def class_indices(self) -> tuple[int, ...]:
        """The ten classes in turn."""
        return tuple(index % len(_SHAPES) for index in range(self.count))

    def digest(self, index: int) -> str:
        """Nothing: the settings say all of a generated image."""
        return ""

    def stamp(self, index: int) -> str:
        """Nothing: the settings say all of a generated image."""
        return ""

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Sample:
        """Image `index` of `count`.

        Raises:
            IndexError: an index outside 0..count-1.
        """
        if not 0 <= index < self.count:
            raise IndexError(f"Expected `index` to be in 0..{self.count - 1}, but got {index}.")
        random = np.random.default_rng([self.seed, _SPLITS.index(self.split), index])
        class_index = index % len(_SHAPES)
        mask = _mask(random, list(_SHAPES.values())[class_index])
        background = _clutter(random, _texture(random, _colours(random)))
        foreground = _texture(random, _contrasting_colours(random, background.mean((1, 2))))
        image = np.where(mask, foreground, background)
        levels = np.rint(np.clip(image, 0, 1) * 255).astype(np.float32)
        return Sample(
            image_id=f"{self.split}-{index:06d}",
            image=torch.from_numpy(levels / np.float32(255)),
            mask=torch.from_numpy(mask),
            ignore=torch.zeros(mask.shape, dtype=torch.bool),
            class_index=class_index,
            category=self.class_names[class_index],
        )


def _mask(random: np.random.Generator, shape: Callable[[Grid, Grid], Grid]) -> NDArray[np.bool_]:
    """The shape at a random size (radius 13 to 23 pixels), rotation and place, wholly in the picture but for its tips."""
    radius, rotation = random.uniform(13, 23), random.uniform(0, 2 * np.pi)
    room = _SIZE / 2 - radius - 1
    centre_x, centre_y = random.uniform(-room, room, 2)
    x, y = (_X - centre_x) / radius, (_Y - centre_y) / radius
    u, v = x * np.cos(rotation) + y * np.sin(rotation), y * np.cos(rotation) - x * np.sin(rotation)
    inside: NDArray[np.bool_] = shape(u, v) < 0
    return inside


def _colours(random: np.random.Generator) -> Grid:
    """Two related colours (2, 3): a base and a variation of it."""
    base = random.uniform(0.1, 0.9, 3)
    return np.stack([base, np.clip(base + random.normal(0, 0.1, 3), 0, 1)])


def _contrasting_colours(random: np.random.Generator, background: Grid) -> Grid:
    """Like `_colours`, at a distance of at least 0.45 from the background's mean colour (3,)."""
    while True:
        colours = _colours(random)
        if np.linalg.norm(colours.mean(0) - background) > 0.45:
            return colours


def _texture(random: np.random.Generator, colours: Grid) -> Grid:
    """(3, 64, 64): the two colours blended by a grating, a chequerboard, or smooth blotches."""
    kind = random.integers(3)
    angle, phase_x, phase_y = random.uniform(0, 2 * np.pi, 3)
    x, y = _X * np.cos(angle) + _Y * np.sin(angle), _Y * np.cos(angle) - _X * np.sin(angle)
    if kind == 0:
        blend = 0.5 + 0.5 * np.sin(2 * np.pi * x / random.uniform(5, 16) + phase_x)
    elif kind == 1:
        period = random.uniform(8, 18)
        blend = (np.sin(2 * np.pi * x / period + phase_x) * np.sin(2 * np.pi * y / period + phase_y) > 0).astype(float)
    else:
        blend = sum(
            np.sin(_X * wave_x + _Y * wave_y + phase)
            for wave_x, wave_y, phase in zip(*random.normal(0, 0.22, (2, 6)), random.uniform(0, 6.3, 6), strict=True)
        )
        blend = 0.5 + 0.5 * np.tanh(blend / 2)
    first, second = colours[..., None, None]
    return first + (second - first) * blend


def _clutter(random: np.random.Generator, background: Grid) -> Grid:
    """The background behind a few thin strokes and specks, too small to be any class."""
    for _ in range(random.integers(2, 7)):
        centre_x, centre_y = random.uniform(-_SIZE / 2, _SIZE / 2, 2)
        angle, length, width = random.uniform(0, np.pi), random.uniform(0, 9), random.uniform(0.8, 2.2)
        x, y = _X - centre_x, _Y - centre_y
        along = np.clip(x * np.cos(angle) + y * np.sin(angle), -length, length)
        stroke = np.hypot(x - along * np.cos(angle), y - along * np.sin(angle)) < width
        background = np.where(stroke, random.uniform(0, 1, 3)[:, None, None], background)
    return background

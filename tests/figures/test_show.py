"""Panels and animation of one image."""

from dataclasses import replace

import matplotlib as mpl
import numpy as np
import pytest
from PIL import Image

from pcsweep.compute.beside import Beside, Panel
from pcsweep.figures import show
from pcsweep.figures.overlays import blended
from pcsweep.figures.show import Picture, animate, draw_frame, panels, write
from pcsweep.measure.exhibit import Exhibit


def levels(seed):
    return np.random.default_rng(seed).integers(0, 256, (16, 16, 3), dtype=np.uint8)


@pytest.fixture
def picture():
    mask = np.zeros((16, 16), dtype=bool)
    mask[4:12, 4:12] = True
    maps = np.random.default_rng(0).random((4, 16, 16))
    saliency = dict(enumerate(maps / maps.max(axis=(1, 2), keepdims=True)))
    iou = {0: 0.25, 1: 0.5, 2: float("nan"), 3: 0.125}
    exhibit = Exhibit("photo-1", "cat", levels(1), levels(2), mask, ~mask & False, saliency, iou)
    panels = [Panel(levels(10 + t), f"error {0.1 * t:.3f}") for t in range(4)]
    return Picture(exhibit, Beside("reconstruction", "what it is", panels), 0.5, "photo-1: a network on photos")


def shown(panel):
    return panel.get_images()[0].get_array()


def test_a_column_per_timestep_has_the_map_above_the_reconstruction(picture):
    figure = panels(picture, [0, 1, 3])
    above, (first, second, third, words) = figure.axes[:6], figure.axes[6:]
    assert [panel.get_title() for panel in above] == ["image", "noisy image", "mask", "t = 0", "t = 1", "t = 3"]
    assert [panel.get_xlabel() for panel in above[3:]] == ["IoU 0.250", "IoU 0.500", "IoU 0.125"]
    np.testing.assert_array_equal(shown(above[0]), picture.exhibit.image)
    np.testing.assert_array_equal(shown(above[1]), picture.exhibit.noisy)
    np.testing.assert_array_equal(shown(above[2])[..., 0] == 255, picture.exhibit.mask)
    for panel, below, timestep in zip(above[3:], (first, second, third), (0, 1, 3), strict=True):
        np.testing.assert_allclose(shown(panel), blended(picture.exhibit.image, picture.exhibit.saliency[timestep]))
        np.testing.assert_array_equal(shown(below), picture.beside.panels[timestep].image)
        assert below.get_xlabel() == f"error {0.1 * timestep:.3f}"
    assert [text.get_text() for text in words.get_legend().get_texts()] == ["mask", "map above 0.5 of its maximum"]
    assert figure.get_suptitle() == "photo-1: a network on photos"


@pytest.mark.parametrize("name", ["a.png", "a.pdf", "a.PNG"])
def test_the_same_picture_makes_the_same_bytes(picture, tmp_path, name):
    made = []
    for _ in range(2):
        write(panels(picture, [0, 3]), tmp_path / name)
        made.append((tmp_path / name).read_bytes())
    assert made[0] == made[1]
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_gif_has_a_frame_per_timestep_and_repeats(picture, tmp_path):
    animate(picture, 4.0, tmp_path / "a.gif")
    with Image.open(tmp_path / "a.gif") as gif:
        assert (gif.n_frames, gif.info["loop"], gif.info["duration"]) == (4, 0, 250)
    assert [path.name for path in tmp_path.iterdir()] == ["a.gif"]


def test_a_frame_shows_its_moment(picture):
    figure = mpl.figure.Figure(layout="constrained")
    draw_frame(figure, picture, 2)
    assert [panel.get_title() for panel in figure.axes] == ["image", "noisy image", "mask", "t = 2", "reconstruction"]
    assert figure.axes[3].get_xlabel() == "IoU undefined"
    np.testing.assert_array_equal(shown(figure.axes[4]), picture.beside.panels[2].image)


def test_numbers_are_drawn_on_one_scale_for_all_timesteps(picture):
    images = [np.full((2, 2), float(t)) for t in range(4)]
    drawn = Beside("surround", "what it is " * 10, [Panel(image, f"mean {image.mean():.3g}") for image in images])
    figure = panels(replace(picture, beside=drawn), [1, 3])
    below, words = figure.axes[5:7], figure.axes[7]
    for panel, timestep in zip(below, (1, 3), strict=True):
        (made,) = panel.get_images()
        np.testing.assert_array_equal(made.get_array(), images[timestep])
        assert made.get_clim() == (0, 3)
        assert panel.get_xlabel() == f"mean {timestep}"
    assert all(len(line) <= 44 for line in words.texts[0].get_text().splitlines())
    moving = mpl.figure.Figure(layout="constrained")
    draw_frame(moving, replace(picture, beside=None), 2)
    assert [panel.get_title() for panel in moving.axes] == ["image", "noisy image", "mask", "t = 2"]


def test_an_animation_that_fails_leaves_what_was_there(picture, tmp_path, monkeypatch):
    path = tmp_path / "a.gif"
    path.write_text("before")

    def fail(*_):
        raise RuntimeError("in the middle")

    monkeypatch.setattr(show, "draw_frame", fail)
    with pytest.raises(RuntimeError, match="in the middle"):
        animate(picture, 4.0, path)
    assert [(each.name, each.read_text()) for each in tmp_path.iterdir()] == [("a.gif", "before")]


def test_lower_pcoders_have_a_row_each_below_the_map_of_the_last(picture):
    lower = [replace(picture.exhibit, iou={t: 0.1 * n + 0.01 * t for t in range(4)}) for n in (1, 2)]
    figure = panels(replace(picture, layers=[*lower, picture.exhibit]), [0, 3])
    above, second, first, below = figure.axes[:5], figure.axes[5:7], figure.axes[7:9], figure.axes[9:11]
    assert [above[3].get_ylabel(), second[0].get_ylabel(), first[0].get_ylabel()] == ["pcoder 3", "pcoder 2", "pcoder 1"]
    assert [panel.get_xlabel() for panel in (*second, *first)] == ["IoU 0.200", "IoU 0.230", "IoU 0.100", "IoU 0.130"]
    assert [panel.get_xlabel() for panel in below] == ["error 0.000", "error 0.300"]

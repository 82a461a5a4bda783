"""`python -m pcsweep.show`: one image under one configuration, drawn."""

import math
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING

from pcsweep.console.starting import sign

if __name__ == "__main__":  # before what takes a second to import
    sign("pcsweep.show")

from hydra import compose, initialize_config_dir
from hydra.errors import ConfigCompositionException

from pcsweep.config.errors import BadSetting
from pcsweep.config.extensions import of_word
from pcsweep.config.overrides import checked_words, with_folders_joined, without_folders
from pcsweep.console.progress import stage
from pcsweep.console.words import completed, words_of
from pcsweep.grid.entry import conf_folder, guarded
from pcsweep.study.conditions import split_of
from pcsweep.study.folder import existing_study
from pcsweep.study.labels import on

if TYPE_CHECKING:
    from pcsweep.grid.loaded import Loaded
    from pcsweep.grid.point import GridPoint
    from pcsweep.measure.exhibit import Exhibit

HELP = """\
One image under one configuration, drawn: the image, the noisy image, the mask,
and over time the map with its IoU and the first predictor's reconstruction
of the noisy image, or what another update rule has to show. It is computed here
and now; no study is changed.

    python -m pcsweep.show [image=…] [output=…] [steps=…] [fps=…] [words of
                           python -m pcsweep, such as --config-dir FOLDER]
    python -m pcsweep.show study=NAME SETTING=VALUE … [image=…] [output=…]
                           [steps=…] [fps=…] [output_root=outputs]
    python -m pcsweep.show study=NAME identity=PREFIX [image=…] [output=…]
                           [steps=…] [fps=…] [output_root=outputs]

image     an image_id of the dataset, a part of one that no other has, or a
          position in the selection, which begins at 0 (default)
output    show.png (default); .png and .pdf are panels, .gif and (where ffmpeg
          is installed) .mp4 an animation over all timesteps
steps     the timesteps that get a column in the panels, such as 0,1,2,4,8
fps       frames per second of an animation, 2 by default
study     a folder below output_root (outputs by default) that has shards
identity  the first characters of the name of a shard of the study: the
          configuration it was computed with is drawn
SETTING   with study=, such as noise.sigma=0.4 pcoder.beta=0.8: the one shard of
          the study that has all these values is drawn
extensions
          with study=, the modules of its author's own that the shard needs
          and that may be imported, such as extensions=[my_noises]

Examples
    python -m pcsweep.show
    python -m pcsweep.show pcoder.beta=0.4 pcoder.lambda=0.5 \\
        noise.sigma=0.6 timesteps=8
    python -m pcsweep.show image=7 output=seven.gif fps=4 \\
        hyperparameter=predify noise.space=pixel noise.sigma=0.4
    python -m pcsweep.show study=demo noise.sigma=0.4 pcoder.beta=0.8 \\
                           pcoder.lambda=0.2 output=best.pdf
    python -m pcsweep.show study=demo identity=3f2a \\
        image=test-000012 output=cell.pdf steps=0,3,6
"""
PANELS, ANIMATIONS = (".png", ".pdf"), (".gif", ".mp4")
_OWN = ("image", "output", "steps", "fps")
_FASTEST = 50.0  # frames per second that a GIF can have


@dataclass(frozen=True)
class Request:
    """What to draw, before the configuration is known.

    Args:
        image: as given; None for the first of the selection.
        output: a file that can be written, of a kind that can be made here.
        steps: as given; None for the usual ones.
        frames_per_second: of an animation.
    """

    image: str | None
    output: Path
    steps: str | None
    frames_per_second: float


def main() -> None:
    """The command."""
    words = sys.argv[1:]
    if {"-h", "--help"} & set(words):
        sys.stdout.write(HELP)
        return
    sign("pcsweep.show")
    sys.argv[1:] = words = completed(with_folders_joined(words))
    guarded(partial(show, words), "Nothing was drawn; to draw it, give the same command again:\n ")


def show(words: Sequence[str]) -> None:
    """Draws what the words of the command ask for, and says where the picture is and what the IoU was.

    Raises:
        BadSetting: a wrong word, with what is allowed.
    """
    own = [word for word in words if word.partition("=")[0] in _OWN]
    others = [word for word in words if word not in own]
    request = requested(words_of(own, _OWN))
    stored = any(word.partition("=")[0] in ("study", "identity") for word in others)
    point, loaded = _stored_point(others) if stored else _composed_point(others)
    _draw(point, loaded, request)


def requested(given: Mapping[str, str]) -> Request:
    """The command's own words, checked.

    Raises:
        BadSetting: a wrong one.
    """
    output = _output(given.get("output", "show.png"))
    needless, kinds = ("steps", PANELS) if output.suffix.lower() in ANIMATIONS else ("fps", ANIMATIONS)
    if needless in given:
        raise BadSetting(
            f"Expected `{needless}` only with an `output` that ends in {' or '.join(kinds)}, "
            f"but got {needless}={given[needless]} for {output}."
        )
    return Request(given.get("image"), output, given.get("steps"), _rate(given.get("fps", "2")))


def _output(text: str) -> Path:
    output = Path(text).expanduser()
    suffix = output.suffix.lower()
    if suffix not in PANELS + ANIMATIONS:
        raise BadSetting(f"Expected `output` to be a file that ends in {', '.join(PANELS + ANIMATIONS)}, but got {text!r}.")
    if suffix == ".mp4" and shutil.which("ffmpeg") is None:
        gif = output.with_suffix(".gif")
        raise BadSetting(f"Expected ffmpeg to be installed for output={text}, but it is not; output={gif} needs nothing.")
    if output.is_dir():
        raise BadSetting(f"Expected `output` to be a file, but got {text!r}, which is a folder.")
    try:
        with TemporaryFile(dir=output.parent):
            pass
    except OSError as error:
        raise BadSetting(
            f"Expected `output` to be in a folder that can be written, but got {text!r}: {output.parent}: {error.strerror}."
        ) from error
    return output


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = math.nan
    if not 0 < rate <= _FASTEST:
        raise BadSetting(f"Expected `fps` to be a number of frames per second above 0, at most {_FASTEST:g}, but got {text!r}.")
    return rate


def _composed_point(words: Sequence[str]) -> "tuple[GridPoint, Loaded]":
    """Of the words of `python -m pcsweep`."""
    with stage("loading torch"):
        from pcsweep.grid.composed import point_from
        from pcsweep.grid.loaded import Loaded

    words, further = without_folders(words)
    if flags := [word for word in words if word.startswith("-")]:
        raise BadSetting(f"Expected words of the form key=value, since one configuration is drawn, but got {flags[0]!r}.")
    try:
        with initialize_config_dir(conf_folder(), version_base="1.3"):
            config = compose("config", overrides=[*checked_words(words), *further])
    except ConfigCompositionException as error:
        if "multirun" in str(error):
            what = str(error).partition("\n")[0]
            raise BadSetting(
                f"Expected one value for every key, since one configuration is drawn, but got several: {what}"
            ) from None
        raise
    with stage("checking model, images and weights"):
        loaded = Loaded()
        point = point_from(config, loaded)
    if point.settings.cells:
        raise BadSetting(f"Expected no `cells`, since one configuration is drawn, but got {point.settings.cells}.")
    return point, loaded


def _stored_point(words: Sequence[str]) -> "tuple[GridPoint, Loaded]":
    """Of a shard of a study."""
    with stage("loading torch"):
        from pcsweep.compute.again import point_of
        from pcsweep.compute.choice import chosen, named, wanted_of
        from pcsweep.grid.loaded import Loaded
        from pcsweep.study import shards

    words, further = without_folders(words)
    if further:
        raise BadSetting(
            "Expected no `--config-dir` with `study` or `identity`: a shard has its own configuration; leave it out."
        )
    own = ("study", "identity", *_OWN, "output_root", "extensions")
    others, wanted = wanted_of(words, own)
    given = words_of(others, own)
    extensions = of_word(given.get("extensions", ""))
    folder = existing_study(given.get("output_root", "outputs"), given.get("study", "")) / "shards"
    if wanted and "identity" in given:
        raise BadSetting(f"Expected `identity` or values of settings, but got both: identity and {', '.join(wanted)}.")
    path = shards.place(folder, chosen(folder, wanted) if wanted else named(folder, given.get("identity", "")))
    try:
        loaded = Loaded()
        return point_of(shards.read(path), loaded, extensions), loaded
    except (shards.DamagedShard, OSError) as error:
        raise BadSetting(f"Expected `identity` to name a shard that can be read, but {error}.") from error


def _draw(point: "GridPoint", loaded: "Loaded", request: Request) -> None:
    from pcsweep.compute.again import at_every_layer, recomputed
    from pcsweep.compute.beside import beside
    from pcsweep.compute.choice import image_named

    image_ids = loaded.dataset(point.dataset).image_ids
    image_id = image_named(request.image, point.dataset.name, image_ids, point.selection(loaded))
    steps = steps_of(request.steps, point.settings.timesteps)
    (exhibit,) = recomputed(point, [image_id], loaded)
    found = beside(point, image_id, loaded)
    layers = at_every_layer(point, exhibit, loaded)

    with stage("drawing"):
        from pcsweep.figures.show import Picture, animate, panels, write

        picture = Picture(exhibit, found, point.settings.threshold, _title(point, exhibit), layers)
        if request.output.suffix.lower() in ANIMATIONS:
            animate(picture, request.frames_per_second, request.output)
        else:
            write(panels(picture, steps), request.output)
    sys.stdout.write(f"Picture: {request.output}\n{image_id}: {summary(exhibit.iou)}\n")


def steps_of(text: str | None, timesteps: int) -> list[int]:
    """The timesteps that get a column, in ascending order.

    Raises:
        BadSetting: something that is none of 0..timesteps.
    """
    if text is None:
        from pcsweep.figures.overlays import SHOWN

        return sorted({step for step in SHOWN if step <= timesteps} | {timesteps})
    words = text.split(",")
    if wrong := [word for word in words if not re.fullmatch(r"\d{1,9}", word) or int(word) > timesteps]:
        raise BadSetting(
            f"Expected `steps` to be timesteps from 0 to {timesteps} with commas between them, but got {wrong[0]!r} in {text!r}."
        )
    return sorted({int(word) for word in words})


def summary(iou: Mapping[int, float | None]) -> str:
    """The IoU at t = 0 and the highest one."""
    measured = {timestep: value for timestep, value in iou.items() if value is not None}
    if not measured:
        return "IoU not measured"
    defined = {timestep: value for timestep, value in measured.items() if not math.isnan(value)}
    if not defined:
        return "IoU undefined"
    best = max(defined, key=defined.__getitem__)
    if best == 0:
        return f"IoU {defined[0]:.3f} at t = 0, the best"
    first = f"{defined[0]:.3f}" if 0 in defined else "undefined"
    return f"IoU {first} at t = 0, {defined[best]:.3f} at t = {best}, the best"


def _title(point: "GridPoint", exhibit: "Exhibit") -> str:
    beside = [point.said(each.key) for each in point.rule.coefficients if each.key not in point.rule.axes]
    image = exhibit.image_id if exhibit.category in exhibit.image_id else f"{exhibit.image_id} ({exhibit.category})"
    of = on(point.model.name, point.dataset.name, split_of([{"dataset": point.dataset.decisive()}]))
    return f"{image}: {of}\n{' '.join([point.label, *beside])}"


if __name__ == "__main__":
    main()

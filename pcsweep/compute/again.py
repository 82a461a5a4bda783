"""Images of a grid point computed anew: their maps, equal to the shard's, and the first predictor's reconstructions."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from pcsweep.config.errors import BadSetting
from pcsweep.config.extensions import named
from pcsweep.config.sources import SOURCE
from pcsweep.console.progress import progress
from pcsweep.dataset import Sample
from pcsweep.dataset.read.decoding import decode
from pcsweep.grid.composed import stored
from pcsweep.grid.loaded import Loaded
from pcsweep.grid.point import GridPoint, grid_point
from pcsweep.machine.device import check_device, computing_in, device_of
from pcsweep.machine.threads import listed
from pcsweep.measure import png
from pcsweep.measure.columns import Columns
from pcsweep.measure.exhibit import Exhibit, baselines
from pcsweep.measure.layers import maps_at_layers
from pcsweep.measure.measurement import Measurement
from pcsweep.measure.truth import truth_of
from pcsweep.metric.iou import iou
from pcsweep.metric.saliency import scaled
from pcsweep.model import Model
from pcsweep.network.dynamics import dynamics_of
from pcsweep.network.engine.run import ROWS, Moment
from pcsweep.study import shards
from pcsweep.study.axes import leaves
from pcsweep.study.plans import without_source

_log = logging.getLogger(__name__)
Made = TypeVar("Made")


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """What the first predictor makes of r_1(t).

    Args:
        image: p_1(t), cut to the range of pixels.
        error: ε_1(t), its mean squared difference to the noisy image, both normalised.
    """

    image: UInt8[np.ndarray, "height width 3"]
    error: float


def recomputed(point: GridPoint, image_ids: Sequence[str], loaded: Loaded) -> list[Exhibit]:
    """These images of the point's dataset, in this order, with the maps and the IoU that its shard has or would have of them.

    Raises:
        BadSetting: an identifier that the dataset does not have, an image that cannot be decoded, or a point that a sweep skips.
    """
    _check_update(point)
    samples = _samples(point, image_ids, loaded)
    settings, model = point.settings, _model(point, loaded)
    measurement = Measurement(
        model=model,
        rule=point.rule,
        points=[point.rules],
        attribution=point.attribute,
        layer=point.taken_at,
        every_layer=point.every_layer,
        target=point.target,
        timesteps=settings.timesteps,
        threshold=settings.threshold,
        thresholds=(),
        metrics=[metric for metric in settings.metrics if metric == "iou"],
        precision=settings.precision,
        rows=ROWS,
        pictured=frozenset(image_ids),
    )
    exhibits: list[Exhibit] = []
    with progress("maps", len(samples), "images") as advance:
        for start in range(0, len(samples), ROWS):
            given = point.batch(samples[start : start + ROWS], model)
            (columns,) = measurement.of(given)
            for number, sample in enumerate(given.samples):
                noisy = _picture(model, given.noisy[number])
                exhibits.append(_exhibit(sample, noisy, columns, number * (settings.timesteps + 1)))
            advance(len(given.samples))
    return exhibits


def _exhibit(sample: Sample, noisy: UInt8[np.ndarray, "height width 3"], columns: Columns, start: int) -> Exhibit:
    """Of the sample whose rows begin at `start`."""
    rows = range(start, start + int(columns["timestep"].max()) + 1)
    maps = torch.tensor([columns["map"][row] for row in rows])
    saliency = scaled(maps, (sample.mask.shape[0], sample.mask.shape[1])).numpy()
    measured = "iou" in columns
    return Exhibit(
        image_id=sample.image_id,
        category=sample.category,
        image=png.pixels(png.of_image(sample.image)),
        noisy=noisy,
        mask=sample.mask.numpy(),
        ignore=sample.ignore.numpy(),
        saliency=dict(enumerate(saliency)),
        iou={timestep: float(columns["iou"][row]) if measured else None for timestep, row in enumerate(rows)},
        baselines=baselines({name: values[start] for name, values in columns.items()}),
    )


def reconstructions(point: GridPoint, image_id: str, loaded: Loaded) -> list[Reconstruction]:
    """p_1(t) = P_1(r_1(t)) of one image at t = 0..T, at the states that its maps are of; none of a rule without predictors.

    Raises:
        BadSetting: see `recomputed`.
    """
    if not dynamics_of(point.rule).predicts:
        return []
    model = _model(point, loaded)

    def reconstruction(noisy: Tensor, moment: Moment) -> Reconstruction:
        predicted = model.network.predictors[0](moment.representations[0][:1])[0].float()
        return Reconstruction(_picture(model, predicted), (predicted - noisy).square().mean().item())

    return over_time(point, image_id, loaded, "reconstructions", reconstruction)


def over_time(point: GridPoint, image_id: str, loaded: Loaded, what: str, made: Callable[[Tensor, Moment], Made]) -> list[Made]:
    """What is made of one image's noisy image, (3, height, width), and the moments of t = 0..T, in this order.

    Args:
        what: it is, for the bar.
        made: makes it before the next moment, whose first row is the image's.

    Raises:
        BadSetting: see `recomputed`.
    """
    _check_update(point)
    (sample,) = _samples(point, [image_id], loaded)
    settings, model = point.settings, _model(point, loaded)
    device = device_of(settings.device)
    stimulus = point.batch([sample], model).stimulus(device)
    found: list[Made] = []
    with (
        progress(what, settings.timesteps + 1, "timesteps") as advance,
        computing_in(settings.precision, device),
        torch.no_grad(),
    ):
        for moment in model.network.moments(stimulus, point.rule, [point.rules], settings.timesteps, ROWS):
            found.append(made(stimulus.at(moment.timestep)[0], moment))
            advance(1)
    return found


def at_every_layer(point: GridPoint, exhibit: Exhibit, loaded: Loaded) -> list[Exhibit]:
    """The same image with the maps and the IoU of pcoders 1..N; none where maps are of the last one alone.

    Raises:
        BadSetting: see `recomputed`.
    """
    if not point.every_layer:
        return []
    (sample,) = _samples(point, [exhibit.image_id], loaded)
    network, masks = _model(point, loaded).network, (sample.mask[None], sample.ignore[None])
    at_0: list[Tensor] = []  # the classes predicted there

    def maps_of(noisy: Tensor, moment: Moment) -> list[Tensor]:
        """By pcoder, (1, height, width) each."""
        predicted = network.head(moment.representations[-1]).argmax(1)
        at_0.append(predicted)
        truth = truth_of([sample], moment.images, noisy.device)
        images = noisy.expand(moment.images, *noisy.shape)
        found = maps_at_layers(network, moment, truth.target(point.target, predicted, at_0[0]), images, point.attribute)
        return [scaled(each[:1].cpu(), (sample.mask.shape[0], sample.mask.shape[1])) for each in found]

    maps = over_time(point, exhibit.image_id, loaded, "maps at every pcoder", maps_of)
    return [
        replace(
            exhibit,
            saliency={t: at_t[n][0].numpy() for t, at_t in enumerate(maps)},
            iou={t: iou(at_t[n], *masks, point.settings.threshold).item() for t, at_t in enumerate(maps)},
        )
        for n in range(len(maps[0]))
    ]


def point_of(shard: shards.Shard, loaded: Loaded, extensions: Sequence[str] = ()) -> GridPoint:
    """The grid point that a shard is of, from the configuration it was computed with.

    Its device is `auto` where the one it was computed on is not here.

    Raises:
        BadSetting: the configuration cannot be read, what it names is not here, or weights or images are others now.
    """
    name = shard.metadata["identity"][:12]
    refused = partial(_refused, f"The configuration of shard {name} cannot be used here")
    try:
        settings = stored(shard.metadata["config"])
        settings["device"] = _device(str(settings["device"]))
        settings["extensions"] = _expected(named(settings), extensions)
        point = grid_point(settings, shard.metadata["config"], loaded)
        now = shards.canonical(point.decisive(loaded))
    except KeyError as error:
        raise refused(f"it has no `{error.args[0]}`") from error
    except (TypeError, ValueError) as error:
        raise refused(str(error)) from error
    before, after = leaves(shard.settings), leaves(now)
    if unnoted := [key for key in after if key.endswith(f".{SOURCE}") and key not in before]:
        _log.warning("Shard %s does not say by which code of %s it was computed.", name, ", ".join(point.own_modules))
        now = without_source(now, [key.partition(".")[0] for key in unnoted])
        after = leaves(now)
    if shards.identity(now) != shard.metadata["identity"]:
        differing = sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key))
        raise BadSetting(
            f"The {_what(point, differing)} of shard {name} have changed since it was computed"
            f" (different now: {listed([f'`{key}`' for key in differing])}); compute its point anew to draw it."
        )
    return point


def _what(point: GridPoint, differing: Sequence[str]) -> str:
    own = [key for key in differing if key.endswith(f".{SOURCE}")]
    code = f"author's own modules ({', '.join(point.own_modules)})"
    return "weights or images" if not own else code if len(own) == len(differing) else f"weights, images or {code}"


def _expected(stored: Sequence[str], extensions: Sequence[str]) -> list[str]:
    """The user's modules, all of which the reader must have named as well: a file alone has nothing imported."""
    if missing := sorted(set(stored) - set(extensions)):
        raise BadSetting(f"it needs modules of its author's own; if you trust them, add extensions=[{','.join(missing)}]")
    return list(stored)


def _refused(what: str, why: str) -> BadSetting:
    return BadSetting(f"{what}: {why}")


def _device(name: str) -> str:
    try:
        check_device(name, "fp32")
    except BadSetting:
        return "auto"
    return name


def _samples(point: GridPoint, image_ids: Sequence[str], loaded: Loaded) -> Sequence[Sample]:
    dataset = loaded.dataset(point.dataset)
    places = {image_id: index for index, image_id in enumerate(dataset.image_ids)}
    if unknown := [image_id for image_id in image_ids if image_id not in places]:
        raise BadSetting(f"Expected images of {point.dataset.name}, but got {listed([repr(name) for name in unknown])}.")
    try:
        return decode(dataset, [places[image_id] for image_id in image_ids], point.dataset.describe()) if image_ids else []
    except ValueError as error:
        raise BadSetting(str(error)) from error


def _check_update(point: GridPoint) -> None:
    if point.skipped:
        raise BadSetting(
            f"Expected coefficients without {point.rule.skipped}, for which there is no update, but got {point.label}."
        )


def _model(point: GridPoint, loaded: Loaded) -> Model:
    """On the point's device."""
    model = loaded.model(point.model)
    model.network.on(device_of(point.settings.device))
    return model


def _picture(model: Model, normalised: Float[Tensor, "3 height width"]) -> UInt8[np.ndarray, "height width 3"]:
    return png.pixels(png.of_image(model.denormalize(normalised)))

"""What a grid point is made of, tried once on one image: what it refuses, or does wrong, is said before any work.

Somebody's own noise, attribution, metric or rule may be anything. Each is held here against its contract (docs/extending.md).
"""

import random
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from pcsweep.attribution.every_layer import Levels, LevelScene
from pcsweep.attribution.scene import Scene
from pcsweep.config.errors import BadSetting
from pcsweep.config.schema import whose
from pcsweep.dataset import Sample
from pcsweep.grid.classes import check_range, compared
from pcsweep.grid.loaded import Loaded
from pcsweep.measure.columns import measured_by
from pcsweep.metric.perturbation import Probe
from pcsweep.metric.row import Scored
from pcsweep.metric.saliency import scaled
from pcsweep.model import Model
from pcsweep.network import PredictiveNetwork
from pcsweep.network.engine.run import Moment
from pcsweep.network.loop import Stepping
from pcsweep.network.within import from_drive
from pcsweep.noise import corrupt, generator_for
from pcsweep.pcoder import files
from pcsweep.pcoder.rule import UpdateRule, Values, valued

if TYPE_CHECKING:
    from pcsweep.grid.point import GridPoint

_TRIED = 2  # images, by which shapes are told apart


def try_once(point: "GridPoint", loaded: Loaded) -> None:
    """Tries noise, attribution, metrics and rule once on one image, so that what is wrong with them is said before any work.

    Raises:
        BadSetting: what is wrong.
        ValueError: what the package itself refuses.
    """
    space, settings = point.noise_settings, point.settings
    measured = settings.metrics, settings.threshold, settings.thresholds, point.perturbation
    noise = point.noise, space.space, space.clip, space.per_timestep
    try_rule_once(point, loaded)
    mapped = point.attribution, point.layer
    trial = (point.model, point.dataset, noise, mapped, point.limit, settings.seed, measured)
    if trial in loaded.tried:
        return
    images, model = loaded.dataset(point.dataset), loaded.model(point.model)
    sample = loaded.first_sample(point.dataset, point.limit, settings.seed)
    network = model.network.cpu()
    image = tried_noise(point, sample, model)[None]
    with torch.no_grad():
        states = _states(network, image)
        classes = network.outline(image)[-1].shape[1]
    check_range(images, classes)
    compared(model, images)
    target = torch.tensor([sample.class_index] * _TRIED)
    images_tried = image.repeat(_TRIED, 1, 1, 1)
    scene = Scene(network.head, states[-1], target, images_tried, point.taken_at)
    scenes = levels(network, states, target, images_tried).scenes if point.every_layer else [scene]
    try_metrics(point, sample, scene, [tried_attribution(point, each) for each in scenes][-1])
    loaded.tried.add(trial)


def try_rule_once(point: "GridPoint", loaded: Loaded) -> None:
    """Tries the rule once for every choice of coefficients that are not zero: what a step can do may depend on that.

    Raises:
        BadSetting: what is wrong.
    """
    if not isinstance(point.rule, Stepping):
        return
    asked = tuple(tuple(value > 0 for value in numbers) for numbers in point.rules)
    trial = (point.model, point.dataset, point.limit, point.settings.seed, str(point.rule), asked)
    if trial in loaded.tried:
        return
    network = loaded.model(point.model).network.cpu()
    image = loaded.first_sample(point.dataset, point.limit, point.settings.seed).image[None]
    with torch.no_grad():
        states = _states(network, image)
    try_rule(point.rule, point.rules, states)
    loaded.tried.add(trial)


def _states(network: PredictiveNetwork, image: Tensor) -> list[Tensor]:
    """r_1(0)..r_N(0) of as many images as are tried, all of them that image, of shape (1, 3, height, width)."""
    return [torch.cat([state] * _TRIED) for state in network.feedforward(image)]


def levels(network: PredictiveNetwork, states: list[Tensor], target: Tensor, images: Tensor) -> Levels:
    """The scenes of the feedforward network at every pcoder."""
    start = Moment(0, (0,), len(images), states, from_drive)
    return Levels(network.within(start, torch.arange(len(images))), target, images)


def tried_noise(point: "GridPoint", sample: Sample, model: Model) -> Tensor:
    """The sample's noisy, normalised image, as a run makes it.

    Raises:
        BadSetting: the noise fails, or is not what `pcsweep.noise` says.
    """
    function, space = point.noise.function, point.noise_settings
    who, given = whose(function), partial(function, **point.noise.arguments)

    def watched(image: Tensor, generator: torch.Generator) -> Tensor:
        undrawn = generator.get_state()
        before, where = image.clone(), f"in the space `{space.space}`, where it gets {_range(image)}"
        with _failing(who, where):
            noisy = given(image, generator)
        found = _like(image, noisy, f"the noise {who}", "an image")
        if not torch.equal(image, before):
            raise BadSetting(
                f"Expected the noise {who} to leave the image as it is and return another, but it changes it in place."
            )
        if space.per_timestep and torch.equal(generator.get_state(), undrawn):
            raise BadSetting(
                f"Expected `noise.per_timestep` to be false, since the noise {who} draws nothing at random and would be the "
                "same at every timestep, but got true."
            )
        if not bool(torch.isfinite(found).all()):
            raise BadSetting(f"Expected the noise {who} to return finite values, but it returns NaN or infinity {where}.")
        return found

    def once() -> Tensor:
        return corrupt(sample.image, watched, generator_for(sample.image_id, 0), model, space=space.space, clip=space.clip)

    noisy, again = _twice(once, f"the noise {who}", "to draw from the generator that it is given alone")
    if not torch.equal(noisy, again):
        raise BadSetting(
            f"Expected the noise {who} to follow from the image, its settings and the generator alone, but for the same ones it "
            "gives another result the second time: draws take generator=generator."
        )
    return noisy


def tried_attribution(point: "GridPoint", scene: Scene | LevelScene) -> Tensor:
    """The maps of a scene of several images.

    Raises:
        BadSetting: the attribution fails, or is not what `pcsweep.attribution` says.
    """
    function, who = point.attribution.function, f"the attribution {whose(point.attribution.function)}"
    before = scene.representation.clone(), scene.image.clone()

    def once() -> Tensor:
        with _failing(whose(function)):
            return point.attribute(scene)

    maps, again = _twice(once, who, "to draw at random from a generator of its own with a seed")
    if not isinstance(maps, Tensor) or maps.ndim != 3 or len(maps) != len(scene.representation) or 0 in maps.shape:
        raise BadSetting(
            f"Expected {who} to return a map for each image, ({len(scene.representation)}, height, width) for "
            f"{len(scene.representation)} images, but got {_said(maps)}."
        )
    if not maps.is_floating_point():
        raise BadSetting(f"Expected {who} to return floats, but got {maps.dtype}.")
    if bool((maps < 0).any()) or bool(maps.isinf().any()):
        raise BadSetting(f"Expected {who} to return finite maps of nothing below 0, but got {_range(maps)}.")
    if not all(map(torch.equal, before, (scene.representation, scene.image))):
        raise BadSetting(f"Expected {who} to leave the images and representations as they are, but it changes them in place.")
    if not torch.allclose(maps, again, rtol=1e-4, atol=1e-6, equal_nan=True):
        raise BadSetting(f"Expected {who} to make the same maps of the same scene, but the second time it makes others.")
    return maps.detach()


def try_metrics(point: "GridPoint", sample: Sample, scene: Scene, maps: Tensor) -> None:
    """Computes the metrics that are asked for.

    Raises:
        BadSetting: one fails, or returns another shape than a value per image.
    """
    settings, rows = point.settings, len(maps)
    with torch.no_grad():
        logits = scene.head(scene.representation)
    probability = logits.softmax(1)[:, scene.target[0]]  # (rows,): the answer about any image, so that a trial takes no time
    scored = Scored(
        saliency=scaled(maps.float(), (sample.mask.shape[0], sample.mask.shape[1])),
        mask=sample.mask.expand(rows, -1, -1),
        ignore=sample.ignore.expand(rows, -1, -1),
        logits=logits.float(),
        target=scene.target,
        label=scene.target,
        threshold=settings.threshold,
        thresholds=settings.thresholds,
    )
    measured_by(scored, settings.metrics, _failing)
    if point.perturbation:
        probe = Probe(scene.image, lambda variants: torch.stack([probability for _ in variants]), point.perturbation)
        measured_by(replace(scored, probe=probe), settings.metrics, _failing)


def try_rule(rule: UpdateRule, values: Sequence[Values], states: Sequence[Tensor]) -> None:
    """One step of a rule that has one, with the values of every pcoder and with the plain ones.

    Raises:
        BadSetting: it fails, returns other shapes, is not feedforward with the plain values, or refuses a pcoder; names that.
    """
    if not isinstance(rule, Stepping):
        return
    plain = tuple(each.plain for each in rule.coefficients)
    for n, (numbers, drive) in enumerate(zip(values, states, strict=True), start=1):
        who = f"{_method_of(rule, 'step')} for pcoder {n}"
        _stepped(rule, numbers, drive, who)
        if not torch.equal(_stepped(rule, plain, drive, who), drive):
            said = ", ".join(f"{key} = {value:g}" for key, value in valued(rule, plain).items())
            raise BadSetting(
                f"Expected {who} to return the drive itself, to the bit, with the plain values ({said}) that inactive "
                "pcoders have, but it returns something else: `plain` of its coefficients says which values these are."
            )


def _stepped(rule: Stepping, numbers: Values, drive: Tensor, who: str) -> Tensor:
    """r_n(t) from a drive and a state before it that is another."""
    before, rectified = drive.roll(1, -1) + 1, bool((drive >= 0).all())
    state = _started(rule, before, rectified)
    given = drive.clone(), before.clone(), state.clone()
    with _failing(who), torch.no_grad():
        returned: Any = rule.step(valued(rule, numbers), given[0], given[1], given[2], rectified)
    if not isinstance(returned, tuple) or len(returned) != 2:
        raise BadSetting(f"Expected {who} to return two tensors, r_n(t) and its own state, but got {_said(returned)}.")
    if not all(map(torch.equal, given, (drive, before, state))):
        raise BadSetting(f"Expected {who} to leave what it is given as it is, but it changes it in place.")
    _like(state, returned[1], who, "its own state")
    return _like(drive, returned[0], who, "r_n(t)")


def _started(rule: Stepping, initial: Tensor, rectified: bool) -> Tensor:
    """The rule's own state at t = 0."""
    who, given = _method_of(rule, "start"), initial.clone()
    with _failing(who), torch.no_grad():
        state: Any = rule.start(given, rectified)
    if not isinstance(state, Tensor) or state.shape[:1] != initial.shape[:1]:
        raise BadSetting(f"Expected {who} to return a tensor with a row for each image, but got {_said(state)}.")
    if not torch.equal(given, initial):
        raise BadSetting(f"Expected {who} to leave what it is given as it is, but it changes it in place.")
    return state


def _method_of(rule: UpdateRule, method: str) -> str:
    return f"`{method}` of {files().get(rule.name, rule.name)}"


def _like(one: Tensor, found: Any, who: str, what: str) -> Tensor:
    """What was returned, if its shape and type are those of another tensor."""
    if not isinstance(found, Tensor) or found.shape != one.shape or found.dtype != one.dtype:
        raise BadSetting(f"Expected {who} to return {what} of shape {tuple(one.shape)}, {one.dtype}, but got {_said(found)}.")
    return found


def _said(found: Any) -> str:
    return f"{tuple(found.shape)}, {found.dtype}" if isinstance(found, Tensor) else f"a {type(found).__name__}"


def _range(image: Tensor) -> str:
    return f"values from {image.min().item():.3g} to {image.max().item():.3g}"


@contextmanager
def _failing(who: str, where: str = "") -> Iterator[None]:
    """What somebody's own code raises is a refusal in one line, which says where it was raised."""
    try:
        yield
    except BadSetting:
        raise
    except ValueError as error:
        if "pcsweep." in who.partition("(")[0]:  # it says itself what was wrong with its settings
            raise
        raise BadSetting(f"{who}: {error}") from error
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        at, said = f" ({last.filename}, line {last.lineno})", "".join(str(error).splitlines()[:1])
        raise BadSetting(f"{who} fails {where or 'on the first image'}: {type(error).__name__}: {said}{at}.") from error


def _twice(once: Callable[[], Tensor], who: str, what: str) -> tuple[Tensor, Tensor]:
    """Both results. What draws from a generator that others draw from as well is refused.

    It draws at both calls: at one alone it may be what an import does, or another thread.
    """
    states, results = [_global_states()], []
    for _ in range(2):
        results.append(once())
        states.append(_global_states())
    for name, *found in zip(("torch", "numpy", "random"), *states, strict=True):
        if found[0] != found[1] != found[2]:
            raise BadSetting(
                f"Expected {who} {what}, but it draws from the global one of {name}: results would depend on the order of images."
            )
    return results[0], results[1]


def _global_states() -> tuple[Any, Any, Any]:
    of_numpy: Any = np.random.get_state()  # noqa: NPY002 - looked at, not drawn from
    return torch.get_rng_state().numpy().tobytes(), (of_numpy[1].tobytes(), *of_numpy[2:]), random.getstate()

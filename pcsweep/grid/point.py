"""Grid points: one cell of a study each, checked whole before anything is computed."""

import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field
from torch import Tensor

from pcsweep.attribution.every_layer import ALL, LevelScene, attributed_at
from pcsweep.attribution.scene import Scene, attributed, has_layer, of_pass_form
from pcsweep.config.distinct import distinct
from pcsweep.config.errors import BadSetting
from pcsweep.config.extensions import named
from pcsweep.config.labelling import Labelling, Note, Tags
from pcsweep.config.schema import MOST_AT_ONCE, MOST_IMAGES, MOST_TIMESTEPS, Choice, Mark, checked, choose, decisive, shown
from pcsweep.config.sources import file_sha256
from pcsweep.dataset import Sample
from pcsweep.grid import faithfulness
from pcsweep.grid.attribution import attribution_settings
from pcsweep.grid.loaded import Loaded
from pcsweep.grid.noise import NoiseSettings, noise_settings
from pcsweep.grid.randomized import RandomizedModel, model_choice
from pcsweep.grid.trial import try_once, try_rule_once
from pcsweep.machine.device import Device, Precision, check_device
from pcsweep.measure.batch import Batch, batch
from pcsweep.measure.measurement import Metric
from pcsweep.measure.truth import Target
from pcsweep.metric import FILES, TABLE
from pcsweep.metric.perturbation import Perturbation
from pcsweep.model import Model
from pcsweep.pcoder import USUAL, files, rule_named
from pcsweep.pcoder.predictive_coding import RULE
from pcsweep.pcoder.rule import UpdateRule, Values, check_values, keys_of, plain_unless, valued
from pcsweep.pcoder.settings import decisive_of, pcoder_settings
from pcsweep.study.axes import USUAL_ATTRIBUTION

Share = Annotated[float, Field(ge=0, le=1)]
Figure = Literal["heatmap", "fig1", "fig2", "fig3", "fig4"]


@dataclass(frozen=True)
class StudySettings:
    """The top-level keys of the configuration (`conf/config.yaml` says what each means)."""

    study: Annotated[str, Mark.ASIDE]
    timesteps: Annotated[int, Field(ge=0, le=MOST_TIMESTEPS)]
    threshold: Share
    thresholds: Annotated[tuple[Share, ...], AfterValidator(distinct)]
    metrics: tuple[Metric, ...]
    seed: Annotated[int, Field(ge=0, lt=2**63)]
    batch_size: Annotated[Literal["auto"] | Annotated[int, Field(ge=1, le=MOST_AT_ONCE)], Mark.ASIDE]
    device: Annotated[Device, Mark.ASIDE]
    precision: Precision
    output_root: Annotated[Path, Mark.ASIDE]
    pictures: Annotated[int, Field(ge=0, le=MOST_IMAGES)] = 0
    maps: Annotated[Literal["all"] | Annotated[int, Field(ge=1, le=MOST_IMAGES)] | None, Mark.YOUNGER] = None
    figure: Annotated[Figure, Mark.ASIDE] = "heatmap"
    cells: Annotated[Path | None, Mark.ASIDE] = None
    mixed: Annotated[bool, Mark.ASIDE] = False
    note: Annotated[Note, Mark.ASIDE] = ""
    tags: Annotated[Tags, Mark.ASIDE] = ()

    @property
    def folder(self) -> Path:
        """Where the study lies."""
        return self.output_root / self.study

    @property
    def labelling(self) -> Labelling:
        """What is said of it; points that an earlier version has put into a queue say nothing."""
        return Labelling(self.note, self.tags)


@dataclass(frozen=True)
class DatasetSettings:
    """The keys of the dataset group that every dataset has."""

    limit: Annotated[int, Field(ge=1, le=MOST_IMAGES)] | None = None
    cache: Path | None = None


@dataclass(frozen=True)
class GridPoint:
    """One cell of a study, checked and ready to be computed.

    Args:
        settings: the top-level keys.
        model, dataset, noise, attribution: what each group has chosen.
        limit: number of images; `None` for all.
        cache: folder for decoded images, if any.
        noise_settings: where the noise is added, and how often it is drawn.
        target: the class whose attribution is taken.
        active: numbers of the active pcoders, from 1.
        asked: the rule's coefficients of every pcoder as asked for, before inactive ones are made plain.
        hyperparameter: name of the set of coefficients.
        config: the resolved configuration (YAML), for the shard's metadata.
        rule: how the network is updated; points that an earlier version has put into a queue do not say it.
        layer: where the attribution's activation is taken, if it asks for one; `None` at the last pcoder.
        perturbation: of the metrics that ask the network about other images; None where none of them is asked for.
    """

    settings: StudySettings
    model: Choice
    dataset: Choice
    limit: int | None
    cache: Path | None
    noise: Choice
    noise_settings: NoiseSettings
    attribution: Choice
    target: Target
    active: tuple[int, ...]
    asked: tuple[Values, ...]
    hyperparameter: str
    config: str
    rule: UpdateRule = RULE
    layer: str | None = None
    perturbation: Perturbation | None = None

    @property
    def skipped(self) -> bool:
        """Whether there is no update with these coefficients, such as β + λ > 1: the cell stays dark."""
        return any(self.rule.is_skipped(valued(self.rule, numbers)) for numbers in self.asked)

    @property
    def rules(self) -> list[Values]:
        """The coefficients of every pcoder, inactive ones plain feedforward."""
        return plain_unless(self.rule, self.active, self.asked)

    @property
    def shard_folder(self) -> Path:
        """Of the study."""
        return self.settings.folder / "shards"

    def decisive(self, loaded: Loaded) -> dict[str, Any]:
        """Every setting that decides a number, and none that does not."""
        others = self.decisive_others(loaded)
        return {name: others[name] for name in ("model", "noise")} | {"pcoder": self.decisive_pcoder} | others

    def decisive_others(self, loaded: Loaded) -> dict[str, Any]:
        """Those beside the pcoder group's."""
        return {
            "model": {**self.model.decisive(), "weights_sha256": loaded.model(self.model).fingerprint},
            "noise": {**self.noise.decisive(), **decisive(NoiseSettings, vars(self.noise_settings))},
            **self.shared(loaded),
        }

    @property
    def decisive_pcoder(self) -> dict[str, Any]:
        """Those of the pcoder group."""
        coefficients = dict(zip(keys_of(self.rule), zip(*self.rules, strict=True), strict=True))
        return {**decisive_of(self.rule), "active": self.active, **coefficients}

    def shared(self, loaded: Loaded) -> dict[str, Any]:
        """Those of these settings that all points of a study share."""
        settings = decisive(StudySettings, vars(self.settings))
        seed, count = settings.pop("seed"), len(self.selection(loaded))
        if "maps" in settings:
            settings["maps"] = count if settings["maps"] == "all" else min(settings["maps"], count)
        return {
            **settings,
            "dataset": self.dataset.decisive(),
            "selection": {"seed": seed, **loaded.described(self.dataset, self.limit, seed)},
            "attribution": {**self.attribution.decisive(), **self._layer},
            "target": self.target,
            "metrics": sorted(self.settings.metrics),
            "pictures": min(self.settings.pictures, count),
            **({faithfulness.GROUP: vars(self.perturbation)} if self.perturbation else {}),
        }

    @property
    def _layer(self) -> dict[str, Any]:
        """The common key `layer` of an attribution that has it; one that computes gradients itself has a setting of that name."""
        return {"layer": self.layer} if has_layer(self.attribution.function) else {}

    @property
    def _choices(self) -> tuple[Choice, ...]:
        return self.model, self.dataset, self.noise, self.attribution

    @property
    def own_modules(self) -> list[str]:
        """The user's own among those that it is made of, by name."""
        return sorted({choice.function.__module__ for choice in self._choices if choice.own})

    @property
    def is_of_imported_code(self) -> bool:
        """Whether the user's own functions are those of the modules that are imported now, and none of them was edited since."""
        functions = (choice.function for choice in self._choices if choice.own)
        return all(getattr(sys.modules.get(each.__module__), each.__name__, None) is each for each in functions)

    def sources(self) -> dict[str, str]:
        """A hash of the code of each thing that the point is made of, by its file or by the user's own module."""
        found = {name: sha256 for choice in self._choices for name, sha256 in choice.sources().items()}
        measured = {FILES[name] for name, row in TABLE.items() if name in self.settings.metrics or not row.asked}
        own = [path for path in (files().get(self.rule.name), *sorted(measured)) if path]
        return found | {f"pcsweep/{path.parent.name}/{path.name}": file_sha256(path) for path in own}

    def selection(self, loaded: Loaded) -> tuple[int, ...]:
        """Indices of the images."""
        return loaded.selection(self.dataset, self.limit, self.settings.seed)

    def corrupt(self, sample: Sample, model: Model, timestep: int = 0) -> Tensor:
        """The sample's noisy image, as the model normalises it."""
        return self.noise_settings.corrupted(self.noise, sample, model, timestep)

    def batch(self, samples: Sequence[Sample], model: Model) -> Batch:
        """The samples with their noisy images, over time where noise is drawn anew at every timestep."""

        def anew(sample: Sample, timestep: int) -> Tensor:
            return self.corrupt(sample, model, timestep)

        return batch(samples, partial(self.corrupt, model=model), anew if self.noise_settings.per_timestep else None)

    def attribute(self, scene: Scene | LevelScene) -> Tensor:
        """The attribution maps, (rows, height, width)."""
        function, arguments = self.attribution.function, self.attribution.arguments
        if isinstance(scene, LevelScene):
            return attributed_at(scene, function, arguments)
        return attributed(function, arguments, scene if scene.layer == self.taken_at else replace(scene, layer=self.taken_at))

    @property
    def taken_at(self) -> str | None:
        """The module of the head where activations are taken; None for the last representation."""
        function, arguments = self.attribution.function, self.attribution.arguments
        layer: str | None = arguments["layer"] if of_pass_form(function) else self.layer
        return None if layer == ALL else layer

    @property
    def every_layer(self) -> bool:
        """Whether the maps of every pcoder are wanted."""
        return ALL in (self.layer, self.attribution.arguments.get("layer"))

    @property
    def label(self) -> str:
        """For people: a heatmap's coefficients and the noise; and beside them what is not as usual."""
        words, usual = [self.rule.name] * (self.rule.name != USUAL), vars(rule_named(self.rule.name))
        words += [f"{key}={value}" for key, value in vars(self.rule).items() if value != usual.get(key)]
        words += [self.said(key) for key in keys_of(self.rule) if key in self.rule.axes]
        words += self.noise_settings.words(self.noise)
        if len(self.active) < len(self.asked):
            words.append(f"pcoder {'+'.join(map(str, self.active))}")
        words += [self.attribution.name] * (self.attribution.name != USUAL_ATTRIBUTION)
        if isinstance(self.model, RandomizedModel):
            words.append(f"randomized={self.model.randomized}")
        return " ".join(words)

    def said(self, key: str) -> str:
        """A coefficient of the active pcoders, such as `β=0.4` or `β=[0.2 0.4]`."""
        place = keys_of(self.rule).index(key)
        values = [self.asked[number - 1][place] for number in self.active]
        return f"{self.rule.coefficients[place].symbol}={_shown(values)}"


def grid_point(plain: Mapping[str, Any], config: str, loaded: Loaded, here: bool = True) -> GridPoint:
    """The grid point that a composed and resolved configuration asks for, with every value checked.

    Args:
        plain: the configuration as plain dictionaries and lists.
        config: the same as YAML, to be stored with the results.
        loaded: where its model and dataset are, or will be.
        here: whether this machine computes it, and so must have its device.

    Raises:
        BadSetting: the first value that is wrong, named, with what is allowed.
    """
    try:
        return _with_coefficients(plain, config, loaded, here) or _grid_point(plain, config, loaded, here)
    except BadSetting:
        raise
    except ValueError as error:
        raise BadSetting(str(error)) from error


def _with_coefficients(plain: Mapping[str, Any], config: str, loaded: Loaded, here: bool) -> GridPoint | None:
    """A point like one that was found right, but for its pcoder group, and sharing all else with it; None where there is none."""
    like = loaded.like.get(_others(plain, here))
    if like is None or not like.is_of_imported_code:
        return None
    pcoders, model = pcoder_settings(_group(plain, "pcoder")), loaded.model(like.model)
    point = replace(
        like,
        rule=pcoders.rule,
        active=pcoders.numbers(len(model.network.stages)),
        asked=pcoders.rules(len(model.network.stages), model.coefficients),
        hyperparameter=pcoders.common.hyperparameter,
        config=config,
    )
    check_values(point.rule, point.asked)
    try_rule_once(point, loaded)
    return point


def _others(plain: Mapping[str, Any], here: bool) -> bytes:
    """A hash of all that is asked for beside the pcoder group, and whether it is to be computed here."""
    text = json.dumps([here, {name: value for name, value in plain.items() if name != "pcoder"}], sort_keys=True, default=repr)
    return hashlib.sha256(text.encode()).digest()


def _grid_point(plain: Mapping[str, Any], config: str, loaded: Loaded, here: bool) -> GridPoint:
    extensions = named(plain)
    groups = {group: _group(plain, group) for group in ("model", "dataset", "noise", "pcoder", "attribution")}
    own = {key: value for key, value in plain.items() if key not in (*groups, "extensions", "search", faithfulness.GROUP)}
    settings = StudySettings(**checked(StudySettings, own, others=f", `extensions`; and the groups {', '.join(groups)}"))
    _check_thresholds(settings)
    perturbation = faithfulness.perturbation_of(plain.get(faithfulness.GROUP, {}), settings.timesteps, settings.metrics)
    if here:
        check_device(settings.device, settings.precision)
    taken: dict[str, Any] = {key: groups["dataset"].pop(key) for key in ("limit", "cache") if key in groups["dataset"]}
    dataset_settings = DatasetSettings(**checked(DatasetSettings, taken, "dataset."))
    attribution = attribution_settings(groups["attribution"], extensions)
    noise, where_noise = noise_settings(groups["noise"], extensions)
    faithfulness.check_stays(perturbation, where_noise.per_timestep)
    choices = {"model": model_choice(groups["model"], extensions), "noise": noise}
    model = loaded.model(choices["model"])
    groups["dataset"] = as_the_model_was_trained(groups["dataset"], model)
    choices["dataset"] = choose("dataset", groups["dataset"], extensions)
    pcoders = pcoder_settings(groups["pcoder"])
    point = GridPoint(
        settings=settings,
        limit=dataset_settings.limit,
        cache=dataset_settings.cache,
        noise_settings=where_noise,
        attribution=attribution.choice,
        target=attribution.target,
        layer=attribution.layer,
        rule=pcoders.rule,
        active=pcoders.numbers(len(model.network.stages)),
        asked=pcoders.rules(len(model.network.stages), model.coefficients),
        hyperparameter=pcoders.common.hyperparameter,
        config=config,
        perturbation=perturbation,
        **choices,
    )
    check_values(point.rule, point.asked)
    try_once(point, loaded)
    if settings.metrics:
        loaded.check_objects(point.dataset, point.limit, settings.seed)
    loaded.like[_others(plain, here)] = point
    return point


def _check_thresholds(settings: StudySettings) -> None:
    """Refuses metrics of which nothing would be measured."""
    empty = [name for name in settings.metrics if TABLE[name].needs_thresholds]
    if empty and not settings.thresholds:
        raise BadSetting(
            f"Expected `thresholds` to have one at least, which {' and '.join(empty)} of `metrics` needs, but got []."
        )


def _group(plain: Mapping[str, Any], group: str) -> dict[str, Any]:
    settings = plain.get(group)
    if not isinstance(settings, Mapping):
        raise BadSetting(f"Expected a choice of `{group}`, such as {group}=NAME, but there is {shown(settings)}.")
    return dict(settings)


def as_the_model_was_trained(dataset: Mapping[str, Any], model: Model) -> dict[str, Any]:
    """The settings of a dataset with the model's preprocessing in place of `auto`."""
    own = vars(model.preprocessing)
    return {key: own[key] if value == "auto" and key in own else value for key, value in dataset.items()}


def _shown(values: Sequence[float]) -> str:
    return f"{values[0]:.3g}" if len(set(values)) == 1 else f"[{' '.join(f'{value:.3g}' for value in values)}]"

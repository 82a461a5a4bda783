"""Studies made by hand, as a sweep leaves them: shards of random numbers, plans, notes of failures and damaged files."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from toy_settings import replaced

from pcsweep.measure import png
from pcsweep.study import failures, shards
from pcsweep.study.damaged import set_aside

IMAGES, STEPS, SIDE = 24, 4, 16
THRESHOLDS = [0.25, 0.5]
NAMES = ("area", "iou", "pointing", "mass", "rank", "target_logit", "target_probability")
HOSTILE = (
    "<script>alert(1)</script>",
    "</script><img src=x onerror=alert(2)>",
    "\"quoted\" & 'so' &lt; <b>bold</b>",
    "naïve 犬 \u2028 ☃",
)
ALONE = "class of one"
SALT = 'salt, "and" <i>pepper</i>'  # a noise without σ


def settings(beta: float, lambda_: float, sigma: float | None = 0.2, **changed: Any) -> dict[str, Any]:
    """Of one grid point; `changed` replaces leaves, `noise__seed=1` for those in a group."""
    point: dict[str, Any] = {
        "model": {"name": "toy", "weights_sha256": "ab"},
        "dataset": {"name": "shapes"},
        "selection": {"count": IMAGES, "seed": 0},
        "noise": {"name": "gaussian", "sigma": sigma, "space": "pixel", "seed": 0},
        "pcoder": {"active": [1, 2], "beta": [beta] * 2, "lambda": [lambda_] * 2, "alpha": [0.0] * 2},
        "attribution": {"name": "grad_cam"},
        "target": "label",
        "threshold": 0.5,
        "thresholds": THRESHOLDS,
        "metrics": ["iou", "mass", "pointing", "rank"],
        "timesteps": STEPS - 1,
    }
    return replaced(point, changed)


def columns(point: dict[str, Any], undefined: int = 2, pictured: int = 0, **given: Any) -> dict[str, Any]:
    """Numbers drawn from the point's identity, rows shuffled; as many images and timesteps as the point has.

    Args:
        point: from `settings`.
        undefined: how many of the first images have no IoU after t = 0.
        pictured: of how many of the first images pictures and maps are kept.
        given: instead of what is drawn, an array (images, timesteps) or None for a metric, or `categories` of the images.
    """
    generator = np.random.default_rng(int(shards.identity(point)[:8], 16))
    images, steps = point["selection"]["count"], point["timesteps"] + 1
    categories = given.pop("categories", [*(HOSTILE[index % len(HOSTILE)] for index in range(images - 1)), ALONE])
    values = {name: generator.random((images, steps)).astype(np.float32) for name in NAMES}
    values["area"][:] = np.maximum(np.round(np.random.default_rng(0).random((images, 1)), 1), 0.1)
    values["centre"] = np.repeat(values["area"][:, :1] / 2, steps, axis=1)
    gained = 0.05 * np.arange(steps) * (1 + point["pcoder"]["lambda"][0] - point["pcoder"]["beta"][0])
    values["iou"] = (0.3 + 0.2 * values["iou"][:, :1] + gained * values["iou"]).astype(np.float32)
    values["iou"][:undefined, 1:] = np.nan
    values |= {name: array for name, array in given.items() if array is not None}
    order = generator.permutation(images * steps)
    measured = {name: array.ravel()[order] for name, array in values.items() if name not in given or given[name] is not None}
    at = {name: list(generator.random((len(order), len(THRESHOLDS))).astype(np.float32)) for name in ("iou_at", "found_at")}
    image, step = np.repeat(np.arange(images), steps)[order], np.tile(np.arange(steps, dtype=np.int32), images)[order]
    return {
        **_places(point, len(order)),
        "image_id": [identifier(number) for number in image],
        "class_index": np.array([categories.index(categories[number]) for number in image], np.int32),
        "category": [categories[number] for number in image],
        "timestep": step,
        **({} if given.get("iou", at) is None else at),
        "correct": generator.random(len(order)) < 0.7,
        "pixels": np.full(len(order), SIDE * SIDE, np.int32),
        **measured,
        **_pictures(image, step, pictured, generator),
    }


def identifier(number: int) -> str:
    """Of an image."""
    return f"test/image {number:02}"


def _places(point: dict[str, Any], rows: int) -> dict[str, Any]:
    pcoder = point["pcoder"]
    active = pcoder["active"]
    same = {name: {pcoder[name][number - 1] for number in active} for name in ("beta", "lambda", "alpha")}
    return {
        **{group: [point[group]["name"]] * rows for group in ("model", "dataset", "noise")},
        "sigma": [point["noise"]["sigma"]] * rows,
        "pcoder": ["all" if len(active) == len(pcoder["beta"]) else "+".join(map(str, active))] * rows,
        **{name: [found.pop() if len(found) == 1 else None] * rows for name, found in same.items()},
        **{f"{name}_n": [pcoder[name]] * rows for name in same},
    }


def _pictures(image: np.ndarray, step: np.ndarray, pictured: int, generator: np.random.Generator) -> dict[str, Any]:
    pixels = torch.tensor(generator.random((3, SIDE, SIDE)), dtype=torch.float32)
    square = torch.zeros(SIDE, SIDE, dtype=torch.bool)
    square[4:12, 4:12] = True
    saliency = generator.random((4, 4)).tolist()
    kept = {"image": png.of_image(pixels), "noisy": png.of_image(1 - pixels), "mask": png.of_mask(square)}
    kept["ignore"] = png.of_mask(torch.zeros(SIDE, SIDE, dtype=torch.bool))
    first = (image < pictured) & (step == 0)
    return {"map": [saliency if number < pictured else None for number in image]} | {
        name: [content if there else None for there in first] for name, content in kept.items()
    }


def put(folder: Path, point: dict[str, Any], metadata: dict[str, str] | None = None, **how: Any) -> Path:
    """One shard of the study in `folder`."""
    texts = {"code_version": "0.1.0", "host": "node1", "device": "cpu", "seconds": "36", "job": "", "config": "study: s"}
    return shards.write(folder / "shards", point, columns(point, **how), {**texts, **(metadata or {})})


def damage(path: Path) -> None:
    """Cuts off the end of a shard."""
    path.write_bytes(path.read_bytes()[:-100])


def plan(folder: Path, points: Sequence[dict[str, Any]], command: str = "python -m pcsweep -m study=s") -> None:
    """What a launcher leaves of its plan."""
    entries = []
    for point in points:
        beta, lambda_ = (point["pcoder"][name][0] for name in ("beta", "lambda"))
        skipped = beta + lambda_ > 1
        identity = None if skipped else shards.identity(point)
        entries.append({"identity": identity, "settings": point, "skipped": skipped, "label": f"β={beta} λ={lambda_} <point>"})
    (folder / "planned").mkdir(parents=True)
    (folder / "planned" / "1.json").write_text(json.dumps({"command": command, "points": entries}))


def broken(folder: Path) -> None:
    """A study in which all that can go wrong has.

    Two σ and two sets of active pcoders on a grid of β and λ, and one cell of another noise without σ. At the larger σ with all
    pcoders there are two noise seeds. With pcoder 1, one cell was never computed and one failed; one file is damaged and computed
    anew, another is not; one cell's IoU is undefined after t = 0.
    """
    pairs = [(beta, lambda_) for beta in (0.2, 0.6, 1.0) for lambda_ in (0.0, 0.2, 0.5)]
    whole = [settings(*pair, 0.6, noise__seed=seed) for pair in pairs for seed in (0, 1)] + [settings(*pair) for pair in pairs]
    single = [settings(*pair, sigma, pcoder__active=[1]) for sigma in (0.2, 0.6) for pair in pairs]
    points = [*whole, *single, settings(0.6, 0.2, None, noise__name=SALT)]
    plan(folder, points, "python -m pcsweep -m study=s 'hostile=<b>&'")
    lacking = settings(0.2, 0.2, pcoder__active=[1]), settings(0.2, 0.5, pcoder__active=[1])
    undefined, damaged, renewed = (settings(0.6, lambda_, sigma) for lambda_, sigma in ((0.2, 0.2), (0.0, 0.2), (0.2, 0.6)))
    for point in points:
        beta, lambda_ = (point["pcoder"][name][0] for name in ("beta", "lambda"))
        if beta + lambda_ > 1 or point in lacking:
            continue
        steady = np.full((IMAGES, STEPS), 0.4, np.float32)
        iou = {"iou": steady, "undefined": 0} if lambda_ == 0 else {}
        put(folder, point, {"host": "<i>node&2</i>"} if beta == 1 else {}, pictured=3, **iou)
    put(folder, undefined, undefined=IMAGES)
    for point in (damaged, renewed):
        path = put(folder, point)
        damage(path)
        set_aside(path)
    put(folder, renewed)
    failures.note(folder, shards.identity(lacking[1]), "", ValueError("no <b>memory</b> & no hope"), None)

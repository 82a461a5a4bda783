"""Studies of several update rules, made by hand."""

from pathlib import Path
from typing import Any

import numpy as np
import toy_study

from pcsweep.study import shards

IMAGES, STEPS = 14, 4


def point(rule: str, strength: float, sigma: float = 0.2, seed: int = 0, images: int = IMAGES) -> dict[str, Any]:
    """Of predictive coding with λ, of adaptation with b, or of surround with κ = `strength`, 0 being the control.

    Args:
        rule: its name; of surround with the form after a space.
        strength: of the recurrence.
        sigma, seed: of the noise.
        images: how many.
    """
    found = toy_study.settings(0.5, strength, sigma, noise__seed=seed, selection__count=images, timesteps=STEPS - 1)
    if rule == "adaptation":
        found["pcoder"] = {"rule": rule, "active": [1, 2], "a": [0.5] * 2, "b": [strength] * 2}
    elif rule.startswith("surround"):
        shared = {"form": rule.partition(" ")[2], "sigma_s": 2.0, "sigma_c": 1.0, "border": "reflect"}
        found["pcoder"] = {"rule": "surround", "active": [1, 2], **shared, "kappa": [strength] * 2, "mu": [1.0] * 2}
    return found


def put(folder: Path, settings: dict[str, Any], iou: np.ndarray) -> Path:
    """One shard of the study in `folder`; `iou` is (images, timesteps)."""
    images, steps, pcoder = *iou.shape, settings["pcoder"]
    lambda_, sigma = pcoder.get("lambda", [0.2])[0], settings["noise"]["sigma"]
    usual = toy_study.settings(0.5, lambda_, sigma, selection__count=images, timesteps=steps - 1)
    columns = toy_study.columns(usual, iou=iou, undefined=0, categories=["ab"[number % 2] for number in range(images)])
    if "rule" in pcoder:
        rows = images * steps
        keys = ("kappa", "mu") if pcoder["rule"] == "surround" else ("a", "b")
        columns |= {name: [None] * rows for key in ("beta", "lambda", "alpha") for name in (key, f"{key}_n")}
        columns |= {key: [pcoder[key][0]] * rows for key in keys} | {f"{key}_n": [pcoder[key]] * rows for key in keys}
    texts = {"code_version": "0.1.0", "host": "node1", "device": "cpu", "seconds": "36", "job": "", "config": "study: s"}
    return shards.write(folder / "shards", settings, columns, texts)


def numbers(seed: int, undefined: int = 0, gain: float = 0.0, images: int = IMAGES) -> np.ndarray:
    """A metric of images over time; each image starts at the same value whatever the seed, and gains about so much a timestep."""
    generator, start = np.random.default_rng(seed), np.random.default_rng(99).random((images, 1))
    values = 0.4 + 0.2 * start + np.arange(STEPS) * (gain + 0.02 * generator.standard_normal((images, STEPS)))
    values.ravel()[generator.choice(values.size, undefined, replace=False)] = np.nan
    return values.astype(np.float32)

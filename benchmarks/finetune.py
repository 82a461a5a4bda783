"""What supervised fine-tuning of the predictors does for accuracy under noise: the table of docs/training.md.

    python benchmarks/finetune.py [folder]

Fine-tunes PMiniVGG's published predictors (by reconstruction alone) through three timesteps of noisy classification, then
measures both on fresh images. Ten minutes on two cores; what is finished in `folder` is not done again.
"""

import subprocess
import sys
from pathlib import Path

import numpy as np

from pcsweep.study import shards

DYNAMICS = ["pcoder.beta=0.6", "pcoder.lambda=0.3", "pcoder.alpha=0"]
TRAINING = ["recipe=supervised", "dataset.count=6400", "feedback.epochs=1", "feedback.batch_size=32", "feedback.timesteps=3"]
TRAINING += ["feedback.learning_rate=0.002", *DYNAMICS]
IMAGES = ["dataset.seed=77", "dataset.count=1000", "noise.space=pixel", "timesteps=4", "metrics=[iou]", "study=finetune"]
SIGMAS = (0.0, 0.3, 0.4)
RESAMPLES = 2000


def run(module: str, *words: str) -> None:
    """One command of the package."""
    subprocess.run([sys.executable, "-m", module, *words], check=True)


def correct(shard: shards.Shard) -> np.ndarray:
    """Whether each image is classified right, (timesteps, images by identifier)."""
    columns = {name: np.array(shard.table[name].to_pylist()) for name in ("timestep", "image_id", "correct")}
    order = np.lexsort((columns["image_id"], columns["timestep"]))
    return columns["correct"][order].reshape(columns["timestep"].max() + 1, -1).astype(float)


def interval(values: np.ndarray) -> str:
    """Mean with the 95 % interval of a bootstrap over images."""
    drawn = np.random.default_rng(0).integers(0, len(values), (RESAMPLES, len(values)))
    low, high = np.quantile(values[drawn].mean(1), [0.025, 0.975])
    return f"{values.mean():+.3f} [{low:+.3f}, {high:+.3f}]"


def main(folder: Path) -> None:
    """Trains, measures, prints."""
    weights = folder / "supervised.safetensors"
    if not weights.exists():
        run("pcsweep.train", *TRAINING, f"output={weights}")
    root = f"output_root={folder}"
    words = ["-m", f"noise.sigma={','.join(map(str, SIGMAS))}", *IMAGES, root]
    run("pcsweep", *words, *DYNAMICS)
    run("pcsweep", *words, *DYNAMICS, f"model.feedback_weights={weights}")
    run("pcsweep", *words, "hyperparameter=model", f"model.feedback_weights={weights}")
    found = [shards.read(path) for path in sorted((folder / "finetune/shards").glob("*.parquet"))]
    published = {shard.settings["noise"]["sigma"]: correct(shard) for shard in found if not _is_tuned(shard)}
    write = sys.stdout.write
    write("σ, predictors, coefficients: accuracy at t = 0, 1, …; difference to reconstruction alone at the last t\n")
    for shard in sorted(found, key=lambda each: (each.settings["noise"]["sigma"], _is_tuned(each), _is_learned(each))):
        sigma, values = shard.settings["noise"]["sigma"], correct(shard)
        name = "supervised" if _is_tuned(shard) else "reconstruction"
        coefficients = "learned" if _is_learned(shard) else "β = 0.6, λ = 0.3"
        means = " ".join(f"{mean:.3f}" for mean in values.mean(1))
        write(f"{sigma}, {name}, {coefficients}: {means}; {interval(values[-1] - published[sigma][-1])}\n")


def _is_tuned(shard: shards.Shard) -> bool:
    return "supervised.safetensors" in shard.metadata["config"]


def _is_learned(shard: shards.Shard) -> bool:
    return shard.settings["pcoder"]["beta"][0] != 0.6


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "outputs/finetune"))

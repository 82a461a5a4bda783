"""The settings of the metrics that ask the network about other images: how pixels are replaced, and at which timesteps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from pcsweep.config.distinct import distinct
from pcsweep.config.errors import BadSetting
from pcsweep.config.schema import checked, shown
from pcsweep.metric import TABLE, variants_of
from pcsweep.metric.perturbation import Perturbation

GROUP = "faithfulness"
_MOST_STEPS = 100_000  # beyond which a number is a slip of the hand
_WIDEST = 1001  # pixels of a kernel


def _odd(value: int) -> int:
    if value % 2 == 0:
        raise ValueError("an odd number")
    return value


Timestep = Annotated[int, Field(ge=0)] | Literal["last", "all"]


@dataclass(frozen=True)
class FaithfulnessSettings:
    """The keys of `faithfulness` (`conf/config.yaml` says what each means)."""

    timesteps: Annotated[tuple[Timestep, ...], AfterValidator(distinct)] = (0, "last")
    steps: Annotated[int, Field(ge=1, le=_MOST_STEPS)] = 16
    baseline: Literal["mean", "blur"] = "mean"
    sigma: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 5.0
    kernel: Annotated[int, Field(ge=1, le=_WIDEST), AfterValidator(_odd)] = 11

    def chosen(self, last: int) -> tuple[int, ...]:
        """The timesteps in order, t = 0 always among them since gains are on it.

        Args:
            last: T.

        Raises:
            BadSetting: one is beyond T.
        """
        if "all" in self.timesteps:
            return tuple(range(last + 1))
        numbers = {0} | {last if each == "last" else int(each) for each in self.timesteps}
        if max(numbers) > last:
            raise BadSetting(
                f"Expected `faithfulness.timesteps` to have numbers from 0 to {last}, which is `timesteps`, or last or all, "
                f"but got {max(numbers)}."
            )
        return tuple(sorted(numbers))


def asking(metrics: Sequence[str]) -> list[str]:
    """Those of some metrics that ask the network about other images."""
    return [name for name in metrics if TABLE[name].variants]


def passes(metrics: Sequence[str], perturbation: Perturbation | None) -> int:
    """How many timesteps of other images the network computes for metrics, of each image at one grid point."""
    timesteps = perturbation.timesteps if perturbation else ()
    return variants_of(metrics, perturbation) * sum(timestep + 1 for timestep in timesteps)


def described(metrics: Sequence[str], perturbation: Perturbation | None) -> str:
    """What metrics ask of the network, in words; empty where none of them asks."""
    if not perturbation:
        return ""
    timesteps, count = ", ".join(map(str, perturbation.timesteps)), variants_of(metrics, perturbation)
    return (
        f"{' and '.join(asking(metrics))} ask the network about {count} other images for each map at "
        f"t = {timesteps}, each from t = 0 on: {passes(metrics, perturbation)} timesteps for each image and point."
    )


def check_stays(perturbation: Perturbation | None, per_timestep: bool | None) -> None:
    """Unless the network sees the image that is perturbed throughout.

    Raises:
        BadSetting: it sees another noise at every timestep.
    """
    if perturbation and per_timestep:
        raise BadSetting(
            "Expected `noise.per_timestep` to be false with metrics that show the network other images, of which it sees one "
            "throughout, but got true."
        )


def perturbation_of(given: Any, last: int, metrics: Sequence[str]) -> Perturbation | None:
    """What the key `faithfulness` of a configuration says; None where no metric asks the network about other images.

    Args:
        given: the key's value; empty in a configuration that is older than it.
        last: T.
        metrics: that are measured.

    Raises:
        BadSetting: an unknown key, or a value that is none.
    """
    if not isinstance(given, Mapping):
        raise BadSetting(f"Expected `{GROUP}` to have keys, such as {GROUP}.steps=16, but got {shown(given)}.")
    settings = FaithfulnessSettings(**checked(FaithfulnessSettings, dict(given), f"{GROUP}."))
    if not asking(metrics):
        return None
    return Perturbation(settings.chosen(last), settings.steps, settings.baseline, settings.sigma, settings.kernel)

"""Sweeps of predictive-coding feedback in vision networks, scored by Grad-CAM against segmentation masks."""

from pcsweep.console import interruption

interruption.while_starting()

from typing import TYPE_CHECKING, Any  # noqa: E402  (after the line above, for it takes time)

from pcsweep.config.version import __version__ as __version__  # noqa: E402

if TYPE_CHECKING:
    from pcsweep.study.load import load as load


def __getattr__(name: str) -> Any:
    """`pcsweep.load`, imported when it is asked for: it needs pyarrow, which takes longer to start than all the rest."""
    if name != "load":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from pcsweep.study.load import load

    return load

"""A figure → its two files."""

import os
import secrets
from pathlib import Path

from matplotlib.figure import Figure

DPI = 200


def save(figure: Figure, stem: Path) -> list[Path]:
    """Writes `stem`.png and `stem`.pdf, each complete or not at all, and returns their paths."""
    paths = []
    for ending in ("png", "pdf"):
        path = stem.with_name(f"{stem.name}.{ending}")
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
        try:
            figure.savefig(temporary, format=ending, dpi=DPI)
            os.replace(temporary, path)
            figure.set_layout_engine("none")  # the second file has the layout of the first
        finally:
            temporary.unlink(missing_ok=True)
        paths.append(path)
    return paths

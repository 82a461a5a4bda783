"""A figure → its two files."""

import os
import secrets
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.text import Text

DPI = 200


def save(figure: Figure, stem: Path) -> list[Path]:
    """Writes `stem`.png and `stem`.pdf, each complete or not at all, and returns their paths."""
    literal(figure)
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


def literal(figure: Figure) -> None:
    """Takes no text of the figure for mathematics: names of images and settings may have dollars in them."""
    for text in figure.findobj(Text):
        assert isinstance(text, Text)  # as asked for
        text.set_parse_math(False)

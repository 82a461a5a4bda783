"""A figure → its files."""

import os
import secrets
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.text import Text

from pcsweep.figures.numbers import NumberedFigure, table_of
from pcsweep.machine.files import replacing
from pcsweep.study.spreadsheet import write_csv

DPI = 200


def save(figure: Figure, stem: Path, numbers: Path | None = None) -> list[Path]:
    """Writes `stem`.png, `stem`.pdf and, of a figure that keeps its numbers, `stem`.csv, each complete or not at all.

    Args:
        figure: that is written.
        stem: path of the files without their endings.
        numbers: path of the numbers without `.csv`, where that of the pictures is a table's.

    Returns:
        The paths of the pictures.
    """
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
    if isinstance(figure, NumberedFigure):
        beside = numbers or stem
        with replacing(beside.with_name(f"{beside.name}.csv")) as temporary:
            write_csv(table_of(figure), temporary)
    return paths


def literal(figure: Figure) -> None:
    """Takes no text of the figure for mathematics: names of images and settings may have dollars in them."""
    for text in figure.findobj(Text):
        assert isinstance(text, Text)  # as asked for
        text.set_parse_math(False)

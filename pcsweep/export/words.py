"""The words of the command, checked, and where an export goes."""

import pkgutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pcsweep.aggregate.words import DrawingOptions, drawing_words
from pcsweep.config.errors import BadSetting
from pcsweep.config.schema import place
from pcsweep.console.exit import yes_or_no
from pcsweep.console.words import words_of
from pcsweep.export import to as places
from pcsweep.machine.destination import destination
from pcsweep.study.mixing import Where, where_of

TO = tuple(sorted(found.name for found in pkgutil.iter_modules(places.__path__)))
_OWN = ("study", "to", "into", "output_root", "gzip", "resamples", "permutations", "seed")


@dataclass(frozen=True)
class ExportWords(DrawingOptions):
    """The words of the command line."""

    study: str
    to: str
    into: str = ""
    output_root: str = "outputs"
    gzip: bool = False
    where: Where = field(default_factory=dict)

    def folder(self, usual: Path) -> Path:
        """`into`, or else the usual folder, which can be written.

        Raises:
            BadSetting: it cannot.
        """
        return destination(usual, place(self.into, "into") if self.into else "", "into")

    def file(self, usual: Path, begins: tuple[int, bytes]) -> Path:
        """`into`, or else the usual file, in a folder that can be written.

        Args:
            usual: the file.
            begins: which bytes stand where in a file of that kind; another one is not touched.

        Raises:
            BadSetting: it cannot, or is a folder, or a file of another kind.
        """
        path = Path(place(self.into, "into")) if self.into else usual
        if path.is_dir():
            raise BadSetting(f"Expected `into` to be a file for `to={self.to}`, but {path} is a folder; try {path / usual.name}.")
        start, magic = begins
        if path.exists() and _first(path, start + len(magic))[start:] != magic:
            raise BadSetting(f"Expected `into` to be a new file or one of {self.to}, but {path} is another, and stays as it is.")
        return destination(path.parent, str(path.parent) if self.into else "", "into") / path.name


def _first(path: Path, count: int) -> bytes:
    with path.open("rb") as file:
        return file.read(count)


def parse(words: Sequence[str]) -> ExportWords:
    """The words that are given.

    Raises:
        BadSetting: an unknown key, or a value that is not valid.
    """
    words, where = where_of(words, _OWN)
    given = words_of(words, _OWN)
    if given.get("to") not in TO:
        raise BadSetting(f"Expected `to` to be one of {', '.join(TO)}, but got {given.get('to', 'nothing')!r}.")
    gzip = yes_or_no("gzip", given.get("gzip", "false"))
    if "gzip" in given and given["to"] != "csv":
        raise BadSetting(f"Expected `gzip` with `to=csv` alone, but got `to={given['to']}`.")
    return ExportWords(
        study=given.get("study", ""),
        to=given["to"],
        into=given.get("into", ""),
        output_root=given.get("output_root", "outputs"),
        gzip=gzip,
        where=where,
        **drawing_words(given),
    )

"""Contents → one HTML file that needs nothing else."""

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from pcsweep.machine.files import replacing
from pcsweep.report.contents import Contents
from pcsweep.report.nothing import Nothing
from pcsweep.report.numbers import compressed

SCRIPTS = (
    "numbers",
    "state",
    "plots",
    "tables",
    "heatmap",
    "lines",
    "plane",
    "drawn",
    "cell",
    "all_cells",
    "best",
    "layers",
    "sanity",
    "rules",
    "search",
    "cost",
    "controls",
    "download",
    "start",
    "renewal",
)


def write(contents: Contents, path: Path) -> None:
    """Writes the page to `path`, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(html(contents), encoding="utf-8")


def write_nothing(contents: Nothing, path: Path) -> None:
    """Writes the page of a study without a cell to `path`, whole or not at all; it needs no script."""
    with replacing(path) as temporary:
        temporary.write_text(_rendered("nothing.html", contents=contents), encoding="utf-8")


def _rendered(template: str, **given: Any) -> str:
    """Every text escaped, the style within."""
    environment = Environment(
        loader=PackageLoader("pcsweep.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(style=_own("page.css"), **given)


def html(contents: Contents) -> str:
    """The page: every text escaped, script, style and numbers within."""
    from plotly.offline import get_plotlyjs

    numbers = json.dumps(contents.drawn, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return _rendered(
        "page.html",
        contents=contents,
        script=_script(),
        numbers=Markup(numbers.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")),  # noqa: S704
        plotly=compressed(get_plotlyjs().encode()),
    )


def _script() -> Markup:
    """The files of `script/` in the order in which each builds on those before, as one that may wait."""
    parts = Markup("\n").join(_own(f"script/{name}.js") for name in SCRIPTS)
    return Markup('"use strict";\n(async () => {\n') + parts + Markup("})();\n")


def _own(name: str) -> Markup:
    """A file of this package, as it is."""
    return Markup((files("pcsweep.report") / name).read_text(encoding="utf-8"))  # noqa: S704

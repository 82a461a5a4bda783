"""The source of somebody's own modules: what a hash is taken of, so that an edit of one is another setting."""

import ast
import hashlib
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

SOURCE = "source_sha256"  # setting of a choice of the user's own: a hash of its code
_INSTALLED = ("site-packages", "dist-packages")
_LOOKS_AROUND = re.compile(rb"\b(__file__|__path__|__import__|__loader__|__spec__|importlib|pkgutil|runpy)\b")
_COMPILED = (".so", ".pyd")


@cache
def source_sha256(module_name: str) -> str:
    """SHA-256 of the text of an imported module and of those beside it that it leads to by imports.

    It is taken once in a process, and so of what was imported, not of what an editor saves meanwhile.
    """
    digest = hashlib.sha256()
    for name, path in sorted(_files(module_name).items()):
        digest.update(f"{name}\n".encode() + _text(path) + b"\0")
    return digest.hexdigest()


@cache
def file_sha256(path: Path) -> str:
    """SHA-256 of the text of one file; empty where there is none."""
    try:
        return hashlib.sha256(_text(path)).hexdigest()
    except OSError:
        return ""


def movable(module_name: str) -> tuple[Path, dict[str, Path]] | None:
    """The folder in which an imported module of the user's own lies, and the files of its hash, by their names in there.

    None where a copy of them would not be the same: where one asks for its own place, or imports what only a run shows, or lies
    beside compiled code.
    """
    files = _files(module_name)
    if not files or any(_LOOKS_AROUND.search(path.read_bytes()) for path in files.values()):
        return None
    own = files[module_name]
    root = own.parents[module_name.count(".") + (own.stem == "__init__")]
    packages = {path.parent for path in files.values()} - {root}
    if any(path.suffix in _COMPILED for package in packages for path in package.iterdir()):
        return None
    return root, {path.relative_to(root).as_posix(): path for path in files.values()}


def _text(path: Path) -> bytes:
    return path.read_bytes().replace(b"\r\n", b"\n")


def _files(module_name: str) -> dict[str, Path]:
    """The module's file, and those that it leads to, by the names of the modules."""
    file = getattr(sys.modules.get(module_name), "__file__", None)
    if not file:
        return {}
    own = Path(file)
    up = module_name.count(".") + (own.stem == "__init__")
    root = own.parents[up]
    found: dict[str, Path] = {}
    waiting = [module_name]
    while waiting:
        name = waiting.pop()
        path = own if name == module_name else _file(root, name)
        if name in found or path is None or not _is_theirs(name, module_name, root):
            continue
        found[name] = path
        waiting += [name.rpartition(".")[0]] if "." in name else []  # whose __init__ is run as well
        waiting += _imported(path, name)
    return found


def _file(root: Path, name: str) -> Path | None:
    place = root.joinpath(*name.split("."))
    return next((path for path in (place.with_suffix(".py"), place / "__init__.py") if path.is_file()), None)


def _is_theirs(name: str, module_name: str, root: Path) -> bool:
    """Whether it is a module of the user's: not of pcsweep, and where many are installed, of the same package."""
    first = name.partition(".")[0]
    return first != "pcsweep" and (root.name not in _INSTALLED or first == module_name.partition(".")[0])


def _imported(path: Path, name: str) -> Iterator[str]:
    """What a file may import, wherever in it, by the names of modules."""
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):  # no Python, or not yet: then nothing of it has been imported
        return
    package = name.split(".")[: None if path.stem == "__init__" else -1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield from filter(None, [base, *(f"{base}.{alias.name}".lstrip(".") for alias in node.names)])

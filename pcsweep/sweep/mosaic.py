"""Cells in a terminal: a sign for each, told apart by colour and shape, in mosaics side by side as far as there is room."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from rich.text import Text

from pcsweep.sweep.cell_map import Mosaic, State, Strip


@dataclass(frozen=True)
class Sign:
    """Of a state: a character, another where there is only ASCII, a colour, and a word."""

    symbol: str
    ascii: str
    style: str
    word: str


SIGNS = {
    State.DONE: Sign("■", "#", "green", "done"),
    State.RUNNING: Sign("▸", ">", "bold cyan", "running"),
    State.PENDING: Sign("○", "o", "yellow", "pending"),
    State.FAILED: Sign("✗", "x", "bold red", "failed"),
    State.UNKNOWN: Sign("?", "?", "magenta", "unknown"),
    State.TO_DO: Sign("·", ".", "", "to do"),
    State.SKIPPED: Sign("–", "-", "dim", "skipped"),
}
_GAP = 3  # columns between mosaics
_WIDE = 48  # columns of a mosaic up to which every x has its label
_NARROW = 2  # columns of a cell without a label

Lines = list[Text]


def legend(parts: Sequence[Mosaic | Strip], ascii_only: bool) -> Text:
    """What the signs mean, and how many cells have each."""
    counts = Counter(state for part in parts for state in part.cells)
    text = Text(no_wrap=True, overflow="ellipsis")
    for state, sign in SIGNS.items():
        if counts[state]:
            text.append("   " if text.plain else "")
            text.append(_symbol(state, ascii_only), sign.style).append(f" {counts[state]:,} {sign.word}")
    return text


def drawn(parts: Sequence[Mosaic | Strip], width: int, height: int | None, ascii_only: bool) -> Lines:
    """All parts, or as many as there is room for, those first of which something is still to be expected.

    Args:
        parts: of a study.
        width: columns.
        height: lines; None for as many as it takes.
        ascii_only: for what can show no other characters.
    """
    blocks = [_block(part, width, ascii_only) for part in parts]
    lines, placed = _placed(list(range(len(parts))), blocks, width, height)
    if placed == len(parts):
        return lines
    urgent = sorted(range(len(parts)), key=lambda number: parts[number].at_rest)
    room = None if height is None else max(height - 1, 0)
    lines, placed = _placed(urgent, blocks, width, room)
    if not placed and room:
        cells = Strip(parts[urgent[0]].title, parts[urgent[0]].cells)
        lines, placed = _strip(cells, width, ascii_only)[:room], 1
    left = [parts[number] for number in urgent[placed:]]
    if not left:
        return [*lines, Text("…", "dim")]
    rest = " that are done" if all(part.at_rest for part in left) else ""
    return [*lines, Text(f"… and {len(left)} more{rest}", "dim")]


def _placed(order: Sequence[int], blocks: Sequence[Lines], width: int, height: int | None) -> tuple[Lines, int]:
    """The blocks side by side, and below each other, and how many of them there is room for."""
    lines: Lines = []
    row: list[Lines] = []
    placed = 0
    for number in order:
        block = blocks[number]
        across = sum(each[0].cell_len + _GAP for each in row) + block[0].cell_len
        if row and across > width:
            lines += _beside(row)
            row = []
        below = len(lines) + (1 if lines else 0) + max(len(each) for each in [*row, block])
        if height is not None and below > height:
            break
        row.append(block)
        placed += 1
    return [*lines, *_beside(row)] if row else lines, placed


def _beside(blocks: Sequence[Lines]) -> Lines:
    """Blocks of lines of one length each, aligned at the top, with an empty line below."""
    widths = [block[0].cell_len for block in blocks]
    lines = []
    for number in range(max(map(len, blocks))):
        line = Text()
        for block, width in zip(blocks, widths, strict=True):
            line.append_text(block[number] if number < len(block) else Text(" " * width)).append(" " * _GAP)
        lines.append(line)
    return [*lines, Text()]


def _block(part: Mosaic | Strip, width: int, ascii_only: bool) -> Lines:
    """Lines of one length; a mosaic that is too wide is a strip."""
    lines = _mosaic(part, ascii_only) if isinstance(part, Mosaic) else []
    if not lines or max(line.cell_len for line in lines) > width:
        lines = _strip(Strip(part.title, part.cells), width, ascii_only)
    longest = max(line.cell_len for line in lines)
    for line in lines:
        line.pad_right(longest - line.cell_len)
    return lines


def _strip(part: Strip, width: int, ascii_only: bool) -> Lines:
    lines = [Text(part.title)] if part.title else []
    for line in lines:
        line.truncate(width, overflow="ellipsis")
    for start in range(0, len(part.cells), width):
        lines.append(Text.assemble(*(_sign(state, ascii_only) for state in part.cells[start : start + width])))
    return lines or [Text()]


def _mosaic(part: Mosaic, ascii_only: bool) -> Lines:
    """A line for each y from the highest down, the labels of x below."""
    (y_label, x_label), (ys, xs) = part.labels, part.values
    aside = max(len(y_label), *map(len, ys)) + 1
    cell = max(_NARROW, 1 + max(map(len, xs)))
    cell = cell if cell * len(xs) <= _WIDE else _NARROW
    lines = [Text(part.title, "bold")] if part.title else []
    lines.append(Text(f"{y_label:>{aside - 1}}"))
    for y, row in reversed(list(zip(ys, part.rows, strict=True))):
        line = Text(f"{y:>{aside - 1}} ")
        for state in row:
            symbol, style = _sign(state, ascii_only) if state is not None else (" ", "")
            line.append(f"{symbol:<{cell}}", style)
        lines.append(line)
    labels = "".join(f"{x:<{cell}}" for x in xs)
    if cell <= max(map(len, xs)):
        labels = xs[0] if len(xs) == 1 else f"{xs[0]} … {xs[-1]}"
    lines.append(Text(f"{' ' * aside}{labels.rstrip()} {x_label}"))
    return lines


def _sign(state: State, ascii_only: bool) -> tuple[str, str]:
    return _symbol(state, ascii_only), SIGNS[state].style


def _symbol(state: State, ascii_only: bool) -> str:
    return SIGNS[state].ascii if ascii_only else SIGNS[state].symbol

"""Mosaics on a terminal: every cell can be told without colour, and what has no room is counted."""

import io
import re
from collections.abc import Sequence

import pytest
from rich.console import Console

from pcsweep.sweep.cell_map import Mosaic, State, Strip
from pcsweep.sweep.mosaic import SIGNS, Lines, drawn, legend

D, R, P, F, S, T, U = (State.DONE, State.RUNNING, State.PENDING, State.FAILED, State.SKIPPED, State.TO_DO, State.UNKNOWN)
SMALL = Mosaic("", ("β", "λ"), (("0.2", "1"), ("0", "0.5", "0.75")), ((D, R, None), (F, S, U)))


def told(lines: Lines) -> list[str]:
    return [line.plain.rstrip() for line in lines]


def titled(title: str, cells: Sequence[State] = (D, T)) -> Mosaic:
    return Mosaic(title, ("β", "λ"), (("0",), tuple(map(str, range(len(cells))))), (tuple(cells),))


def test_signs_differ_without_colour_and_with_ascii_alone() -> None:
    assert len({sign.symbol for sign in SIGNS.values()}) == len({sign.ascii for sign in SIGNS.values()}) == len(State)
    assert all(sign.ascii.isascii() and len(sign.symbol) == 1 for sign in SIGNS.values())
    assert {len({getattr(sign, name) for sign in SIGNS.values()}) for name in ("style", "word")} == {len(State)}


@pytest.mark.parametrize(
    ("ascii_only", "rows"), [(False, ["  1 ✗    –    ?", "0.2 ■    ▸"]), (True, ["  1 x    -    ?", "0.2 #    >"])]
)
def test_rows_go_up_and_columns_to_the_right(ascii_only: bool, rows: list[str]) -> None:
    assert told(drawn([SMALL], 80, None, ascii_only)) == ["  β", *rows, "    0    0.5  0.75 λ", ""]


def test_of_a_wide_mosaic_the_ends_are_labelled() -> None:
    values = tuple(f"{number / 20:g}" for number in range(20))
    lines = told(drawn([Mosaic("", ("β", "λ"), (("1",), values), ((D,) * 20,))], 80, None, False))
    assert lines == ["β", "1 " + "■ " * 19 + "■", "  0 … 0.95 λ", ""]


def test_what_is_wider_than_the_terminal_is_folded_row_by_row_from_the_top() -> None:
    wide = Mosaic("σ = 0.2", ("β", "λ"), (("0", "1"), tuple(map(str, range(30)))), ((D,) * 30, (P,) * 30))
    assert told(drawn([wide], 40, None, False)) == ["σ = 0.2", "○" * 30 + "■" * 10, "■" * 20, ""]


def test_mosaics_stand_side_by_side_as_far_as_there_is_room() -> None:
    parts = [titled("one"), titled("two"), titled("three")]
    assert told(drawn(parts, 22, None, False)) == [
        "one       two", "β         β", "0 ■ ·     0 ■ ·", "  0 1 λ     0 1 λ", "", "three", "β", "0 ■ ·", "  0 1 λ", "",
    ]  # fmt: skip


def test_what_has_no_room_is_counted_and_what_is_done_gives_way() -> None:
    parts = [titled("one", (D, D)), titled("two", (D, S)), titled("three"), titled("four", (F, D))]
    lines = told(drawn(parts, 12, 11, False))
    assert [line for line in lines if line in ("one", "two", "three", "four")] == ["three", "four"]
    assert lines[-1] == "… and 2 more that are done"
    assert len(lines) <= 11
    assert told(drawn(parts, 12, 6, False))[-1] == "… and 3 more"


@pytest.mark.parametrize("height", range(8))
def test_in_hardly_any_room_there_is_at_least_no_error(height: int) -> None:
    large = Mosaic("t", ("β", "λ"), (tuple(map(str, range(40))), ("0",)), ((T,),) * 40)
    for parts in ([large], [large, SMALL], [Strip("", [T] * 500)], []):
        lines = drawn(parts, 10, height, False)
        assert len(lines) <= max(height, 1)
        assert bool(lines) == bool(parts)


def test_the_legend_counts_what_there_is() -> None:
    assert (
        legend([SMALL, titled("x")], False).plain == "■ 2 done   ▸ 1 running   ✗ 1 failed   ? 1 unknown   · 1 to do   – 1 skipped"
    )
    assert legend([], False).plain == ""


def test_colours_are_beside_the_signs() -> None:
    console = Console(force_terminal=True, color_system="standard", width=60, file=io.StringIO(), record=True)
    for line in drawn([SMALL], 60, None, False):
        console.print(line)
    text = console.export_text(styles=True)
    assert re.search(r"\x1b\[32m■", text)
    assert re.search(r"\x1b\[1;31m✗", text)

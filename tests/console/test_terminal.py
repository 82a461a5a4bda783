"""What goes out to people cannot command their terminal."""

import io
import logging

from rich.table import Table
from rich.text import Text

from pcsweep.console.exit import outcome
from pcsweep.console.terminal import PrintableFormatter, Terminal, complain

HOSTILE = "a\x1b[2Jb\x9bc\u202ed"
SHOWN = r"a\x1b[2Jb\x9bc\u202ed"


def test_a_table_and_a_line_show_what_they_would_obey():
    out = io.StringIO()
    console = Terminal(file=out, force_terminal=True, width=120, color_system="standard")
    table = Table(HOSTILE, title=HOSTILE)
    table.add_row(Text(HOSTILE, style="red"))
    console.print(table)
    console.print(HOSTILE, markup=False, highlight=False)
    said = out.getvalue()
    assert said.endswith(f"{SHOWN}\n")
    assert "\x1b[31m" in said  # rich's own colours
    assert not {"\x1b[2J", "\x9b", "\u202e"} & {said[i : i + n] for i in range(len(said)) for n in (1, 4)}


def test_messages_and_logs_are_printable(capsys):
    complain("pcsweep", ValueError(HOSTILE))
    assert capsys.readouterr().err == f"pcsweep: {SHOWN}\n"
    record = logging.LogRecord("x", logging.INFO, "f", 1, "%s", (HOSTILE,), None)
    assert PrintableFormatter("%(message)s").format(record) == SHOWN


def test_warnings_of_a_command_without_a_log_are_printable(capsys, monkeypatch):
    logger = logging.getLogger("alone")
    monkeypatch.setattr(logger, "propagate", False)
    assert outcome("pcsweep.x", lambda: logger.warning("%s", HOSTILE) or 0, "stopped") == 0
    assert capsys.readouterr().err == f"{SHOWN}\n"

"""Lists of cells as people and spreadsheets write them, and the copies that studies keep."""

import pytest

from pcsweep.config.errors import BadSetting
from pcsweep.study import cells


def rows(path):
    return [dict(row.values) for row in cells.read(path).rows]


@pytest.fixture
def written(tmp_path):
    """Writes a list under a name of its own, for each is read once in a process."""

    def write(content, name="cells.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


TWO = [{"pcoder.beta": "0.2", "noise": "gaussian"}, {"pcoder.beta": "0.4"}]


@pytest.mark.parametrize(
    "content",
    [
        "pcoder.beta,noise\n0.2,gaussian\n0.4,\n",
        "pcoder.beta\tnoise\n0.2\tgaussian\n0.4\t\n",
        "\ufeffpcoder.beta;noise;;\r\n0,2;gaussian;;\r\n0,4;;;\r\n;;;\r\n",
        b"\xff\xfe" + "pcoder.beta\tnoise\r\n0,2\tgaussian\r\n0,4\t\r\n".encode("utf-16-le"),
        'sep=;\r\n"pcoder.beta";"noise"\r\n"0.2";"gaussian"\r\n0.4;\r\n',
        "# from a notebook, of May\n\npcoder.beta, noise\n#0.9,none\n0.2, gaussian\n\n ,\n0.4,,,\n   # end\n",
        "pcoder.beta,noise\r0.2,gaussian\r0.4,",
    ],
    ids=["csv", "tsv", "German", "UTF-16", "sep", "comments", "old Mac"],
)
def test_what_spreadsheets_write_is_read(written, content):
    assert rows(written(content)) == TWO


def test_lists_stand_in_quotes_or_alone_and_a_decimal_comma_is_no_list(written):
    assert rows(written('pcoder.beta,pcoder.active\n"[0.2,0.4]",all\n', "a.csv")) == [
        {"pcoder.beta": "[0.2,0.4]", "pcoder.active": "all"}
    ]
    assert rows(written("pcoder.beta\n[0.2,0.4]\n0,5\n", "b.csv")) == [{"pcoder.beta": "[0.2,0.4]"}, {"pcoder.beta": "0.5"}]


def test_rows_that_are_there_already_are_counted(written):
    path = written("pcoder.beta,noise\n0.2,\n0.4,\n0.2,\n0.2,none\n0.2,\n")
    found = cells.read(path)
    assert [row.line for row in found.rows] == [2, 3, 5]
    assert found.said() == [f"{path}: 2 rows are the same as another (lines 4, 6), and computed once."]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "row for each grid point, but it is empty"),
        ("# nothing\n\n;;\n", "but it is empty"),
        ("pcoder.beta\n", "but it has only names of settings, in line 1"),
        ("pcoder.beta,noise\n0.1\n", "line 2: Expected 2 cells, as there are columns, but got 1"),
        ("pcoder.beta,noise\n\n[0.1,0.2],none\n", "line 3: .* but got 3. A value with the separator in it needs quotes"),
        ("pcoder.beta,noise,pcoder.beta\n", "line 1, column 3: .* but `pcoder.beta` is column 1 as well"),
        ("pcoder.beta,my setting\n", "line 1, column 2: Expected the name of a setting, .* 'my setting'"),
        ("+pcoder.beta,noise\n", "line 1, column 1: Expected the name of a setting"),
        ("pcoder.beta,,noise\n1,2,none\n", "line 2, column 2: Expected no value where no setting is named, but got '2'"),
        ('pcoder.beta,noise\n"0.1,none\n', "line 2: .* `,` between them, but .*; a value in quotes ends"),
        ("dataset.root\n/data/\x1b[2Jx\n", r"line 2: Expected no control characters, but got /data/\\x1b\[2Jx"),
        ("dataset.root,noise\n/data/\x00x,none\n", "line 2: Expected no control characters"),
        ('dataset.root,noise\n"a\tb",none\n', "line 2, column `dataset.root`: Expected no tabs in a value"),
        ("study\n${oc.env:HOME}\n", "line 2, column `study`: Expected a value, but got .* which refers to another"),
        ("dataset.root\n$HOME/x\n", "Expected `dataset.root` to be a path, .* has not been replaced"),
        (b"study\ncaf\xe9\n", "line 2: Expected text in UTF-8"),
    ],
)  # fmt: skip
def test_what_is_no_list_is_refused_with_its_line(written, content, says):
    with pytest.raises(BadSetting, match=says) as refused:
        cells.read(written(content))
    assert "\n" not in str(refused.value)
    assert "cells.csv" in str(refused.value)


def test_a_file_that_is_not_there_is_answered_with_those_that_are(written, tmp_path):
    written("x", "first.csv"), written("x", "second.tsv")
    with pytest.raises(BadSetting, match=r"there is no .*frist.csv. Lists there: first.csv\.$"):
        cells.read(tmp_path / "frist.csv")
    with pytest.raises(BadSetting, match=r"is a folder. Lists there: first.csv, second.tsv\.$"):
        cells.read(tmp_path)


def test_a_command_reads_the_copy_once_the_file_is_another(written, tmp_path):
    path, study = written("pcoder.beta\n0.2\n", "my cells.csv"), tmp_path / "my study"
    note = cells.keep(study, path)
    command = f"python -m pcsweep -m 'cells={path}' study=s"
    assert (study / "cells" / note.copy).read_bytes() == path.read_bytes()
    assert cells.command_now(command, [note], study) == (command, "")
    path.write_text("pcoder.beta\n0.3\n")
    now, why = cells.command_now(command, [note], study)
    assert now == f"python -m pcsweep -m 'cells={study}/cells/{note.copy}' study=s"
    assert why == f"{path} is not what it was; the command reads the study's copy of it."
    path.unlink()
    assert cells.command_now(command, [note], study) == (now, why)
    assert cells.command_now("python -m pcsweep experiment=mine", [note], study)[0].endswith(
        f"experiment=mine {now.split(' ', 4)[4].removesuffix(' study=s')}"
    )
    assert cells.command_now(command, [cells.ListNote(str(path), "../../other.csv")], study) == (command, "")
    (study / "cells" / note.copy).unlink()
    assert cells.command_now(command, [note], study) == (command, "")

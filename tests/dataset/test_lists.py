"""Lists of images: every line is read or refused by its number, and no image counts twice."""

import re

import pytest

from pcsweep.dataset.read.lists import lines

WORD = re.compile(r"(\w+) \d+")


def names(path) -> list[str]:
    return [line[1] for line in lines(path, WORD, "cat 1")]


def test_empty_lines_comments_and_line_ends_say_nothing(tmp_path):
    path = tmp_path / "list.txt"
    for text in ("cat 1\ndog 2\n", "\ufeffcat 1\r\ndog 2", "#Image ID\n\n  cat 1  \n\ndog 2\n\n"):
        path.write_text(text)
        assert names(path) == ["cat", "dog"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cat 1\ndog", r"Expected line 2 of .*list.txt to be such as 'cat 1', but got 'dog'"),
        ("cat 1\n\ndog x 2", r"line 3 of .* but got 'dog x 2'"),
        ("cat 1\ndog 2\ncat 2\n", r"every image to be in .*list.txt once, but of these there are more \(1\): cat\."),
    ],
)
def test_a_line_that_does_not_fit_is_named(tmp_path, text, message):
    (tmp_path / "list.txt").write_text(text)
    with pytest.raises(ValueError, match=message):
        names(tmp_path / "list.txt")


def test_what_is_no_text_is_refused(tmp_path):
    with pytest.raises(ValueError, match="list.txt to be a list of images, a line for each, but: No such file"):
        names(tmp_path / "list.txt")
    with pytest.raises(ValueError, match="to be a list of images, a line for each, but: it is a folder"):
        names(tmp_path)
    (tmp_path / "list.txt").write_bytes(b"\xff\xfe\0")
    with pytest.raises(ValueError, match="to be a list of images, a line for each, but: 'utf-8' codec"):
        names(tmp_path / "list.txt")

"""The `key=value` words of the commands that have no configuration."""

import re
from collections import Counter
from collections.abc import Sequence

from pcsweep.config.errors import BadSetting

STUDY_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def completed(words: Sequence[str]) -> list[str]:
    """With `study=` before a word that is a name alone."""
    return [f"study={word}" if STUDY_NAME.fullmatch(word) else word for word in words]


def words_of(words: Sequence[str], valid: Sequence[str]) -> dict[str, str]:
    """The `key=value` words of a command that has no configuration.

    Raises:
        BadSetting: a key that is not valid.
    """
    pairs = [word.partition("=")[::2] for word in completed(words)]
    given = dict(pairs)
    if len(given) < len(pairs):
        twice = [key for key, count in Counter(key for key, _ in pairs).items() if count > 1]
        raise BadSetting(f"Expected `{twice[0]}` once, but got it several times.")
    for key in given:
        if key not in valid:
            raise BadSetting(f"Expected one of {', '.join(f'{name}=' for name in valid)}, but got {key!r}.")
    return given

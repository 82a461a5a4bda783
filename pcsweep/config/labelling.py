"""What somebody says of what is computed, for people: a note and tags. They decide no number."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator

LONGEST_NOTE, LONGEST_TAG, MOST_TAGS = 500, 40, 20  # characters, characters, tags


def _words(value: Any) -> Any:
    """A number as it was written, which YAML has read."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else "" if value is None else value


def _note(text: str) -> str:
    if len(text) > LONGEST_NOTE or not text.isprintable():
        raise ValueError(f"a line of at most {LONGEST_NOTE} printable characters")
    return text.strip()


def _tag(text: str) -> str:
    if not text or len(text) > LONGEST_TAG or not text.isprintable() or set(text) & set(" ,[]"):
        raise ValueError(f"a list of words of at most {LONGEST_TAG} printable characters, without spaces, commas and brackets")
    return text


def _tags(tags: tuple[str, ...]) -> tuple[str, ...]:
    if len(tags) > MOST_TAGS:
        raise ValueError(f"a list of at most {MOST_TAGS} tags")
    return tags


Note = Annotated[str, BeforeValidator(_words), AfterValidator(_note)]
Tags = Annotated[tuple[Annotated[str, BeforeValidator(_words), AfterValidator(_tag)], ...], AfterValidator(_tags)]


@dataclass(frozen=True)
class Labelling:
    """A note, empty if there is none, and tags."""

    note: str = ""
    tags: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.note or self.tags)

    def __str__(self) -> str:
        """Such as `second try [alpha, quick]`."""
        return " ".join(filter(None, (self.note, f"[{', '.join(self.tags)}]" if self.tags else "")))


def together(each: Sequence[Labelling]) -> Labelling:
    """All notes in their order, and all tags, each once."""
    notes = dict.fromkeys(one.note for one in each if one.note)
    return Labelling("; ".join(notes), tuple(dict.fromkeys(tag for one in each for tag in one.tags)))

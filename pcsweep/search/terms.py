"""What all commands that join one search must agree on."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pcsweep.config.errors import BadSetting

_SHOWN = {
    "objectives": "search.objective",
    "images": "search.images",
    "keep": "search.keep",
    "space": "what is searched",
    "settings": "the settings of the points",
}


@dataclass(frozen=True)
class Terms:
    """What a search is about; of plain values, as the journal keeps it.

    Args:
        objectives: in words.
        space: low, high and number of values of each setting that is searched, by key.
        conditions: words that tell those apart under which every trial is measured, for people; an empty word where there is one.
        settings: of a point of each condition, by dotted name, without what is searched and which images are taken.
        images: how many a trial is measured on first, then, ….
        total: how many images are selected; those beyond the last of `images` confirm what is best.
        keep: of so many trials one goes on to more images.
    """

    objectives: tuple[str, ...]
    space: Mapping[str, Sequence[Any]]
    conditions: tuple[str, ...]
    settings: tuple[Mapping[str, Any], ...]
    images: tuple[int, ...]
    total: int
    keep: int

    def plain(self) -> dict[str, Any]:
        """As JSON has it."""
        found: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return found

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> "Terms":
        """Of what `plain` gave."""
        return cls(
            objectives=tuple(plain["objectives"]),
            space=plain["space"],
            conditions=tuple(plain["conditions"]),
            settings=tuple(plain["settings"]),
            images=tuple(plain["images"]),
            total=int(plain["total"]),
            keep=int(plain["keep"]),
        )

    def check_same(self, there: "Terms", study: str) -> None:
        """Refuses to join a search that is about something else.

        Raises:
            BadSetting: names what differs.
        """
        ours, theirs = self.plain(), there.plain()
        for name, word in _SHOWN.items():
            if ours[name] != theirs[name]:
                here, other = _difference(ours[name], theirs[name])
                raise BadSetting(
                    f"Expected the search in study {study} to be about the same, but {word} is {here} here and {other} there. "
                    "Give this search its own study=NAME."
                )


def _difference(ours: Any, theirs: Any) -> tuple[str, str]:
    """What differs, in a few words each."""
    if isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        pairs = [(own, other) for own, other in zip(ours, theirs, strict=True) if own != other]
        if pairs and all(isinstance(each, dict) for pair in pairs for each in pair):
            return _difference(*pairs[0])
    if isinstance(ours, dict) and isinstance(theirs, dict):
        keys = [key for key in sorted({*ours, *theirs}) if ours.get(key) != theirs.get(key)]
        return tuple(", ".join(f"{key}={json.dumps(each.get(key))}" for key in keys[:3]) for each in (ours, theirs))  # type: ignore[return-value]
    return json.dumps(ours), json.dumps(theirs)

"""By which code the shards of a study were computed, as they say themselves, and where it is not the same."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping

from pcsweep.config.sources import SOURCE
from pcsweep.console.text import number_of
from pcsweep.machine.threads import listed

Sources = Mapping[str, str]  # a hash of the code by its file, or by the module of the user's own
_SHOWN = 8  # digits of a hash


def sources_of(texts: Mapping[str, str]) -> dict[str, str]:
    """Those in a shard's metadata; empty where it was written before they were noted."""
    try:
        found = json.loads(texts["sources"])
    except (KeyError, ValueError, RecursionError):
        return {}
    return {str(name): str(sha256) for name, sha256 in found.items()} if isinstance(found, dict) else {}


def differing(each: Iterable[Sources]) -> list[str]:
    """Which code is not the same in all shards, in a line for each; none where it is."""
    counts: dict[str, Counter[str]] = {}
    for sources in each:
        for name, sha256 in sources.items():
            counts.setdefault(name, Counter())[sha256] += 1
    lines = []
    for name, found in sorted(counts.items()):
        if len(found) > 1:
            told = ", ".join(f"{sha256[:_SHOWN]} in {number_of(count, 'shard')}" for sha256, count in found.most_common())
            lines.append(f"Not the same code of {name} in all shards: {told}{_apart(name)}")
    return lines


def other_than_now(there: Iterable[Sources], now: Sources) -> str:
    """How many shards were computed with other code than there is now, in a line; empty if none."""
    shards = [changed for each in there if (changed := [name for name in now if each.get(name, now[name]) != now[name]])]
    names = sorted({name for changed in shards for name in changed})
    if not names:
        return ""
    what = f"{number_of(len(shards), 'shard')} computed with other code of {listed(names)} than there is now"
    if all(_is_own(name) for name in names):
        return f"{what}; points are computed with it as it is now, and tables keep the two apart"
    return f"{what}, and a finished point is not computed again: if numbers differ, remove these or choose another study=NAME"


def _apart(name: str) -> str:
    return f" (cells of each are apart: {SOURCE})" if _is_own(name) else ""


def _is_own(name: str) -> bool:
    """Whether it is a module of the user's own, whose code is a part of identities."""
    return not name.startswith("pcsweep/")

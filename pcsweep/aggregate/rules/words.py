"""What can be said of rules side by side, in sentences."""

from collections.abc import Sequence
from typing import Any

from pcsweep.aggregate.best import FEW_IMAGES
from pcsweep.aggregate.best_table import number, small
from pcsweep.aggregate.rules.contrast import RuleContrast, RulePair, turned
from pcsweep.console.text import number_of
from pcsweep.statistics.permutation import SIGNIFICANT
from pcsweep.study.labels import axis_text, label_of

_NAMED = 3  # pairs of which nothing can be told


def sentences(contrast: RuleContrast) -> list[str]:
    """Which rule recovers more under which condition, or that nothing can be told; then what to hold against it."""
    lines = [f"{_where(contrast, condition)}{_verdict(contrast, condition)}." for condition in _conditions(contrast)]
    return lines + _lacking(contrast) + caveats(contrast)


def caveats(contrast: RuleContrast) -> list[str]:
    """How the differences are to be read."""
    confirming = int(contrast.halves.confirming.sum())
    images = len(contrast.halves.images)
    lines = []
    if contrast.pairs:
        lines.append(
            f"Each rule's cell and timestep was chosen on the same {images - confirming} images; differences are of the other "
            f"{confirming}, image by image, with q over {number_of(len(contrast.pairs), 'pair')}. "
            "That no difference is shown does not show that there is none."
        )
    if images < FEW_IMAGES:
        lines.append(
            f"Only {number_of(images, 'image')}: halves of fewer than {FEW_IMAGES} images are too small to tell rules apart."
        )
    return lines


def _conditions(contrast: RuleContrast) -> list[dict[str, Any]]:
    """Those under which there are several rules, in order."""
    found: list[dict[str, Any]] = []
    for best in contrast.bests:
        if best.condition not in found and sum(each.condition == best.condition for each in contrast.bests) > 1:
            found.append(best.condition)
    return found


def _where(contrast: RuleContrast, condition: dict[str, Any]) -> str:
    """Such as `σ = 0.4: `; empty where there is one condition without a σ."""
    text = condition_text(contrast, condition)
    return f"{text}: " if text else ""


def condition_text(contrast: RuleContrast, condition: dict[str, Any]) -> str:
    """Such as `σ = 0.4`, of what varies."""
    return ", ".join(axis_text(name, condition[name]) for name in contrast.varying if condition[name] is not None)


def _verdict(contrast: RuleContrast, condition: dict[str, Any]) -> str:
    pairs = [pair for pair in contrast.pairs if pair.a.condition == condition]
    if not pairs:
        return "no two rules have a best cell, so nothing can be told"
    clear = [pair for pair in pairs if pair.gain_q < SIGNIFICANT]
    others = [pair for pair in pairs if pair.gain_q != pair.gain_q or pair.gain_q >= SIGNIFICANT]
    told = [_clear(pair, contrast) for pair in clear]
    return "; ".join([*told, *([_unclear(others, contrast)] if others else [])])


def _clear(pair: RulePair, contrast: RuleContrast) -> str:
    """Such as `predictive_coding recovers more than surround: IoU +0.031 [0.012, 0.050], q = 0.004`."""
    way = pair if pair.gains.difference > 0 else turned(pair)
    how = "recovers more than" if way.gains.b > 0 else "loses less than"
    return f"{way.b.rule} {how} {way.a.rule} ({_size(way, contrast)})"


def _equal(p: float) -> str:
    text = small(p)
    return text.replace("<", "< ") if text.startswith("<") else f"= {text}"


def _unclear(pairs: Sequence[RulePair], contrast: RuleContrast) -> str:
    names = [f"{pair.a.rule} and {pair.b.rule}" for pair in pairs]
    which = "; ".join(names) if len(names) <= _NAMED else f"{len(names)} pairs of rules"
    if min(pair.gains.p_least for pair in pairs) >= SIGNIFICANT:
        least, most = min(pair.gains.p_least for pair in pairs), max(pair.gains.pairs for pair in pairs)
        return (
            f"nothing can be told between {which}: with {number_of(most, 'image')} that confirm no p can be below {small(least)}"
        )
    if all(pair.gains.difference == 0 and pair.gains.low == pair.gains.high for pair in pairs):
        return f"no difference at all between {which}"
    size = f" (second less first {_size(pairs[0], contrast)})" if len(pairs) == 1 else ""
    return f"nothing can be told between {which}{size}"


def _size(pair: RulePair, contrast: RuleContrast) -> str:
    gains = pair.gains
    value = f"{gains.difference:+.3f} [{number(gains.low)}, {number(gains.high)}]"
    return f"{label_of(contrast.halves.metric)} {value}, q {_equal(pair.gain_q)}"


def _lacking(contrast: RuleContrast) -> list[str]:
    """Rules without a best cell somewhere, and why."""
    found: dict[str, list[str]] = {}
    for best in contrast.bests:
        if best.candidate is None:
            why = (
                "has nothing but its control"
                if best.cells == 0
                else "has no defined value on the half of the images that chooses"
            )
            found.setdefault(f"{best.rule} {why}", []).append(condition_text(contrast, best.condition))
    return [f"{text}{_at(places)}: no best cell." for text, places in found.items()]


def _at(places: Sequence[str]) -> str:
    named = [place for place in places if place]
    return f" at {', '.join(named)}" if named else ""

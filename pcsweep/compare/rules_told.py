"""What a comparison of update rules says in the terminal, and writes."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from pcsweep.aggregate.rules.rows import best_table, pair_table
from pcsweep.aggregate.rules.table import save, shown_curves
from pcsweep.aggregate.rules.words import sentences
from pcsweep.compare.rules import RuleComparison
from pcsweep.compare.settings import in_words
from pcsweep.console.exit import say
from pcsweep.console.text import number_of
from pcsweep.figures.pages import Results
from pcsweep.figures.rules import draw_rules
from pcsweep.study.conditions import split_of, unit_of


def save_rules(result: RuleComparison, folder: Path) -> list[Path]:
    """Writes `rules`, `rule_differences` and the pictures, each whole or not at all; the paths of the pictures."""
    contrast = result.contrast
    save(contrast, folder)
    unit, split = unit_of(result.settings), split_of(result.settings)
    results = Results(shown_curves(contrast), facets=contrast.facets, metric=contrast.halves.metric, unit=unit, split=split)
    return draw_rules(results, contrast.rules, contrast.columns, folder, "rules_drawn") if results.rows else []


def report_rules(result: RuleComparison, pictures: Sequence[Path], console: Console) -> None:
    """Says what was compared, which rule recovers more under which noise, and where the pictures are."""
    for line in _summary(result):
        say(console, line)
    console.print(best_table(result.contrast, console.width))
    if result.contrast.pairs:
        console.print(pair_table(result.contrast, console.width))
    for line in sentences(result.contrast):
        say(console, line)
    for path in pictures:
        say(console, f"Picture: {path}")


def _summary(result: RuleComparison) -> list[str]:
    contrast, halves = result.contrast, result.contrast.halves
    lines = [f"{halves.metric}, update rules side by side: {', '.join(contrast.rules)}"]
    if len(result.studies) == 2:
        a, b = result.studies
        why = "no rule is in both studies, so no cell has a partner: the best cells of the rules are compared"
        lines += [
            f"{a} and {b}: {why}",
            *(in_words(result.different, a, b) if result.different else ["No setting differs but those of the rules"]),
        ]
    both, *only = result.images
    left = [f"{number_of(count, 'image')} only in {name}" for count, name in zip(only, result.studies, strict=True) if count]
    lines.append(f"Images: {both}" + (f"; left out: {', '.join(left)}" if left else ""))
    lines.append(f"Timesteps: 0 to {halves.timesteps[-1]}")
    if unpaired := sum(not pair.seeds_paired for pair in contrast.pairs):
        lines.append(f"No noise seed in common in {number_of(unpaired, 'pair')}: each image's means over its seeds are paired")
    return lines + [f"  damaged, left out: {text}" for text in result.damaged]

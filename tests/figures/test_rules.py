"""The best cells of rules over time: the numbers that are drawn."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pcsweep.figures.pages import Results, pages
from pcsweep.figures.rules import draw_rules, rules_over_time
from pcsweep.study.axes import RULE_COLUMN

CONDITIONS = ("model", "noise", "sigma")


def curve(rule: str, sigma: float, values: list[float], chosen: int, **changed: Any) -> list[dict[str, Any]]:
    place = {"model": "toy", "dataset": "shapes", "noise": "gaussian", "sigma": sigma, "pcoder": "all", RULE_COLUMN: rule}
    keys = {"beta": 0.5, "lambda": 0.2, "alpha": 0.0, "a": None, "b": None}
    if rule == "adaptation":
        keys = {**dict.fromkeys(keys), "a": 0.5, "b": 0.2}
    return [
        {
            **place,
            **keys,
            "rule": rule,
            "identity": rule,
            "images": 7,
            "seeds": 1,
            "timestep": step,
            "best": step == chosen,
            "baselines": {"at t = 0": values[0], "uniform map": 0.1},
            **{
                f"confirming_{name}{end}": middle + half
                for name, middle in (("mean", value), ("difference", value - values[0]))
                for end, half in (("", 0.0), ("_low", -0.1), ("_high", 0.2))
            },
            **changed,
        }
        for step, value in enumerate(values)
    ]


def results() -> Results:
    rows = [
        row
        for sigma in (0.2, 0.4)
        for rule, values in (("predictive_coding", [0.4, 0.5, 0.45]), ("adaptation", [0.4, 0.3, 0.35]))
        for row in curve(rule, sigma, [value - sigma for value in values], 1 if rule == "adaptation" else 2)
    ]
    return Results(rows, facets=[RULE_COLUMN])


def test_a_line_per_rule_with_its_interval_and_its_chosen_timestep(tmp_path: Path) -> None:
    (page,) = pages(results(), "noise", ("pcoder", RULE_COLUMN))
    figure = rules_over_time(page, ["predictive_coding", "adaptation"])
    assert len(figure.axes) == 4
    above, below = figure.axes[0], figure.axes[1]
    for panel, name in ((above, "mean"), (below, "difference")):
        assert len(panel.containers) == 2
        for container, rule in zip(panel.containers, ("predictive_coding", "adaptation"), strict=True):
            rows = [row for row in page.rows if row["rule"] == rule and row["sigma"] == 0.2]
            line, _, (bars,) = container.lines
            assert [round(x) for x in line.get_xdata()] == [0, 1, 2]
            assert line.get_ydata() == pytest.approx([row[f"confirming_{name}"] for row in rows])
            ends = np.array([segment[:, 1] for segment in bars.get_segments()])
            assert ends == pytest.approx(
                np.array([[row[f"confirming_{name}{end}"] for end in ("_low", "_high")] for row in rows])
            )
        marked = [line for line in panel.get_lines() if len(line.get_xdata()) == 1]
        assert [round(line.get_xdata()[0]) for line in marked] == [2, 1]
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names[:2] == ["predictive_coding", "adaptation"]
    assert "feedforward control: the value at t = 0" in names


def test_one_picture_for_all_noise_levels(tmp_path: Path) -> None:
    assert [path.name for path in draw_rules(results(), ["predictive_coding", "adaptation"], CONDITIONS, tmp_path)] == [
        "rules.png",
        "rules.pdf",
    ]

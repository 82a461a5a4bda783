"""Rows of a small study, as aggregation hands them to the figures."""

from typing import Any

from pcsweep.figures.pages import Page, Results, pages

BASELINES = {"at t = 0": 0.5, "centred Gaussian": 0.44, "uniform map": 0.21}


def place(beta: Any, lambda_: Any, **changed: Any) -> dict[str, Any]:
    """Coordinates of a cell."""
    axes = {"model": "toy", "dataset": "shapes", "noise": "gaussian", "sigma": 0.2, "pcoder": "all"}
    return {**axes, "beta": beta, "lambda": lambda_, "alpha": 0.0, **changed}


def cell(beta: Any, lambda_: Any, peak: float = 1.2, steps: int = 1, **changed: Any) -> list[dict[str, Any]]:
    """Rows at t = 0, …, `steps`: no change, then `peak`."""
    name = f"{beta} {lambda_} {changed}"
    rows = []
    for step in range(steps + 1):
        value = peak if step else 1.0
        numbers = {"mean": 0.5 * value, "bootstrap_mean": 0.51 * value, "bootstrap_std": 0.01 + step / 1000}
        for statistic, middle, half in (("normalized", value, 0.05), ("difference", 0.5 * (value - 1), 0.02)):
            numbers |= {statistic: middle, f"{statistic}_low": middle - half, f"{statistic}_high": middle + half}
        numbers["q"] = 0.01 if step and value > 1.25 else float("nan") if step == 0 else 0.5
        counts = {
            "n": 6,
            "nan": 1,
            "images": 7,
            "seeds": 1,
            "fixed": (beta, lambda_) == (1, 0) and not changed.get("alpha"),
            "hyperparameter": None,
            "lambda_inert": False,
            "baselines": dict(BASELINES),
        }
        rows.append({**counts, **place(beta, lambda_, **changed), "identity": name, "timestep": step, **numbers})
    return rows


ROWS = [*cell(0.0, 0.0, 0.9), *cell(0.0, 0.5, 1.3), *cell(0.5, 0.5, float("nan")), *cell(1.0, 0.0, 1.0)]
SKIPPED = [place(1.0, 0.5)]
MISSING = [place(0.5, 0.0)]


def only_page(rows: list[dict[str, Any]] = ROWS) -> Page:
    """The one page of these rows and a skipped and a missing cell."""
    (page,) = pages(Results(rows, SKIPPED, MISSING))
    return page

"""A shard is chosen by the values of its settings."""

from pathlib import Path
from typing import Any

import pytest
from toy_study import put, settings

from pcsweep.compute.choice import chosen, wanted_of
from pcsweep.config.errors import BadSetting

PLACES = [(beta, lambda_, sigma) for beta in (0.2, 0.8) for lambda_ in (0.0, 0.2) for sigma in (0.2, 0.4)]


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[tuple[Any, ...], str]]:
    folder = tmp_path_factory.mktemp("s")
    names = {place: put(folder, settings(*place)).stem for place in PLACES}
    names["1"] = put(folder, settings(0.8, 0.2, 0.4, pcoder__active=[1])).stem
    names["listed"] = put(folder, settings(0.2, 0.0, pcoder__beta=[0.2, 0.8])).stem
    return folder / "shards", names


@pytest.mark.parametrize(
    ("words", "place"),
    [
        (["noise.sigma=0.2", "pcoder.beta=0.8", "pcoder.lambda=0"], (0.8, 0.0, 0.2)),
        (["noise.sigma=.4", "pcoder.beta=8e-1", "pcoder.lambda=0.20", "pcoder.active=all"], (0.8, 0.2, 0.4)),
        (["noise.sigma=.4", "pcoder.beta=0.8", "pcoder.lambda=0.2", "pcoder.active=1", "noise=gaussian"], "1"),
        (["pcoder.beta=[0.2,0.8]"], "listed"),
    ],
)
def test_one_shard_has_the_values(study: Any, words: list[str], place: Any) -> None:
    folder, names = study
    others, wanted = wanted_of(["study=s", *words], ("study",))
    assert others == ["study=s"]
    assert chosen(folder, wanted) == names[place]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["noise.sigma=0.3"], "`noise.sigma` to be one of 0.2, 0.4, as in the study's shards, but got 0.3"),
        (
            ["pcoder.betta=0.3"],
            "such as noise.sigma, pcoder.active, .*pcoder.lambda, but got 'pcoder.betta'",
        ),
        (["pcoder.beta=[0.8,0.2]"], "`pcoder.beta` to be one of 0.2, 0.8"),
        (["noise=salt"], "`noise.name` to be one of gaussian, as in the study's shards, but got 'salt'"),
        (["pcoder.active=1", "noise.sigma=0.2"], "none has these together"),
        (["noise.sigma=0.4", "pcoder.beta=0.8", "pcoder.active=all"], r"2 have .*: λ=0.0 \(identity=.{12}\); λ=0.2 \(identity="),
    ],
)
def test_none_or_several_are_refused_with_what_there_is(study: Any, words: list[str], message: str) -> None:
    with pytest.raises(BadSetting, match=message):
        chosen(study[0], wanted_of(words, ())[1])

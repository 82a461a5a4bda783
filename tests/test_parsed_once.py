"""YAML that is parsed once says what it says, each time to be changed freely, and is wrong in its own name."""

import pytest
import yaml
from omegaconf import OmegaConf


@pytest.fixture
def written(tmp_path):
    def write(text):
        path = tmp_path / "some.yaml"
        path.write_text(text)
        return path

    return write


def test_what_was_read_can_be_changed_and_is_read_as_it_was(written):
    path = written("a: {b: [1, 2e3, 2020-01-01, on]}\n")
    first = OmegaConf.load(path)
    assert first == {"a": {"b": [1, 2000.0, "2020-01-01", True]}}
    first.a.b[0] = 5
    first.a.c = 6
    assert OmegaConf.load(path) == {"a": {"b": [1, 2000.0, "2020-01-01", True]}}


def test_a_file_that_was_changed_is_read_anew(written):
    assert OmegaConf.load(written("a: 1\n")).a == 1
    assert OmegaConf.load(written("a: 2\n")).a == 2


def test_what_is_wrong_is_told_each_time_with_the_file(written):
    path = written("a: 1\na: 2\n")
    for _ in range(2):
        with pytest.raises(yaml.constructor.ConstructorError, match=f"(?s)duplicate key a.*{path}"):
            OmegaConf.load(path)


def test_other_loaders_are_none_of_it(written):
    with written("when: 2020-01-01\n").open() as file:
        assert OmegaConf.load(file).when == "2020-01-01"
    with written("when: 2020-01-01\n").open() as file:
        assert str(type(yaml.safe_load(file)["when"])) == "<class 'datetime.date'>"

"""Around Hydra: a single run composes its configuration once, and everything else goes its usual way."""

import hydra
import pytest
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.hydra import Hydra
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import ConfigCompositionException

from pcsweep.grid.entry import composed_once

FOLDERS = ("hydra.run.dir={}/run", "hydra.sweep.dir={}/sweep", "hydra.output_subdir=null", "hydra/job_logging=none")


@pytest.fixture
def given(tmp_path, monkeypatch):
    """Gives words to a command; the values of `x` that it gets, and how often its configuration is composed, jobs included."""
    (tmp_path / "config.yaml").write_text("x: 1\n")
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    usual = ConfigLoaderImpl.load_configuration

    def words(*further):
        seen, composed = [], []
        monkeypatch.setattr(
            ConfigLoaderImpl, "load_configuration", lambda *args, **named: composed.append(1) or usual(*args, **named)
        )
        folders = [word.format(tmp_path) for word in FOLDERS]
        monkeypatch.setattr("sys.argv", ["command", *folders, "hydra/hydra_logging=none", *further])

        @hydra.main(version_base="1.3", config_path=str(tmp_path), config_name="config")
        def entry(config):
            seen.append(config.x)

        GlobalHydra.instance().clear()
        before = Hydra.get_mode, Hydra.compose_config
        try:
            with composed_once():
                entry()
        finally:
            GlobalHydra.instance().clear()
            assert (Hydra.get_mode, Hydra.compose_config) == before
        return seen, len(composed)

    return words


def test_a_single_run_is_composed_once(given):
    assert given("x=2") == ([2], 1)
    assert given("x=3", "hydra.mode=RUN") == ([3], 1)


def test_a_configuration_that_asks_for_a_sweep_is_swept(given):
    seen, composed = given("x=2,3", "hydra.mode=MULTIRUN")
    assert seen == [2, 3]
    assert composed > 1


def test_what_cannot_be_composed_is_said_as_ever(given):
    with pytest.raises(ConfigCompositionException, match="Could not override 'y'"):
        given("y=2")
    with pytest.raises(ConfigCompositionException, match="Ambiguous value for argument 'x=1,2'"):
        given("x=1,2")

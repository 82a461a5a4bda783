"""Tasks that an earlier version has queued are run by this one."""

import json
import subprocess
import sys

QUEUED = """
import pickle, pickletools
from hydra import compose, initialize_config_dir
from hydra.types import HydraContext
from pcsweep.grid.composed import point_from
from pcsweep.grid.entry import conf_folder
from pcsweep.grid.loaded import Loaded
from pcsweep.sweep.job import Session, SweepTask, SweepPoint

with initialize_config_dir(conf_folder(), version_base="1.3"):
    config = compose("config", overrides=["dataset.limit=2", "timesteps=1", "output_root=outputs"])
point = point_from(config, Loaded())
del point.__dict__["rule"]  # there was one alone


class Planned:
    pass


planned = Planned()
planned.__dict__ = {"point": point, "identity": "a" * 64}
task = SweepTask(Session(None, None, config), [[SweepPoint(0, (), None, planned)]], {})
text = pickle.dumps(task, protocol=0).decode("latin-1")
for now, before in {
    "cpcsweep.sweep.job\\nSweepTask\\n": "cpcsweep.sweep.worker\\nTask\\n",
    "cpcsweep.sweep.job\\nSweepPoint\\n": "cpcsweep.sweep.worker\\nPoint\\n",
    "cpcsweep.sweep.job\\nSession\\n": "cpcsweep.sweep.worker\\nSession\\n",
    "c__main__\\nPlanned\\n": "cpcsweep.study\\nPlanned\\n",
    "cpcsweep.grid.point\\nGridPoint\\n": "cpcsweep.grid\\nGridPoint\\n",
    "cpcsweep.grid.point\\nStudySettings\\n": "cpcsweep.grid\\nSettings\\n",
    "cpcsweep.grid.noise\\nNoiseSettings\\n": "cpcsweep.grid\\n_NoiseSettings\\n",
    "cpcsweep.config.schema\\nChoice\\n": "cpcsweep.settings\\nChoice\\n",
}.items():
    assert now in text, now
    text = text.replace(now, before)
open("queued.pkl", "w", encoding="latin-1").write(text)
"""

LOADED = """
import json, logging.config, pickle
from pcsweep.grid.identified import IdentifiedPoint
from pcsweep.sweep import former
from pcsweep.sweep.job import SweepTask

former.install()
task = pickle.loads(open("queued.pkl", "rb").read())
assert isinstance(task, SweepTask)
((point,),) = task.packs
assert isinstance(point.planned, IdentifiedPoint)
formatters = {"simple": {"class": "pcsweep.terminal.PrintableFormatter", "format": "%(message)s"}}
logging.config.dictConfig({"version": 1, "formatters": formatters})
assert point.planned.point.rules == [(0.8, 0.1, 0.01)] * 4
print(json.dumps([point.planned.identity, point.planned.settings["timesteps"], str(point.planned.folder)]))
"""


def test_a_pickle_of_the_version_before_is_what_it_was(tmp_path):
    """The names are those that version 0.1 pickled."""
    for code in (QUEUED, LOADED):
        done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == ["a" * 64, 1, "outputs/default"]

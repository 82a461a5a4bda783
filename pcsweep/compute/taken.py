"""Rows that a point takes from another shard instead of computing them: an image's result depends on no other image."""

import json
import logging
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from pcsweep.grid.identified import IdentifiedPoint
from pcsweep.grid.loaded import Loaded
from pcsweep.measure.columns import Columns
from pcsweep.study import shards

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Taken:
    """The rows of the first images of a point's selection.

    Args:
        images: how many images; 0 where there are none to take.
        table: their rows; None where there are none.
        identity: of the shard that has them.
    """

    images: int = 0
    table: pa.Table | None = None
    identity: str = ""

    @property
    def told(self) -> dict[str, str]:
        """For the new shard's metadata: from which shard, and of how many images."""
        return {"taken": json.dumps({"identity": self.identity, "images": self.images})} if self.images else {}

    def before(self, computed: Columns) -> Columns:
        """The columns of these rows, and after them of those that were computed; `computed` may be empty."""
        if self.table is None:
            return computed
        rows = len(computed.get("timestep", ()))
        names = dict.fromkeys([*self.table.column_names, *computed])
        nothing = [None] * self.table.num_rows
        known = {name: self.table[name].to_pylist() if name in self.table.column_names else nothing for name in names}
        return {name: [*known[name], *computed.get(name, [None] * rows)] for name in names}


def taken(planned: IdentifiedPoint, loaded: Loaded) -> Taken:
    """The rows that are known of a point's first images; none of a shard that is damaged, or of other code.

    A shard on more images is better than one on fewer, since it has all; of those on fewer the largest is.
    """
    ids = loaded.dataset(planned.point.dataset).image_ids
    wanted = [ids[index] for index in planned.point.selection(loaded)]
    sources = json.dumps(planned.point.sources(), sort_keys=True)
    for known in planned.known:  # from many images to few
        path = shards.place(planned.point.shard_folder, known.identity)
        try:
            shard = shards.read(path)
        except (shards.DamagedShard, FileNotFoundError) as error:
            _log.debug("No rows are taken from %s: %s", path, error)
            continue
        if shard.metadata.get("sources") != sources:
            continue
        first = wanted[: known.images]
        rows = shard.table.filter(pc.is_in(shard.table["image_id"], value_set=pa.array(first)))
        if rows.num_rows == len(first) * (planned.point.settings.timesteps + 1):
            return Taken(len(first), rows, known.identity)
    return Taken()

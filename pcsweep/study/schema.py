"""The columns of a shard: those of `SCHEMA`, and after them what a metric or an update rule of its own adds."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from pcsweep.pcoder import coefficients

SCHEMA_VERSION = 3

SCHEMA = pa.schema(
    [
        ("model", pa.string()),
        ("dataset", pa.string()),
        ("noise", pa.string()),
        ("sigma", pa.float64()),  # null for a noise without sigma
        ("pcoder", pa.string()),  # label of the active set: "all" or "1+3"
        ("beta", pa.float64()),  # of the active pcoders; null where they differ
        ("lambda", pa.float64()),
        ("alpha", pa.float64()),
        ("beta_n", pa.list_(pa.float64())),  # as computed, one per pcoder
        ("lambda_n", pa.list_(pa.float64())),
        ("alpha_n", pa.list_(pa.float64())),
        ("image_id", pa.string()),
        ("class_index", pa.int32()),
        ("category", pa.string()),  # the dataset's own word for the class
        ("target", pa.int32()),  # the class whose map this is
        ("timestep", pa.int32()),
        ("area", pa.float32()),  # share of the mask
        ("pixels", pa.int32()),  # of the image, without those that are ignored
        ("iou", pa.float32()),
        ("iou_at", pa.list_(pa.float32())),  # at each of the metadata's thresholds
        ("found_at", pa.list_(pa.float32())),  # share of the pixels above each of them
        ("pointing", pa.float32()),
        ("mass", pa.float32()),
        ("rank", pa.float32()),
        ("target_logit", pa.float32()),
        ("target_probability", pa.float32()),
        ("correct", pa.bool_()),
        # Of the first images of the selection, as many as the setting `pictures` says; null for the others.
        ("map", pa.list_(pa.list_(pa.float32()))),  # the attribution as computed, before upsampling: rows of a map
        ("image", pa.binary()),  # PNGs, at t = 0 only: what the dataset shows, what the network saw, the object, what is ignored
        ("noisy", pa.binary()),
        ("mask", pa.binary()),
        ("ignore", pa.binary()),
    ]
)

NUMBER, LISTED = pa.float32(), pa.list_(pa.float32())  # types of a metric's further columns
EXACT, EXACT_LISTED = pa.float64(), pa.list_(pa.float64())  # of a coefficient's
_EXACTLY = {column for key in coefficients() for column in (key, f"{key}_n")}


def at_layers(metric: str) -> str:
    """The column of a metric at every pcoder, from the lowest up, such as `iou_n`."""
    return f"{metric}_n"


def further_column(name: str, values: Sequence[Any] | np.ndarray) -> pa.Array:
    """Numbers, or lists of them: coefficients as they were asked for, what is measured in single precision."""
    return pa.array(list(values), further_type(name, any(isinstance(value, Sequence | np.ndarray) for value in values)))


def further_type(name: str, listed: bool) -> pa.DataType:
    """Of a column beside those of `SCHEMA`."""
    if name in _EXACTLY:
        return EXACT_LISTED if listed else EXACT
    return LISTED if listed else NUMBER


def is_known(schema: pa.Schema, further: str) -> bool:
    """Whether columns are those of `SCHEMA` and after them the further ones, whose names are given as JSON."""
    own = list(schema)[len(SCHEMA) :]
    try:
        names = json.loads(further)
    except (ValueError, RecursionError):
        return False
    same = pa.schema(list(schema)[: len(SCHEMA)]).equals(SCHEMA)
    return (
        same
        and names == [field.name for field in own]
        and all(field.type in (NUMBER, LISTED, EXACT, EXACT_LISTED) for field in own)
    )

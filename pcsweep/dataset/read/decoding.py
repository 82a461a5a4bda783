"""The selected samples of a dataset in memory, decoded by all CPUs once, and kept in a file for the next process if wanted."""

import hashlib
import json
import logging
import os
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

import numpy as np
import torch
from jaxtyping import Bool, UInt8
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from pcsweep.dataset import Dataset, Sample
from pcsweep.machine.files import as_the_umask_says, replacing
from pcsweep.machine.threads import gathered

_FORMAT = 2  # of the cache's files; another one misses
_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Decoded(Sequence[Sample]):
    """Samples of one size in 8 bits, equal to the dataset's own to the bit.

    Args:
        images: their levels, 255 times the values.
        masks, ignores: as in `Sample`.
        image_ids, class_indices, categories: of every sample.
    """

    images: UInt8[Tensor, "count 3 height width"]
    masks: Bool[Tensor, "count height width"]
    ignores: Bool[Tensor, "count height width"]
    image_ids: tuple[str, ...]
    class_indices: tuple[int, ...]
    categories: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.image_ids)

    @overload
    def __getitem__(self, index: int) -> Sample: ...
    @overload
    def __getitem__(self, index: slice) -> list[Sample]: ...
    def __getitem__(self, index: int | slice) -> Sample | list[Sample]:
        """The sample, or the samples of a slice, as floats."""
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        return Sample(
            image_id=self.image_ids[index],
            image=self.images[index].float() / 255,
            mask=self.masks[index],
            ignore=self.ignores[index],
            class_index=self.class_indices[index],
            category=self.categories[index],
        )


def decode(dataset: Dataset, indices: Sequence[int], described: Mapping[str, Any], cache: Path | None = None) -> Decoded:
    """The samples at `indices`, from the cache if they are there.

    A cache that cannot be written, or a file in it that cannot be used, costs a warning and the time of decoding.

    Args:
        dataset: to take them from.
        indices: of at least one sample.
        described: every setting of the dataset.
        cache: folder with one file for each `described` and selection, read as long as no source file has changed.

    Raises:
        ValueError: samples that cannot be decoded, images of several sizes, values that are no multiples of 1/255.
    """
    if cache is None:
        return _decoded(dataset, indices)
    key = _key(dataset, indices, described)
    path = cache.expanduser() / f"{key}.safetensors"
    if kept := _read(path, key):
        return kept
    writable = _is_writable(path.parent)
    decoded = _decoded(dataset, indices)
    if writable:
        _write(path, key, decoded)
    return decoded


def _decoded(dataset: Dataset, indices: Sequence[int]) -> Decoded:
    sizes: dict[tuple[int, ...], str] = {}
    named: list[tuple[str, int, str]] = []
    with closing(gathered(lambda index: _in_8_bits(dataset[index]), indices, "loading images")) as samples:
        for sample, levels in samples:
            if not sizes:
                images = np.empty((len(indices), *levels.shape), dtype=np.uint8)
                masks = np.empty((len(indices), *levels.shape[1:]), dtype=np.bool_)
                ignores = np.empty_like(masks)
            sizes.setdefault(levels.shape, sample.image_id)
            if len(sizes) == 1:
                place = len(named)
                images[place], masks[place], ignores[place] = levels, sample.mask, sample.ignore
            named.append((sample.image_id, sample.class_index, sample.category))
    if len(sizes) > 1:
        found = ", ".join(f"{height} × {width} ({image_id})" for (_, height, width), image_id in sizes.items())
        raise ValueError(f"Expected images of one size (height × width), but got {found}.")
    image_ids, class_indices, categories = zip(*named, strict=True)
    return Decoded(
        images=torch.from_numpy(images),
        masks=torch.from_numpy(masks),
        ignores=torch.from_numpy(ignores),
        image_ids=image_ids,
        class_indices=class_indices,
        categories=categories,
    )


def _in_8_bits(sample: Sample) -> tuple[Sample, Any]:
    """The sample and the levels of its image, (3, height, width)."""
    image = sample.image.numpy()  # numpy, since torch would start threads of its own in every one of ours
    levels = np.rint(image * np.float32(255)).astype(np.uint8)
    if not np.array_equal(levels.astype(np.float32) / np.float32(255), image):
        raise ValueError(f"Expected the values of image {sample.image_id} to be multiples of 1/255 in [0, 1], but got others.")
    return sample, levels


def _key(dataset: Dataset, indices: Sequence[int], described: Mapping[str, Any]) -> str:
    """Changes with all that decides the samples."""
    sources = [(dataset.image_ids[index], dataset.class_indices[index], dataset.stamp(index)) for index in indices]
    text = json.dumps([_FORMAT, described, sources], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _read(path: Path, key: str) -> Decoded | None:
    """What a file of the cache holds, mapped into memory; `None` without a file, or, with a warning, for one that is damaged."""
    if not os.path.exists(path):  # or in a folder that cannot be read
        return None
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = [file.get_tensor(name) for name in ("images", "masks", "ignores")]
        decoded = Decoded(*tensors, *(tuple(column) for column in json.loads(metadata["samples"])))
        if metadata["checksum"] != _checksum(key, decoded):
            raise ValueError("its checksum is wrong")
    except (SafetensorError, OSError, KeyError, ValueError, TypeError) as error:
        _log.warning("Decoding anew, since %s cannot be used: %s", path, error)
        return None
    return decoded


def _write(path: Path, key: str, decoded: Decoded) -> None:
    tensors = {"images": decoded.images, "masks": decoded.masks, "ignores": decoded.ignores}
    samples = json.dumps([decoded.image_ids, decoded.class_indices, decoded.categories])
    try:
        with replacing(path) as temporary, as_the_umask_says(temporary):
            save_file(tensors, temporary, {"samples": samples, "checksum": _checksum(key, decoded)})
    except (SafetensorError, OSError) as error:
        _log.warning("The decoded images are used, but not kept in %s: %s", path, error)


def _checksum(key: str, decoded: Decoded) -> str:
    """SHA-256 of all that a file holds and of what it is for."""
    named = [key, decoded.image_ids, decoded.class_indices, decoded.categories, decoded.images.shape]
    digest = hashlib.sha256(json.dumps(named).encode())
    for tensor in (decoded.images, decoded.masks, decoded.ignores):
        digest.update(tensor.contiguous().view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _is_writable(folder: Path) -> bool:
    """Whether files can be made there, with a warning if not: said before the work whose result could not be kept."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError as error:
        reason = error.strerror or os.strerror(error.errno or 0)
        _log.warning("Decoded images are not kept: expected `dataset.cache` to be writable, but %s: %s", folder, reason)
        return False

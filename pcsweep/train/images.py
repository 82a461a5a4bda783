"""Images as a stream: decoded by worker processes, in batches, of any dataset, with masks or without.

What happens to an image at random (a crop, a mirror, noise) depends on the seed, the epoch and the image alone: it is the same on
any worker, in any batch and on any number of devices, and a resumed training sees the same.
"""

import logging
import math
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Sampler
from torch.utils.data import Dataset as TorchDataset
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2.functional import resized_crop

from pcsweep.dataset import Dataset, Images, Sample
from pcsweep.dataset.read.photographs import Photographs
from pcsweep.noise import generator_for
from pcsweep.train.order import Part

_TRIES, _WIDEST = 10, 4 / 3  # of a random crop, as torchvision's RandomResizedCrop: tries, and width / height
_PREFETCHED = 2  # batches that every worker is ahead
_DAMAGED_IN_A_ROW = 20  # images; more are no flaw of a dataset, but of a disk

_log = logging.getLogger(__name__)


class Batch(NamedTuple):
    """Images of one part.

    Args:
        images: in [0, 1], but for noise.
        labels: their classes.
        share: of the images of the step, or of all that are measured; 0 where there is none for this device.
        problem: why images could not be read; empty where all could.
    """

    images: Float[Tensor, "batch 3 height width"]
    labels: Tensor
    share: float
    problem: str = ""


@dataclass(frozen=True)
class Changes:
    """What is done to every image at random.

    Args:
        seed: of all of it.
        noise: Gaussian, of a σ drawn uniformly from [0, noise], in units of the pixel range.
        least_area: the least share of the picture's area that a random crop has. `None`: no random crops.
        flip: mirrors half of the images.
    """

    seed: int = 0
    noise: float = 0.0
    least_area: float | None = None
    flip: bool = False


class Stream(TorchDataset[Batch]):
    """Gives the batch of a part; runs in worker processes.

    Args:
        source: where the images are.
        indices: of those that are streamed, in it.
        changes: what is done to them at random.
        replacing: whether the next image takes the place of one that cannot be read, which the log names.
    """

    def __init__(
        self, source: Images | Sequence[Sample], indices: Sequence[int], changes: Changes, replacing: bool = False
    ) -> None:
        self.source, self.changes, self.replacing = source, changes, replacing
        self.indices = np.asarray(indices, dtype=np.int64)  # in place of a list, of which every worker would get a copy

    def __len__(self) -> int:
        return len(self.indices)

    def __getitems__(self, part: Part) -> Batch:
        """Called by torch's loader, which never asks for one image."""
        try:
            pairs = [self._readable(place, part.epoch) for place in part.places]
        except (ValueError, OSError) as error:
            advice = "" if self.replacing else " With damaged=replace the next image is taken in its place."
            return Batch(torch.zeros(1, 3, 1, 1), torch.zeros(1, dtype=torch.long), part.share, f"{error}{advice}")
        images, labels = [image for image, _ in pairs], torch.tensor([label for _, label in pairs])
        if len(sizes := {tuple(image.shape) for image in images}) > 1:
            found = ", ".join(f"{height} × {width}" for _, height, width in sorted(sizes))
            return Batch(
                images[0][None], labels[:1], part.share, f"Expected images of one size (height × width), but got {found}."
            )
        return Batch(torch.stack(images), labels, part.share)

    def _readable(self, place: int, epoch: int) -> tuple[Float[Tensor, "3 height width"], int]:
        """The image at this place of the list, or the next one that can be read where `replacing`."""
        for further in range(_DAMAGED_IN_A_ROW if self.replacing else 0):
            try:
                return self._image(int(self.indices[(place + further) % len(self)]), epoch)
            except (ValueError, OSError) as error:
                _log.warning("The next image is taken in the place of one that is damaged. %s", error)
        return self._image(int(self.indices[place]), epoch)

    def _image(self, index: int, epoch: int) -> tuple[Float[Tensor, "3 height width"], int]:
        name, picture, label = self._picture(index)
        generator = generator_for(f"{name}, epoch {epoch}", self.changes.seed)
        image = self._cropped(picture, generator)
        if self.changes.flip and torch.rand((), generator=generator) < 0.5:
            image = image.flip(-1)
        if self.changes.noise:
            image = noisy(image, self.changes.noise, generator)
        return image, label

    def _picture(self, index: int) -> tuple[str, Image.Image | Tensor, int]:
        """Identifier, image as it is in its file where there is one, and class."""
        source = self.source
        if isinstance(source, Photographs):
            assert isinstance(source, Images)
            return source.image_ids[index], source.picture(index), int(source.class_indices[index])
        assert isinstance(source, Dataset | Sequence)
        sample = source[index]
        return sample.image_id, sample.image, sample.class_index

    def _cropped(self, picture: Image.Image | Tensor, generator: torch.Generator) -> Tensor:
        least, source = self.changes.least_area, self.source
        if isinstance(picture, Tensor):  # made at its size, or decoded and cut already
            if least is None:
                return picture
            height, width = picture.shape[-2:]
            box = random_box(height, width, least, generator)
            return torch.as_tensor(resized_crop(picture, *box, [height, width], antialias=True)).clamp(0, 1)
        assert isinstance(source, Photographs)
        if least is None:
            return _tensor(source.framed(picture))
        box, mode = random_box(picture.height, picture.width, least, generator), InterpolationMode(source.interpolation)
        return _tensor(np.asarray(resized_crop(picture, *box, [source.crop, source.crop], mode)))


def noisy(image: Float[Tensor, "3 height width"], noise: float, generator: torch.Generator) -> Float[Tensor, "3 height width"]:
    """With Gaussian noise of a σ drawn uniformly from [0, noise], in units of the pixel range."""
    sigma = noise * torch.rand((), generator=generator)
    return image + sigma * torch.randn(image.shape, generator=generator)


def random_box(height: int, width: int, least_area: float, generator: torch.Generator) -> tuple[int, int, int, int]:
    """Top, left, height and width of a crop, drawn as torchvision's `RandomResizedCrop` does."""
    for _ in range(_TRIES):
        area = height * width * torch.empty(()).uniform_(least_area, 1, generator=generator).item()
        ratio = math.exp(torch.empty(()).uniform_(-math.log(_WIDEST), math.log(_WIDEST), generator=generator).item())
        wide, high = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < wide <= width and 0 < high <= height:
            top = int(torch.randint(height - high + 1, (), generator=generator))
            left = int(torch.randint(width - wide + 1, (), generator=generator))
            return top, left, high, wide
    wide, high = min(width, round(height * _WIDEST)), min(height, round(width * _WIDEST))
    return (height - high) // 2, (width - wide) // 2, high, wide


def loader(stream: Stream, parts: Sampler[Part], workers: int, pin: bool = False) -> DataLoader[Batch]:
    """The batches of these parts, in order, decoded by so many processes (0: by this one)."""
    return DataLoader(
        stream,
        batch_sampler=parts,  # type: ignore[arg-type]  # a part is a batch
        num_workers=workers,
        collate_fn=_as_it_is,
        pin_memory=pin,
        worker_init_fn=_heed_no_signal,
        generator=torch.Generator(),  # of seeds that nobody uses; torch's own would be drawn from
        prefetch_factor=_PREFETCHED if workers else None,
    )


def _as_it_is(batch: Any) -> Any:
    return batch


def _heed_no_signal(_: int) -> None:
    """Ctrl-C, and what a cluster sends to all processes, is for the process that trains: it ends its step first."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)


def _tensor(levels: Any) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(levels.transpose(2, 0, 1), dtype=np.float32) / np.float32(255))

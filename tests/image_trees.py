"""Trees of image files with known masks, in the layouts of the datasets."""

from pathlib import Path

import numpy as np
from PIL import Image

# Fifty of ImageNet's classes, sorted: a subset of their own.
WNIDS = [
    "n01443537", "n01491361", "n01531178", "n01644373", "n02104029", "n02119022", "n02123597", "n02133161", "n02165456",
    "n02281406", "n02325366", "n02342885", "n02396427", "n02483362", "n02504458", "n02510455", "n02690373", "n02747177",
    "n02783161", "n02814533", "n02859443", "n02917067", "n02992529", "n03014705", "n03047690", "n03095699", "n03197337",
    "n03201208", "n03452741", "n03483316", "n03642806", "n03662601", "n03717622", "n03733281", "n03792782", "n03832673",
    "n03874599", "n03877472", "n03891332", "n03954731", "n04004767", "n04037443", "n04146614", "n04254120", "n04285008",
    "n04356056", "n04487081", "n07745940", "n07753592", "n07920052",
]  # fmt: skip
HEIGHT, WIDTH = 30, 40  # pixels


def photograph(seed: int, height: int = HEIGHT, width: int = WIDTH) -> Image.Image:
    """Smooth colours, which JPEG keeps nearly."""
    small = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    return Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)


def numbers(own: int, ignored: int = 1000, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """`own` on the left half, `ignored` in the two lowest rows, 0 elsewhere."""
    mask = np.zeros((height, width), dtype=np.int64)
    mask[:, : width // 2] = own
    mask[-2:] = ignored
    return mask


def save_numbers(path: Path, mask: np.ndarray) -> None:
    """As ImageNet-S encodes them: R + 256·G."""
    channels = np.stack([mask % 256, mask // 256, np.zeros_like(mask)], axis=-1)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(channels.astype(np.uint8)).save(path)


def save_photograph(path: Path, seed: int = 0, **size: int) -> None:
    """In the format of the path's suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    photograph(seed, **size).save(path)


def imagenet_s(root: Path, wnids: list[str] = WNIDS, images: int = 1, split: str = "validation") -> Path:
    """A tree of the fifty classes, or of some of them, with `images` of each."""
    for wnid in wnids:
        for image in range(images):
            name = f"ILSVRC2012_val_{WNIDS.index(wnid):04d}{image:04d}"
            save_photograph(root / split / wnid / f"{name}.JPEG", seed=WNIDS.index(wnid) * 10 + image)
            save_numbers(root / f"{split}-segmentation" / wnid / f"{name}.png", numbers(WNIDS.index(wnid) + 1))
    return root


def folder(root: Path, images: int = 6, classes: int = 3) -> Path:
    """images/, masks/ and labels.csv; the left half is the object, value 7, and the two lowest rows have the value 255."""
    rows = ["image,class_index,category"]
    for image in range(images):
        save_photograph(root / "images" / f"picture{image}.png", seed=image)
        (root / "masks").mkdir(exist_ok=True)
        Image.fromarray(numbers(7, ignored=255).astype(np.uint8)).save(root / "masks" / f"picture{image}.png")
        rows.append(f"picture{image}.png,{image % classes},kind{image % classes}")
    (root / "labels.csv").write_text("\n".join(rows) + "\n")
    return root

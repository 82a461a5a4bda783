"""The scripts on the pages of the public datasets, run on small folders of the published layouts."""

import re
import subprocess
import sys
from pathlib import Path

import image_trees
import numpy as np
from PIL import Image
from scipy.io import savemat

from pcsweep.dataset.folder import Folder
from pcsweep.dataset.imagenet_folder import ImageNetFolder

DOCS = Path(__file__).parents[2] / "docs"
SIZE = {"resize": 30, "crop": 30, "interpolation": "bilinear"}
WNIDS = {1: "n02119789", 2: "n02100735", 3: "n01440764"}  # the devkit's own numbers; sorted, they run the other way


def scripts(page: str) -> list[str]:
    """The Python on a page."""
    return re.findall(r"^```python\n(.*?)^```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def run(script: str, folder: Path) -> None:
    done = subprocess.run([sys.executable, "-c", script], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_validation_images_of_ilsvrc2012_are_sorted_by_the_devkit(tmp_path):
    truth = [3, 1, 3, 2]
    for image in range(1, 5):
        image_trees.save_photograph(tmp_path / f"val/ILSVRC2012_val_{image:08d}.JPEG", seed=image)
    data = tmp_path / "ILSVRC2012_devkit_t12/data"
    data.mkdir(parents=True)
    (data / "ILSVRC2012_validation_ground_truth.txt").write_text("".join(f"{number}\n" for number in truth))
    synsets = np.empty(len(WNIDS), dtype=[(name, object) for name in ("ILSVRC2012_ID", "WNID", "words")])
    synsets[:] = [(number, wnid, "words") for number, wnid in WNIDS.items()]
    savemat(data / "meta.mat", {"synsets": synsets})
    for _ in range(2):  # interrupted, it goes on
        run(scripts("ilsvrc2012.md")[0], tmp_path)
        images = ImageNetFolder(root=tmp_path, split="val", **SIZE)
        assert {name.partition("/")[2]: name.partition("/")[0] for name in images.image_ids} == {
            f"ILSVRC2012_val_{image:08d}.JPEG": WNIDS[number] for image, number in enumerate(truth, start=1)
        }


def test_the_validation_images_of_kaggles_edition_are_sorted_by_its_table(tmp_path):
    rows = ["ILSVRC2012_val_00000002,n03995372 85 1 499 272", "ILSVRC2012_val_00000001,n03481172 1 1 2 2 n03481172 3 3 4 4"]
    (tmp_path / "LOC_val_solution.csv").write_text("\n".join(["ImageId,PredictionString", *rows, ""]))
    place = tmp_path / "ILSVRC/Data/CLS-LOC"
    for image in (1, 2):
        image_trees.save_photograph(place / f"val/ILSVRC2012_val_{image:08d}.JPEG", seed=image)
    run(scripts("ilsvrc2012.md")[1], tmp_path)
    images = ImageNetFolder(root=place, split="val", **SIZE)
    assert list(images.image_ids) == ["n03481172/ILSVRC2012_val_00000001.JPEG", "n03995372/ILSVRC2012_val_00000002.JPEG"]


def test_the_pets_become_a_folder_of_37_classes(tmp_path):
    pets = tmp_path / "oxford-iiit-pet"
    trimap = np.full((30, 40), 2, dtype=np.uint8)
    trimap[:, :20], trimap[:, 20:22] = 1, 3
    (pets / "annotations/trimaps").mkdir(parents=True)
    lines = ["Abyssinian_1 1 1 1", "basset_hound_10 4 2 1", "Egyptian_Mau_139 12 1 6"]
    for line in lines:
        name = line.split()[0]
        image_trees.save_photograph(pets / f"images/{name}.jpg", seed=len(name))
        Image.fromarray(trimap).save(pets / f"annotations/trimaps/{name}.png")
    image_trees.photograph(3).save(pets / "images/Egyptian_Mau_139.jpg", "GIF")
    (pets / "annotations/test.txt").write_text("\n".join(lines))
    (script,) = scripts("oxford_pets.md")
    run(script.replace('"/data', f'"{tmp_path}'), tmp_path)
    images = Folder(root=tmp_path / "pets37", ignore_value=255, **SIZE)
    assert images.image_ids == ("Abyssinian_1", "basset_hound_10")
    assert images.class_indices == (0, 3)
    assert images.entries[1].category == "basset_hound"
    assert images[1].mask[:, :15].all()
    assert not images[1].mask[:, 15:].any()
    assert images[1].ignore.sum() == 2 * 30

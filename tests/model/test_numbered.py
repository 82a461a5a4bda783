"""predify's published files of weights in every form, in a folder and in the zip file that they come in, right and wrong."""

import os
import shutil
import zipfile

import pytest
import torch
from toy_network import MODULES, Backbone, fresh

from pcsweep.model import Model, Preprocessing
from pcsweep.model.build.feedback import predictive
from pcsweep.model.build.feedback_weights import Source, load
from pcsweep.model.build.numbered import is_archive, numbered
from pcsweep.model.pefficientnet_b0 import pefficientnet_b0

FORMS = {
    "pvgg16_imagenet_pretrained_pc{n}_pmodule.pth": lambda state: state,
    "pnet_pretrained_pc{n}_009.pth": lambda state: {
        "pcoderweights": {f"pmodule.{key}": value for key, value in state.items()},
        "optimizer": torch.optim.SGD([torch.nn.Parameter(value) for value in state.values()], 0.1, momentum=0.9).state_dict(),
        "epoch": 9,
    },
    "pnetn_pretrained_pc{n}.pth": lambda state: {
        **{f"pmodule.{key}": value for key, value in state.items()},
        "C_sqrt": torch.tensor(156.7),
    },
}
NAMES = "pvgg16_imagenet_pretrained_pc{n}_pmodule.pth"


def written(folder, trained, names=NAMES):
    folder.mkdir(parents=True)
    for n, predictor in enumerate(trained, start=1):
        torch.save(FORMS[names](predictor.state_dict()), folder / names.format(n=n))
    return folder


def zipped(path, folder, inside="", compression=zipfile.ZIP_DEFLATED):
    """As macOS makes them, with its own records of every file beside them."""
    with zipfile.ZipFile(path, "w", compression) as opened:
        for file in sorted(folder.iterdir()):
            opened.write(file, f"{inside}{file.name}")
            opened.writestr(f"__MACOSX/{inside}._{file.name}", b"\0\5\x16\7 not a file of weights")
        opened.writestr(f"{inside}.DS_Store", b"")
        opened.writestr(f"{inside}README.txt", "pc1")
    return path


def same(filled, trained):
    states = [(one.state_dict(), other.state_dict()) for one, other in zip(filled, trained, strict=True)]
    return all(one.keys() == other.keys() and all(one[key].equal(other[key]) for key in one) for one, other in states)


def fingerprint(place):
    network, _ = predictive(backbone(), MODULES, 16, Source(str(place)), True, lambda _: fresh())
    return Model(network, (0.0,) * 3, (1.0,) * 3, ("a",), Preprocessing(16, 16)).fingerprint


def backbone():
    torch.manual_seed(1)
    return Backbone()


@pytest.mark.parametrize("names", FORMS)
@pytest.mark.parametrize("inside", ["", "weights/", "weights/deeper/"])
def test_a_zip_file_is_what_is_in_it(tmp_path, trained, names, inside):
    folder = written(tmp_path / "files", trained, names)
    archive = zipped(tmp_path / "weights_pvgg16_imagenet.zip", folder, inside)
    before = sorted(tmp_path.rglob("*"))
    filled = fresh()
    measured = 156.7 if names.startswith("pnetn") else None
    assert load(filled, Source(str(archive))).sqrt_cs == (pytest.approx(measured) if measured else None,) * 3
    assert same(filled, trained)
    assert fingerprint(archive) == fingerprint(folder) != fingerprint("random")
    assert sorted(tmp_path.rglob("*")) == before


def test_the_files_of_pefficientnet_b0_have_the_keys_of_its_predictors(tmp_path):
    made = pefficientnet_b0("random", seed=3).network.predictors
    folder = written(tmp_path / "files", made, "pnet_pretrained_pc{n}_009.pth")
    archive = zipped(tmp_path / "weights_pefficientNetB0_imagenet.zip", folder)
    filled = pefficientnet_b0("random", feedback_weights=str(archive)).network.predictors
    assert same(filled, made)


def test_what_a_zip_file_lacks_is_named_with_the_forms(tmp_path, trained):
    folder = written(tmp_path / "files", trained)
    (folder / NAMES.format(n=2)).unlink()
    archive = zipped(tmp_path / "w.zip", folder)
    message = r"a file of pcsweep.train, .*or a folder, glob or zip file with the 3 files .*w.zip' lacks pvgg16_.*_pc2_"
    with pytest.raises(ValueError, match=message):
        load(fresh(), Source(str(archive), NAMES))
    shutil.rmtree(folder)
    with pytest.raises(ValueError, match=r"lacks .*_pc1_.*; a zip file is given by its own path, such as .*/w.zip"):
        load(fresh(), Source(str(tmp_path), NAMES))


def test_two_members_of_one_number_are_refused(tmp_path, trained):
    folder = written(tmp_path / "files", trained)
    archive = zipped(tmp_path / "w.zip", folder, "a/")
    with zipfile.ZipFile(archive, "a") as opened:
        opened.write(folder / NAMES.format(n=3), "b/" + NAMES.format(n=3))
    with pytest.raises(ValueError, match=r"these share a number: .*w.zip/a/.*_pc3_.*, .*w.zip/b/.*_pc3_"):
        load(fresh(), Source(str(archive)))


def test_an_unpacked_folder_inside_a_folder_is_found(tmp_path, trained):
    written(tmp_path / "weights/weights_pvgg16_imagenet", trained)
    (tmp_path / "weights/__MACOSX").mkdir()
    filled = fresh()
    load(filled, Source(str(tmp_path / "weights")))
    assert same(filled, trained)


@pytest.mark.parametrize("kept", [0, 10, 0.3, 0.9, -30])
def test_a_zip_file_that_is_cut_short_is_refused_in_one_line(tmp_path, trained, kept):
    archive = zipped(tmp_path / "w.zip", written(tmp_path / "files", trained))
    content = archive.read_bytes()
    archive.write_bytes(content[: kept if isinstance(kept, int) else int(kept * len(content))])
    message = r"w.zip' to be a zip file, but the list of its files, which lies at its end, is missing or damaged"
    with pytest.raises(ValueError, match=message) as refused:
        load(fresh(), Source(str(archive)))
    assert len(str(refused.value).splitlines()) == 1


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_damaged_member_is_named(tmp_path, trained, compression):
    archive = zipped(tmp_path / "w.zip", written(tmp_path / "files", trained), compression=compression)
    with zipfile.ZipFile(archive) as opened:
        entry = opened.getinfo(NAMES.format(n=2))
    content = bytearray(archive.read_bytes())
    place = entry.header_offset + 100 + entry.compress_size // 2
    content[place] ^= 0xFF
    archive.write_bytes(content)
    with pytest.raises(
        ValueError, match=r"w.zip' to be a whole zip file, but its '.*_pc2_pmodule.pth' cannot be read"
    ) as refused:
        load(fresh(), Source(str(archive)))
    assert len(str(refused.value).splitlines()) == 1


def test_a_password_is_refused(tmp_path, trained):
    archive = zipped(tmp_path / "w.zip", written(tmp_path / "files", trained))
    content = bytearray(archive.read_bytes())
    for signature, offset in ((b"PK\1\2", 8), (b"PK\3\4", 6)):  # the flags, in the list of members and in each one's own header
        place = -1
        while (place := content.find(signature, place + 1)) >= 0:
            content[place + offset] |= 1
    archive.write_bytes(content)
    with pytest.raises(ValueError, match="to be a zip file without a password, but it has one for .*_pc1_.*_pc2_.*_pc3_"):
        load(fresh(), Source(str(archive)))


def test_what_would_fill_the_memory_is_not_decompressed(tmp_path):
    with zipfile.ZipFile(tmp_path / "w.zip", "w", zipfile.ZIP_DEFLATED) as opened:
        for n in (1, 2, 3):
            with opened.open(NAMES.format(n=n), "w") as file:
                for _ in range(32):
                    file.write(bytes(2**20))
    with pytest.raises(ValueError, match=r"_pc1_pmodule.pth' cannot be read \(it declares 0.0 GiB of content in 0.0 MiB\)"):
        load(fresh(), Source(str(tmp_path / "w.zip")))


class Touch:
    """Runs a command where it is unpickled."""

    def __reduce__(self):
        return os.system, ("touch hacked",)


def test_nothing_in_a_zip_file_is_run_or_written_wherever_its_names_point(tmp_path, trained, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = written(tmp_path / "files", trained)
    archive = tmp_path / "w.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        for n in (1, 2, 3):
            opened.write(folder / NAMES.format(n=n), f"../../outside/../../{NAMES.format(n=n)}")
    before = sorted(tmp_path.parent.rglob("*"))
    load(fresh(), Source(str(archive)))
    torch.save({"weight": Touch()}, folder / NAMES.format(n=1))
    with pytest.raises(ValueError, match="_pc1_pmodule.pth' to be a file of tensors alone, but it is not"):
        load(fresh(), Source(str(zipped(archive, folder))))
    assert sorted(tmp_path.parent.rglob("*")) == before


def test_torchs_own_files_are_no_archives_whatever_they_are_called(tmp_path, trained):
    torch.save(trained[0].state_dict(), tmp_path / "w.zip")
    torch.save(trained[0].state_dict(), tmp_path / "w.pth")
    assert not is_archive(tmp_path / "w.zip")
    assert not is_archive(tmp_path / "w.pth")
    archive = zipped(tmp_path / "weights.zip.1", written(tmp_path / "files", trained))  # as wget names a second download
    assert sorted(numbered(str(archive))) == [1, 2, 3]

"""Which folders lie on a disk of this machine."""

import pytest

from pcsweep.machine.disks import is_local_disk

MOUNTS = """\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:26 / /tmp rw,nosuid - tmpfs tmpfs rw
31 22 0:27 / /home rw,relatime shared:9 - nfs4 server:/home rw
32 31 8:1 / /home/with\\040a\\040space/disk rw - xfs /dev/sda1 rw
33 22 0:30 / /scratch rw - lustre node@tcp:/scratch rw
34 22 0:31 / /grid rw - fuse.sshfs far:/ rw
35 22 0:32 / /scratch rw - ext4 /dev/sdb rw
"""


@pytest.mark.parametrize(
    ("folder", "local"),
    [
        ("/var/a/b", True),
        ("/tmp/a", False),
        ("/temporary", True),
        ("/home/me/.cache", False),
        ("/home/with a space/disk/x", True),
        ("/grid/x", False),
        ("/scratch", True),  # mounted last
    ],
)
def test_by_where_it_is_mounted(tmp_path, folder, local):
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/mountinfo").write_text(MOUNTS)
    assert is_local_disk(type(tmp_path)(folder), tmp_path) is local


def test_a_link_leads_to_another_file_system(tmp_path):
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/mountinfo").write_text(f"1 0 8:1 / / rw - ext4 a rw\n2 1 0:3 / {tmp_path}/far rw - nfs b rw\n")
    (tmp_path / "far").mkdir()
    (tmp_path / "near").symlink_to("far")
    assert not is_local_disk(tmp_path / "near" / "cache", tmp_path)
    assert is_local_disk(tmp_path / "other", tmp_path)


def test_where_the_system_does_not_say(tmp_path):
    assert is_local_disk(tmp_path, tmp_path)

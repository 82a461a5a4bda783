"""What to do about tasks that would wait for ever."""

import pytest

from pcsweep.sweep.executor.slurm.reasons import advice


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("launch failed requeued held", "scontrol release 7_2"),
        ("launch_failed_requeued_held", "scontrol release 7_2"),
        ("JobHeldUser", "scontrol release 7_2"),
        ("JobHeldAdmin", "administrator"),
        ("DependencyNeverSatisfied", "will not come"),
        ("PartitionDown", "sinfo"),
        ("QOSMaxJobsPerUserLimit", "when others have ended"),
        ("AssocGrpCpuLimit", "when others have ended"),
        ("QOSMaxCpuPerJobLimit", "asks for more"),
        ("ReqNodeNotAvail, UnavailableNodes:n[1-3]", "down or reserved"),
        ("(Nodes required for job are DOWN, DRAINED or reserved for jobs in higher priority partitions)", "down or reserved"),
    ],
)
def test_what_does_not_pass_by_itself_is_explained(reason, said):
    assert said in advice(reason, "7_2")


@pytest.mark.parametrize("reason", ["None", "Resources", "Priority", "BeginTime", "Dependency", "JobArrayTaskLimit", "", "\x1b["])
def test_what_is_only_to_be_waited_for_is_not(reason):
    assert advice(reason, "7") == ""

"""Why tasks are pending, and what to do where they would wait for ever."""

import re

_HELD = "scontrol release {job}  lets it go"
_WHY = {
    "jobhelduser": f"it is held; {_HELD}",
    "jobheldadmin": "an administrator holds it; ask them, or cancel it",
    "launchfailedrequeuedheld": f"the node could not start it;  scontrol show job {{job}}  says more, and  {_HELD}",
    "jobholdmaxrequeue": f"it was queued again too often;  scontrol show job {{job}}  says more, and  {_HELD}",
    "dependencyneversatisfied": "what it waits for will not come; cancel it, and give the command again",
    "partitiondown": "its partition is down; wait, or cancel it and choose another partition (sinfo -s)",
    "partitioninactive": "its partition takes no jobs; wait, or cancel it and choose another partition (sinfo -s)",
    "partitionnodelimit": "it asks for more than its partition gives; cancel it and ask for less",
    "partitiontimelimit": "it asks for more time than its partition gives; cancel it and ask for less (timeout_min)",
    "badconstraints": "no node has what it asks for; cancel it and change constraint, gres or exclude (sinfo -o '%n %f %G')",
    "nodedown": "the node it asks for is down; wait, or cancel it and ask for others",
    "reqnodenotavail": "the nodes it asks for are down or reserved; wait, or cancel it and ask for others (sinfo -R)",
    "invalidaccount": "its account is not known; cancel it and set account",
    "invalidqos": "its qos is not known; cancel it and set qos",
    "reservationdeleted": "its reservation is gone; cancel it and submit without",
}
_BEGINNINGS = {
    "reqnodenotavail": _WHY["reqnodenotavail"],
    "nodesrequiredforjobaredown": _WHY["reqnodenotavail"],
    "accountnotallowed": _WHY["invalidaccount"],
    "qosnotallowed": _WHY["invalidqos"],
}
_LIMIT = "a limit of the account or qos is reached; it starts when others have ended"
_TOO_MUCH = "one task asks for more than the account or qos may have; cancel it and ask for less"


def advice(reason: str, job: str) -> str:
    """What to do about a task that waits for this reason; empty where it is only to be waited for.

    Args:
        reason: Slurm's word, such as `JobHeldUser`, or its sentence.
        job: number of the task, such as 12_3.
    """
    word = re.sub(r"[^a-z]", "", reason.lower())
    if word in _WHY:
        return _WHY[word].format(job=job)
    for beginning, said in _BEGINNINGS.items():
        if word.startswith(beginning):
            return said
    if word.startswith(("qos", "assoc")):
        return _TOO_MUCH if word.endswith(("perjob", "perjoblimit")) else _LIMIT
    return ""

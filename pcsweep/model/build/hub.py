"""Where timm's pretrained weights come from: the cache without asking anyone, else the hub, if it answers at all."""

from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import timm
from huggingface_hub import constants, is_offline_mode, try_to_load_from_cache

_PATIENCE_S = 5
_FILES = ("model.safetensors", "pytorch_model.bin")  # in the order in which timm looks for them


def source(name: str) -> dict[str, Any]:
    """What `timm.create_model` needs to be told to find the weights of a network: the file in the cache, if it is there.

    Raises:
        ConnectionError: it is not there and may not or cannot be fetched, said within seconds.
    """
    stated = timm.get_pretrained_cfg(name)
    place = stated.hf_hub_id if stated else None
    if not place:  # without weights, or by another way, which timm knows
        return {}
    repository, _, revision = place.partition("@")
    files = [stated.hf_hub_filename] if stated.hf_hub_filename else list(_FILES)
    for file in files:
        cached = try_to_load_from_cache(repository, file, revision=revision or None)
        if isinstance(cached, str) and not stated.custom_load:
            return {"pretrained_cfg_overlay": {"file": cached}}
        if isinstance(cached, str):
            return {}
    if is_offline_mode():
        raise ConnectionError("they are not in the cache, and HF_HUB_OFFLINE forbids to fetch them")
    _ask(constants.ENDPOINT)
    return {}


def _ask(address: str) -> None:
    """Whether anyone answers there; what is answered does not matter.

    Raises:
        ConnectionError: no one does.
    """
    try:
        with urlopen(Request(address, method="HEAD"), timeout=_PATIENCE_S):  # noqa: S310  # the hub's, from its own library
            pass
    except HTTPError:
        return
    except (URLError, OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise ConnectionError(f"they are not in the cache, and {address} cannot be reached ({reason})") from error

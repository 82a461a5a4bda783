"""Where a training is, on disk: complete or absent, and only ever resumed by the same training."""

import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from pcsweep.machine.files import replacing
from pcsweep.study.axes import leaves

State = dict[str, Any]  # tensors, numbers, texts, and dictionaries and lists of them


@dataclass(frozen=True)
class Checkpoint:
    """One file beside the output.

    Args:
        path: of the file.
        settings: everything that decides the result.
    """

    path: Path
    settings: Mapping[str, Any]

    @property
    def text(self) -> str:
        """The settings, to be kept with what they make."""
        return json.dumps(self.settings, sort_keys=True)

    def differing(self, text: str) -> str:
        """How the settings of another training, as `text`, differ from these; empty where they do not."""
        old, new = leaves(json.loads(text)), leaves(json.loads(self.text))
        keys = [key for key in sorted(old | new) if old.get(key) != new.get(key)]
        return "; ".join(f"`{key}` was {old.get(key)!r} and is {new.get(key)!r}" for key in keys)

    def save(self, state: State) -> None:
        """Replaces the file by this state, in one step."""
        with replacing(self.path) as temporary:
            torch.save({"settings": self.text, "state": state}, temporary)

    def load(self) -> State | None:
        """The state, or `None` without a file. Nothing in it is run (`weights_only=True`).

        Raises:
            ValueError: a damaged file, or that of a training with other settings.
        """
        if not self.path.exists():
            return None
        try:
            with zipfile.ZipFile(self.path) as parts:
                if damaged := parts.testzip():  # torch looks at no checksum
                    raise ValueError(f"{damaged} is damaged")
            content = torch.load(self.path, map_location="cpu", weights_only=True)
            differing, state = self.differing(content["settings"]), dict(content["state"])
        except Exception as error:  # a damaged file can make the reader fail in any way
            raise ValueError(
                f"Expected {str(self.path)!r} to be a checkpoint, but it cannot be read ({type(error).__name__}). Delete it to "
                "start anew."
            ) from error
        if differing:
            raise ValueError(
                f"Expected {str(self.path)!r} to be a checkpoint of this training, but {differing}. Choose another `output`, or "
                "delete the file to start anew."
            )
        return state

    def remove(self) -> None:
        """Once the output is there."""
        self.path.unlink(missing_ok=True)

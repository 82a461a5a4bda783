"""YAML that OmegaConf reads is parsed once: hundreds of tests compose configurations, each time of the same files."""

import pickle
from functools import wraps
from typing import Any

import yaml
from omegaconf._utils import get_yaml_loader

_KIND = get_yaml_loader().__qualname__  # a class made anew for each file


def parse_once() -> None:
    """From now on in this process, what OmegaConf reads is parsed only if the same text was not parsed before."""
    parse = yaml.load
    parsed: dict[str, bytes] = {}

    @wraps(parse)
    def load(stream: Any, Loader: Any) -> Any:  # noqa: N803
        if Loader.__qualname__ != _KIND or not hasattr(stream, "seek"):
            return parse(stream, Loader)
        start = stream.tell()
        text = stream.read()
        if text not in parsed:
            stream.seek(start)  # not the text, so that what is wrong is told with the file's name
            parsed[text] = pickle.dumps(parse(stream, Loader))
        return pickle.loads(parsed[text])

    yaml.load = load

"""What is loaded once is refused once, too."""

import pytest

from pcsweep.config.errors import BadSetting
from pcsweep.config.schema import Choice
from pcsweep.grid.loaded import Loaded


@pytest.mark.parametrize("group", ["model", "dataset"])
def test_what_was_refused_is_refused_again_without_another_look(group):
    looks = []

    def refusing():
        looks.append(group)
        raise ValueError("no weights there")

    loaded = Loaded()
    for _ in range(3):
        with pytest.raises(BadSetting, match="^no weights there$"):
            getattr(loaded, group)(Choice(group, "refusing", refusing, {}))
    assert looks == [group]

"""What two studies are compared by."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Quantity:
    """What is compared at each timestep.

    Args:
        prefix: of its columns in the table.
        label: in words, before the metric.
        first: timestep at which it can differ.
    """

    prefix: str
    label: str
    first: int

    @property
    def value(self) -> str:
        """Its column, and the name of its pictures."""
        return f"{self.prefix}difference"

    @property
    def p(self) -> str:
        """Its column."""
        return f"{self.prefix}p"

    @property
    def counted(self) -> str:
        """Its column that says whether the row is a test of its own."""
        return f"{self.prefix}counted"

    @property
    def q(self) -> str:
        """Its column."""
        return f"{self.prefix}q"


DIFFERENCE = Quantity("", "difference of", 0)
GAINS = Quantity("gain_", "difference of gains on t = 0 in", 1)

"""β, λ and α as something to be learned.

The three weights of a pcoder's update, β_n, λ_n and 1 − β_n − λ_n, are a softmax of three free numbers, so every step of an
optimizer leaves them positive with a sum of one; α_n is a softplus. *Where we differ from predify:* it takes sigmoids and divides
them by their sum, starts them from other weights than those asked for, and overflows where one of these is 0 or 1.
"""

from collections.abc import Collection

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from pcsweep.network import Coefficients
from pcsweep.network.unroll import LearnedRule

INSIDE = 1e-3  # how far from 0 every weight is at the start: at the border itself nothing would be learned


class LearnedCoefficients(nn.Module):
    """The coefficients of `count` pcoders as parameters. The last one's λ stays 0, and so does every α that starts there.

    Args:
        start: their first values; those nearer to the border than `INSIDE` are moved there, the others scaled to keep the sum.
        count: of pcoders.
        learned: numbers, from 1, of the pcoders whose coefficients are learned; the others keep their first values exactly.
            `None`: all.
    """

    def __init__(self, start: Coefficients, count: int, learned: Collection[int] | None = None) -> None:
        super().__init__()
        self.start = start.per_pcoder(count)
        self.learned = frozenset(range(1, count + 1) if learned is None else learned)
        beta, lambda_, alpha = torch.tensor(self.start, dtype=torch.float64).unbind(1)
        lambda_ = torch.cat([lambda_[:-1], lambda_.new_zeros(1)])
        weights = torch.stack([beta, lambda_, 1 - beta - lambda_], 1).clamp(min=INSIDE)
        rate = alpha.clamp(min=INSIDE)
        self.has_rate = (alpha > 0).tolist()
        self.logits = nn.Parameter((weights / weights.sum(1, keepdim=True)).log().float())
        self.rates = nn.Parameter((rate + (-(-rate).expm1()).log()).float())  # the inverse of softplus
        closed = torch.zeros(count, 3)
        closed[-1, 1] = -torch.inf
        self.register_buffer("closed", closed)

    def weights(self) -> Float[Tensor, "count 4"]:
        """β_n, λ_n, 1 − β_n − λ_n and α_n of every pcoder."""
        update = (self.logits + self.get_buffer("closed")).softmax(1)
        rates = functional.softplus(self.rates) * self.rates.new_tensor(self.has_rate)
        return torch.cat([update, rates[:, None]], 1)

    def rules(self) -> list[LearnedRule]:
        """(β_n, λ_n, α_n) of every pcoder, for `PredictiveNetwork.unroll`."""
        learned: list[LearnedRule] = [
            (row[0], row[1] if n < len(self.start) else 0.0, row[3] if has_rate else 0.0)
            for n, (row, has_rate) in enumerate(zip(self.weights(), self.has_rate, strict=True), start=1)
        ]
        return [learned[n - 1] if n in self.learned else rule for n, rule in enumerate(self.start, start=1)]

    def coefficients(self) -> Coefficients:
        """Their values now."""
        beta, lambda_, memory, alpha = self.weights().detach().double().unbind(1)
        whole = beta + lambda_ + memory  # one, but for rounding
        learned = torch.stack([beta / whole, lambda_ / whole, alpha], 1).tolist()
        now = [learned[n - 1] if n in self.learned else rule for n, rule in enumerate(self.start, start=1)]
        return Coefficients(*(list(column) for column in zip(*now, strict=True)))

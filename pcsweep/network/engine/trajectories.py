"""Grid points on their way through time, several at once:

    r_n(t) = β_n f_n(r_{n-1}(t)) + λ_n p_{n+1}(t-1) + (1 - β_n - λ_n) r_n(t-1) - α_n s_n g_n(t-1)

`pcsweep.network.engine.schedule` says which of the terms are computed, and which of them all points share.
"""

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

from pcsweep.network.convolution.workspace import Workspace
from pcsweep.network.engine.arrays import Block, Distinct, by_point, weighted_sum
from pcsweep.network.engine.compiled import CompiledNetwork, Feedback
from pcsweep.network.engine.graphs import Graphs
from pcsweep.network.engine.schedule import Computation, Level
from pcsweep.pcoder.predictive_coding import Rule, updates


class Start:
    """t = 0, the same for all grid points: r_n(0), and the feedback of P_n as soon as a point asks for it.

    Args:
        network: computes the feedback.
        representations: r_0(0)..r_N(0), each (images, channels, height, width).
        corrected: pcoder by pcoder, whether any point will ask for g_n(0).
        memory: for the feedback.
        distinct: which of the images are no copies.
    """

    def __init__(
        self,
        network: CompiledNetwork,
        representations: Sequence[Tensor],
        corrected: Sequence[bool],
        memory: Workspace,
        distinct: Distinct,
    ) -> None:
        self.representations, self.distinct = representations, distinct
        self._network, self._corrected, self._memory = network, corrected, memory
        self._feedback: dict[int, Feedback] = {}

    def prepare(self, levels: Sequence[Level]) -> None:
        """Computes the feedback that all points share of what these levels ask for."""
        for n, level in enumerate(levels, start=1):
            if level.prediction is Computation.SHARED or level.gradient is Computation.SHARED:
                self.feedback(n)

    def feedback(self, n: int) -> Feedback:
        """p_n(0) and, if any point will ask for it, its error's gradient: each (images, channels, height, width).

        Copies of images have no content.
        """
        if n not in self._feedback:
            self._feedback[n] = self._computed(n, self._corrected[n - 1])
        return self._feedback[n]

    def _computed(self, n: int, corrected: bool) -> Feedback:
        below, representation = self.representations[n - 1 : n + 1]
        prediction = self._memory.take_maps(f"p_{n} at 0", below.shape, below)
        gradient = self._memory.take_maps(f"g_{n} at 0", representation.shape, representation) if corrected else None
        step, together = self._network.predictor_rows[n - 1], self._network.predictor_together[n - 1]
        for rows in self.distinct.parts(slice(0, len(below)), step, together):
            made = self._network.feedback(n, representation[rows], below[rows], corrected)
            prediction[rows] = made.prediction
            if gradient is not None and made.gradient is not None:
                gradient[rows] = made.gradient
        return Feedback(prediction, gradient)


class Trajectories:
    """The states of a chunk of grid points of one structure, advanced together from t - 1 to t.

    r_n is the shared r_n(0), (images, …), until it moves; from then on (points · images, …), overwritten at every timestep.

    Args:
        network: of the points.
        start: their common t = 0.
        points: the rules of each point, pcoder by pcoder.
        memory: for r_1..r_N, which an earlier chunk may have used.
        graphs: that record its timesteps.
    """

    def __init__(
        self, network: CompiledNetwork, start: Start, points: Sequence[Sequence[Rule]], memory: Workspace, graphs: Graphs
    ) -> None:
        self._network, self._start, self._memory, self._graphs = network, start, memory, graphs
        self._points = tuple(map(tuple, points))
        self._updates = [updates(rules) for rules in points]
        self._images, self._distinct = len(start.representations[0]), start.distinct
        self._total = len(points) * self._images
        self._r = list(start.representations)  # r_0..r_N
        self._first_drive = start.representations[1]  # f_1(r_0(t))

    @property
    def representations(self) -> list[Tensor]:
        """r_1..r_N."""
        return self._r[1:]

    def advance(self, levels: Sequence[Level], image: Tensor | None = None, place: int | None = None) -> None:
        """One timestep.

        Args:
            levels: what is computed of each pcoder.
            image: r_0(t), (images, channels, height, width); None where it is r_0(0) throughout.
            place: number of the image's place in memory, of which steps that are recorded have several.
        """
        self._start.prepare(levels)  # here, as it is no part of what is replayed
        unmoved = tuple(r is start for r, start in zip(self._r, self._start.representations, strict=True))
        key = self._points, tuple(levels), self._distinct, self._start.representations[0].shape, unmoved, place
        self._graphs.run(key, self._places, partial(self._step, levels, image, list(self._r)))
        for n, level in enumerate(levels, start=1):
            if level.state is Computation.COMPUTED:
                self._r[n] = self._memory_of(n)
        self._r[0] = self._r[0] if image is None else image

    def _places(self) -> tuple[int, int]:
        return self._memory.allocated, self._network.workspace.allocated

    def _step(self, levels: Sequence[Level], image: Tensor | None, before: Sequence[Tensor]) -> None:
        """Bottom-up. P_{n+1} has its turn just before r_n moves, since its error is that of r_n(t-1).

        Args:
            levels, image: as of `advance`.
            before: r_0(t-1)..r_N(t-1); a recording that failed halfway may have left others.
        """
        self._r = list(before)
        if image is not None and levels[0].drive is not Computation.SKIPPED:
            self._first_drive = self._network.driven(1, image, self._distinct)
        gradient: Block | None = None  # g_n(t-1); that of the lowest pcoder is made where it is used
        for n, (level, above) in enumerate(zip(levels, [*levels[1:], None], strict=True), start=1):
            gradient = self._advance_level(n, level, above, gradient)
            if n == 1 and image is not None:
                self._r[0] = image  # only now: the error of r_1(t-1) is that of r_0(t-1)

    def _advance_level(self, n: int, level: Level, above: Level | None, gradient: Block | None) -> Block | None:
        """Writes r_n(t) over r_n(t-1), if it moves, and returns g_{n+1}(t-1) of all rows, if it is computed.

        Args:
            n: number of the pcoder, from 1.
            level, above: what is computed of it and of the one above.
            gradient: g_n(t-1) of all rows, if it is computed and n > 1.
        """
        out = self._memory_of(n) if level.state is Computation.COMPUTED else None  # (points · images, channels, height, width)
        everything, gradients_above = slice(0, self._total), None
        if above is None or above.prediction is Computation.SKIPPED:
            self._update(n, level, everything, None, gradient, out)
        elif above.prediction is Computation.SHARED:
            shared = self._start.feedback(n + 1)  # each (images, channels, height, width)
            gradients_above = shared.gradient if above.corrected else None
            self._update(n, level, everything, Block(shared.prediction, None), gradient, out)
        else:
            gradients_above = self._gradients(n + 1) if above.corrected else None  # (points · images, channels, height, width)
            for rows in self._distinct.parts(everything, self._network.predictor_rows[n], self._together(n)):
                made = self._feedback(n + 1, rows, above.corrected)  # each (rows, channels, height, width)
                if gradients_above is not None and made.gradient is not None:
                    gradients_above[rows] = made.gradient
                self._update(n, level, rows, Block(made.prediction, rows.start), gradient, out)
        if out is not None:
            self._distinct.repeat(out)
            self._r[n] = out
        return None if gradients_above is None else self._block(gradients_above)

    def _update(
        self, n: int, level: Level, rows: slice, prediction: Block | None, gradient: Block | None, out: Tensor | None
    ) -> None:
        """Writes r_n(t) of some rows into `out`, which may be r_n(t-1) itself; nothing where r_n does not move.

        Args:
            n, level: the pcoder, and what is computed of it.
            rows: which.
            prediction: p_{n+1}(t-1), at least of these rows.
            gradient: g_n(t-1) of all rows, unless n = 1.
            out: r_n of all rows.
        """
        if out is None:
            return
        images, before = self._images, self._block(self._r[n])
        step = self._network.predictor_rows[0] if n == 1 else self._network.stage_rows[n - 1]
        for part in self._distinct.parts(rows, step, self._together(n)):
            drive = self._drive(n, level, part)
            error = self._lowest_gradient(level, part) if n == 1 else gradient
            for point, piece in by_point(part, images):
                weights = self._updates[point][n - 1]
                scaled = weights.error * self._network.scales[n - 1]
                terms = [(weights.memory, before), (weights.drive, drive), (weights.feedback, prediction), (scaled, error)]
                present = [(weight, block.at(piece, images)) for weight, block in terms if block is not None and weight != 0]
                weighted_sum(present, out[piece])  # (rows of the piece, channels, height, width)

    def _together(self, n: int) -> int:
        """Of how many rows all or none are computed where r_n moves: what all that is called there needs."""
        own = self._network.predictor_together[0] if n == 1 else self._network.stage_together[n - 1]
        return max([own, *self._network.predictor_together[n : n + 1]])

    def _drive(self, n: int, level: Level, rows: slice) -> Block | None:
        """f_n(r_{n-1}(t)) of some rows; r_{n-1} has moved already."""
        if level.drive is Computation.SKIPPED:
            return None
        if level.drive is Computation.SHARED:
            return Block(self._first_drive if n == 1 else self._start.representations[n], None)
        return Block(self._network.drive(n, self._r[n - 1][rows]), rows.start)

    def _lowest_gradient(self, level: Level, rows: slice) -> Block | None:
        """g_1(t-1) of some rows. The image below is still that of t-1: nothing has to be kept from before the update."""
        if level.gradient is Computation.COMPUTED:
            gradient, first = self._feedback(1, rows, True).gradient, rows.start
        elif level.gradient is Computation.SHARED:
            gradient, first = self._start.feedback(1).gradient, None
        else:
            return None
        return None if gradient is None else Block(gradient, first)

    def _feedback(self, n: int, rows: slice, corrected: bool) -> Feedback:
        """The feedback of P_n at t-1 from some rows."""
        return self._network.feedback(n, self._rows(n, rows), self._rows(n - 1, rows), corrected)

    def _rows(self, n: int, rows: slice) -> Tensor:
        """r_n(t-1) of some rows, with a copy for each point where all points share it."""
        r = self._r[n]
        if len(r) == self._total:
            return r[rows]
        pieces = [Block(r, None).at(piece, self._images) for _, piece in by_point(rows, self._images)]
        return pieces[0] if len(pieces) == 1 else torch.cat(pieces)

    def _block(self, tensor: Tensor) -> Block:
        """A tensor of all rows, or one that all points share."""
        return Block(tensor, 0 if len(tensor) == self._total else None)

    def _memory_of(self, n: int) -> Tensor:
        """Where r_n of all rows is, or will be."""
        like = self._r[n]
        return self._memory.take_maps(f"r_{n}", (self._total, *like.shape[1:]), like)

    def _gradients(self, n: int) -> Tensor:
        """Memory for g_n of all rows; that of one pcoder is read while the next one's is written."""
        like = self._r[n]
        return self._network.workspace.take_maps(f"gradients {n % 2}", (self._total, *like.shape[1:]), like)

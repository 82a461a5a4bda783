"""The dynamics of many grid points on the same images: one feedforward pass, then every point's trajectory, without autograd.

`pcsweep.network.engine.schedule` says what is computed; this module computes it. Rows are images within points: the tensors of
a chunk of points are (points · images, …), those that all points share (images, …). Maps are channels last in memory. Arrays
are written again and again: memory grows neither with time nor with the number of points, but with how many rows are computed
at once.

A result does not depend on which points and images share a call, to the last bit, as long as images come in multiples of `ROWS`:
libraries may choose another algorithm for another number of rows.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pcsweep.network.convolution.closed_form import Predictor
from pcsweep.network.convolution.workspace import Workspace
from pcsweep.network.engine.arrays import empty, slices, weighted_sum
from pcsweep.network.engine.schedule import Computation, Level, Structure, levels, structure
from pcsweep.pcoder.predictive_coding import Rule, updates

ROWS = 8


@dataclass(frozen=True, eq=False)
class Moment:
    """Some grid points at one timestep.

    Args:
        timestep: t.
        points: numbers of the points, as they were given.
        images: how many.
        representations: r_1(t)..r_N(t), with a row per image, or per point and image where they differ between points.
    """

    timestep: int
    points: tuple[int, ...]
    images: int
    representations: list[Tensor]

    @property
    def shared(self) -> bool:
        """Whether r_N(t) is the same for all these points, with a row per image."""
        return len(self.representations[-1]) == self.images


@dataclass(frozen=True, eq=False)
class Engine:
    """A network made ready for images of one size.

    Args:
        stages: f_1..f_N.
        stage_rows: rows per call of each stage.
        predictors: P_1..P_N.
        predictor_rows: rows per call of each predictor.
        scales: s_n · 2/K_n, with which the gradient of half the squared error becomes s_n g_n.
        workspace: for what is needed during a call only.
    """

    stages: Sequence[nn.Module]
    stage_rows: Sequence[int]
    predictors: Sequence[Predictor]
    predictor_rows: Sequence[int]
    scales: Sequence[float]
    workspace: Workspace

    def moments(self, images: Tensor, points: Sequence[Sequence[Rule]], timesteps: int, rows: int) -> Iterator[Moment]:
        """All points at t = 0, then chunks of points of one structure, each through t = 1..timesteps.

        The representations of a moment may be overwritten by the next.

        Args:
            images: (batch, …), normalised.
            points: the rules of each grid point, pcoder by pcoder.
            timesteps: T.
            rows: points · images at most in one chunk, but at least one point.
        """
        initial = self._feedforward(images)
        yield Moment(0, tuple(range(len(points))), len(images), initial)
        chunks = _chunks(points, max(1, rows // max(1, len(images)))) if timesteps else []
        corrected = [any(each) for each in zip(*(of.corrected for of, _ in chunks), strict=True)]
        start = _Start(self, images, initial, corrected)
        arrays: list[Tensor | None] = [None] * len(initial)
        for of, numbers in chunks:
            run = _Run(self, start, [points[number] for number in numbers], arrays)
            for timestep in range(1, timesteps + 1):
                run.advance(levels(of, timestep, alone=len(points) == 1))
                yield Moment(timestep, numbers, len(images), list(run.representations))

    def _feedforward(self, images: Tensor) -> list[Tensor]:
        """r_1(0)..r_N(0)."""
        representations = [images]
        for stage, step in zip(self.stages, self.stage_rows, strict=True):
            below = representations[-1]
            made: Tensor | None = None
            for rows in slices(0, len(below), step):
                part = stage(below[rows])
                made = empty((len(below), *part.shape[1:]), images) if made is None else made
                made[rows] = part
            representations.append(stage(below) if made is None else made)  # an empty batch has its shape, too
        return representations[1:]

    def feedback(self, n: int, corrected: bool, representation: Tensor, below: Tensor) -> tuple[Tensor, Tensor | None]:
        """p_n and, where it corrects r_n, the gradient of half its squared error; until the next call."""
        predictor = self.predictors[n]
        if not corrected:
            return predictor.predict(representation), None
        return predictor.predict_and_differentiate(representation, below)


class _Start:
    """What all grid points have in common: r_0, r_n(0), and p_n(0) and g_n(0) as soon as a point wants them.

    Args:
        engine: of the network.
        images: r_0.
        initial: r_1(0)..r_N(0).
        corrected: pcoder by pcoder, whether any point will want g_n(0).
    """

    def __init__(self, engine: Engine, images: Tensor, initial: list[Tensor], corrected: Sequence[bool]) -> None:
        self.representations = [images, *initial]
        self._engine, self._corrected = engine, corrected
        self._feedback: dict[int, tuple[Tensor, Tensor | None]] = {}

    def feedback(self, n: int) -> tuple[Tensor, Tensor | None]:
        """p_n(0) and, if any point wants it, the gradient of half its squared error, with a row per image."""
        if n not in self._feedback:
            below, representation = self.representations[n : n + 2]
            prediction = empty(below.shape, below)
            gradient = empty(representation.shape, representation) if self._corrected[n] else None
            for rows in slices(0, len(below), self._engine.predictor_rows[n]):
                made, slope = self._engine.feedback(n, self._corrected[n], representation[rows], below[rows])
                prediction[rows] = made
                if gradient is not None and slope is not None:
                    gradient[rows] = slope
            self._feedback[n] = prediction, gradient
        return self._feedback[n]


class _Run:
    """A chunk of grid points of one structure on its way through time.

    Args:
        engine: of the network.
        start: where it begins.
        points: the rules of each point.
        arrays: memory for r_1..r_N from an earlier chunk, if any; taken over and filled in.
    """

    def __init__(self, engine: Engine, start: _Start, points: Sequence[Sequence[Rule]], arrays: list[Tensor | None]) -> None:
        self._engine, self._start, self._arrays = engine, start, arrays
        self._updates = [updates(rules) for rules in points]
        self._images = len(start.representations[0])
        self._total = len(points) * self._images
        self._state = list(start.representations)  # r_0..r_N; r_n(0) itself until it moves

    @property
    def representations(self) -> list[Tensor]:
        """r_1..r_N."""
        return self._state[1:]

    def advance(self, steps: Sequence[Level]) -> None:
        """One timestep, bottom-up."""
        slopes: Tensor | None = None
        for n, level in enumerate(steps):
            slopes = self._advance_one(n, level, steps[n + 1] if n + 1 < len(steps) else None, slopes)

    def _advance_one(self, n: int, level: Level, above: Level | None, slopes: Tensor | None) -> Tensor | None:
        """Brings r_n from t-1 to t, if it moves, and returns the gradients of the pcoder above, at t-1.

        Args:
            n: from 0.
            level: of this pcoder.
            above: of the one above, whose prediction and gradient are made from r_n(t-1).
            slopes: gradients of this pcoder at t-1; those of the lowest one are made here.
        """
        array = self._array(n) if level.state is Computation.COMPUTED else None  # (points · images, channels, height, width)
        found: Tensor | None = None
        for rows, prediction, made in self._handed_down(n + 1, above):
            found = made
            if array is not None:
                self._update(n, level, rows, array, prediction, slopes)
        if array is not None:
            self._state[n + 1] = array
        return found

    def _handed_down(self, n: int, level: Level | None) -> Iterator[tuple[slice, "_Part | None", Tensor | None]]:
        """Rows, their p_n(t-1) until the next ones, and the gradients g_n(t-1) of all rows up to there."""
        everything = slice(0, self._total)
        if level is None or level.prediction is Computation.SKIPPED:
            yield everything, None, None
            return
        corrected = level.gradient is not Computation.SKIPPED
        if level.prediction is Computation.SHARED:
            made, slope = self._start.feedback(n)  # each (images, channels, height, width)
            yield everything, _Part(made, None), slope if corrected else None
            return
        slopes: Tensor | None = None
        for rows in slices(0, self._total, self._engine.predictor_rows[n]):
            made, slope = self._engine.feedback(n, corrected, self._rows(n + 1, rows), self._rows(n, rows))  # each (rows, …)
            if slope is not None:
                slopes = self._slopes(n, slope) if slopes is None else slopes  # (points · images, channels, height, width)
                slopes[rows] = slope
            yield rows, _Part(made, rows.start), slopes

    def _update(
        self, n: int, level: Level, rows: slice, array: Tensor, prediction: "_Part | None", slopes: Tensor | None
    ) -> None:
        """r_n(t) of some rows, into `array`, which may hold r_n(t-1)."""
        before = self._whole(self._state[n + 1])  # (points · images, …), or (images, …) until it has moved
        for part in slices(rows.start, rows.stop, self._engine.stage_rows[n] if n else self._engine.predictor_rows[0]):
            drive = self._drive(n, level, part)  # (rows of this part, …), or (images, …)
            slope = self._lowest_slope(level, part) if n == 0 else None if slopes is None else self._whole(slopes)
            for point, piece in self._pieces(part):
                of = self._updates[point][n]
                error = of.error * self._engine.scales[n]
                terms = [(of.memory, before), (of.drive, drive), (of.feedback, prediction), (error, slope)]
                present = [(weight, self._at(tensor, piece)) for weight, tensor in terms if tensor is not None and weight != 0]
                weighted_sum(present, array[piece])  # (rows of this point, channels, height, width)

    def _drive(self, n: int, level: Level, rows: slice) -> "_Part | None":
        """f_n(r_{n-1}(t)) of some rows."""
        if level.drive is Computation.SHARED:
            return _Part(self._start.representations[n + 1], None)
        if level.drive is Computation.SKIPPED:
            return None
        below = self._state[n][rows]
        return _Part(self._engine.stages[n](below).to(below.dtype), rows.start)  # autocast may have rounded it

    def _lowest_slope(self, level: Level, rows: slice) -> "_Part | None":
        """The gradient of the lowest pcoder at t-1 for some rows: the image below it never changes, and it can be made late."""
        if level.gradient is Computation.COMPUTED:
            _, slope = self._engine.feedback(0, True, self._rows(1, rows), self._rows(0, rows))
            return None if slope is None else _Part(slope, rows.start)
        slope = self._start.feedback(0)[1] if level.gradient is Computation.SHARED else None
        return None if slope is None else _Part(slope, None)

    def _array(self, n: int) -> Tensor:
        """Memory for r_n of all rows: where it is already, or an earlier chunk's, or new."""
        kept = self._arrays[n]
        if kept is None or len(kept) < self._total:
            like = self._state[n + 1]
            kept = self._arrays[n] = empty((self._total, *like.shape[1:]), like)
        return kept[: self._total]

    def _slopes(self, n: int, like: Tensor) -> Tensor:
        """Memory for the gradients of all rows; those of pcoder n are read while those of pcoder n + 1 are written."""
        return self._engine.workspace.take_maps(f"slopes {n % 2}", (self._total, *like.shape[1:]), like)

    def _rows(self, index: int, rows: slice) -> Tensor:
        """r_index(t-1) of some rows, whole points if it is shared."""
        state = self._state[index]
        if len(state) == self._total:
            return state[rows]
        pieces = [self._at(_Part(state, None), piece) for _, piece in self._pieces(rows)]
        return pieces[0] if len(pieces) == 1 else torch.cat(pieces)

    def _pieces(self, rows: slice) -> Iterator[tuple[int, slice]]:
        """The rows point by point, with the number of the point."""
        start = rows.start
        while start < rows.stop:
            point = start // self._images
            stop = min(rows.stop, (point + 1) * self._images)
            yield point, slice(start, stop)
            start = stop

    def _whole(self, tensor: Tensor) -> "_Part":
        """A tensor with all rows, or one for each image."""
        return _Part(tensor, 0 if len(tensor) == self._total else None)

    def _at(self, part: "_Part", piece: slice) -> Tensor:
        """The rows of a piece, which lies within one point."""
        first = piece.start % self._images if part.first is None else piece.start - part.first
        return part.tensor[first : first + piece.stop - piece.start]


@dataclass(frozen=True, eq=False)
class _Part:
    """Some rows of what differs between points.

    Args:
        tensor: the rows.
        first: the number of its first row; `None` if it has a row per image, the same for every point.
    """

    tensor: Tensor
    first: int | None


def _chunks(points: Sequence[Sequence[Rule]], most: int) -> list[tuple[Structure, tuple[int, ...]]]:
    """The numbers of the points, those of one structure together, in chunks as even as possible of at most so many."""
    alike: dict[Structure, list[int]] = {}
    for number, rules in enumerate(points):
        alike.setdefault(structure(rules), []).append(number)
    chunks = []
    for of, numbers in alike.items():
        size = math.ceil(len(numbers) / math.ceil(len(numbers) / most))
        chunks += [(of, tuple(numbers[rows])) for rows in slices(0, len(numbers), size)]
    return chunks

"""A worker's counting, into the cells of its arena. Cells are float64 and have one writer."""

from bisect import bisect_left
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engine.audio.format import FRAME_S
from engine.stats import CELL_COUNT, LATENCY_BOUNDS_S, Cell


class Counters:
    """Adds; never takes away, but for gauges."""

    def __init__(self, cells: NDArray[np.float64] | None = None) -> None:
        """Without cells (`cueline listen`) it counts into its own."""
        self.cells = np.zeros(CELL_COUNT) if cells is None else cells

    def add(self, cell: Cell, amount: float) -> None:
        """Add to one cell."""
        self.cells[cell] += amount

    def set(self, cell: Cell, value: float) -> None:
        """Set a gauge, or a time."""
        self.cells[cell] = value

    def verdict(self, voiced: bool | None) -> None:
        """One frame's verdict by the VAD; None where it refused the frame."""
        if voiced is None:
            self.cells[Cell.FRAMES_REJECTED] += 1
        else:
            self.cells[Cell.VOICED_S if voiced else Cell.UNVOICED_S] += FRAME_S

    def taken(self, arrivals_ns: Sequence[int], now_ns: int) -> None:
        """Frames were taken: how many, and how long after they arrived."""
        self.cells[Cell.FRAMES] += len(arrivals_ns)
        frames = 1
        if arrivals_ns and arrivals_ns.count(arrivals_ns[0]) == len(arrivals_ns):  # of one message
            frames, arrivals_ns = len(arrivals_ns), arrivals_ns[:1]
        for arrival_ns in arrivals_ns:
            latency_s = (now_ns - arrival_ns) / 1e9
            self.cells[Cell.LATENCY_SUM_S] += frames * latency_s
            self.cells[Cell.LATENCY_FIRST + bisect_left(LATENCY_BOUNDS_S, latency_s)] += frames

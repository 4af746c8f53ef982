"""Names and places of the counters that workers write into their arena.

One cell is one float64; a worker adds, the supervisor reads. Cells outlive the worker, so counters stay monotonic. The
supervisor writes one: it clears HEARING once it has read it after a death, when there is no worker.
"""

from enum import IntEnum, unique

# Upper bounds in seconds of cueline_frame_latency_seconds; the last cell of a histogram is +Inf.
LATENCY_BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 2.5, 5.0)


@unique
class Cell(IntEnum):
    """Index of each counter in a shard's cells."""

    HEARTBEAT_NS = 0  # monotonic time of the work loop's last turn
    HEARING = 1  # lease that the worker is hearing, 0 between turns: what a dead one died of
    FRAMES = 2
    FRAMES_SKIPPED = 3  # overwritten before they were read
    FRAMES_REJECTED = 4  # refused by the VAD
    VOICED_S = 5
    UNVOICED_S = 6
    DECODE_S = 7  # CPU seconds inside the recognizer
    VAD_S = 8  # CPU seconds of the VAD pass, sampled per turn
    BUSY_S = 9  # wall seconds not spent waiting
    CPU_S = 10  # process CPU seconds of this and earlier generations
    UTTERANCES = 11
    RECOGNIZERS = 12  # gauge: alive now
    IPC_S = 13  # CPU seconds between turns: doorbells, messages
    HEARING_AT = 14  # count of the first frame of what it is hearing
    LATENCY_SUM_S = 15
    LATENCY_FIRST = 16  # len(LATENCY_BOUNDS_S) + 1 cells follow


CELL_COUNT = Cell.LATENCY_FIRST + len(LATENCY_BOUNDS_S) + 1

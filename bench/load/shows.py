"""How a measurement is watched: what is going on now, and each point as it comes, on stderr; results go to stdout."""

from rich.console import Console

from bench.load.point import Point


class Progress:
    """`Steps` for people; what is begun turns on a terminal and is a line elsewhere only when it is done."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status = console.status("…")
        self._status.start()

    def begun(self, step: str) -> None:
        """Say it."""
        self._status.update(step)

    def done(self, step: str) -> None:
        """Nothing: the next step says enough."""

    def heading(self, name: str) -> None:
        """Points of something else follow."""
        self._console.print(f"{name}:", style="bold", highlight=False)

    def point(self, point: Point) -> None:
        """One line."""
        verdict = "held" if not point.broken else "; ".join(point.broken)
        p95 = "–" if point.spot_ms.p95 is None else f"{point.spot_ms.p95:.0f} ms"
        p99 = "–" if point.frame_ms.p99 is None else f"{point.frame_ms.p99:.0f} ms"
        heard = f"{point.heard} of {point.said} phrases"
        self._console.print(
            f"{point.calls:4} calls: {heard}, spot p95 {p95}, frame p99 {p99}: {verdict}",
            highlight=False,
            soft_wrap=True,
        )

    def close(self) -> None:
        """No more."""
        self._status.stop()

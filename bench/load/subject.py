"""What is put under load: something that holds calls and says how well."""

from typing import Protocol

from bench.load.point import Point


class Subject(Protocol):
    """Start it, play so many calls for so long, stop it, tell. Everything that it started is gone afterwards, also when cancelled."""

    name: str

    async def measure(self, calls: int, seconds: float) -> Point:
        """One measurement with a fresh start. DemoError where a process does not start; a Point with `failure` where the load breaks it."""
        ...

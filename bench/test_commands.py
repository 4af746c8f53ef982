"""From a worker's report to a command: the message between processes, and the rules."""

from dataclasses import replace

from pytest_benchmark.fixture import BenchmarkFixture

from bench.audio import phrase_rules, slug
from bench.measuring import measure
from engine.commands.command import Command
from engine.commands.rules import Rules
from engine.shards.messages import WORKER_CODEC, Spotted
from engine.speech.events import PhraseSpotted

EVENTS = 200
PHRASE = "cancel my order"
EVENT = PhraseSpotted(
    rule=slug(PHRASE),
    phrase=PHRASE,
    text="i want to cancel my order",
    confidence=None,
    fired_on="partial",
    utterance_start_ms=11_640,
    phrase_end_ms=12_960,
    audio_position_ms=13_240,
    phrase_end_ns=123_456_789_012_345,
)
MESSAGE = Spotted(7, EVENT)


def test_encode_a_spotted_phrase(benchmark: BenchmarkFixture) -> None:
    """In the worker."""

    def encode_all() -> bytes:
        for _ in range(EVENTS):
            packet = WORKER_CODEC.encode(MESSAGE)
        return packet

    assert WORKER_CODEC.decode(measure(benchmark, encode_all, operations=EVENTS)) == MESSAGE


def test_decode_a_spotted_phrase(benchmark: BenchmarkFixture) -> None:
    """In the supervisor, validated."""
    packet = WORKER_CODEC.encode(MESSAGE)

    def decode_all() -> object:
        for _ in range(EVENTS):
            message = WORKER_CODEC.decode(packet)
        return message

    assert measure(benchmark, decode_all, operations=EVENTS) == MESSAGE


def test_command_for_a_new_phrase(benchmark: BenchmarkFixture) -> None:
    """A key that was not seen before."""
    events = [replace(EVENT, utterance_start_ms=start) for start in range(EVENTS)]

    def command_all(rules: Rules) -> list[Command | None]:
        return [rules.command_for("conversation", "external", event, "2026-01-01T00:00:00Z") for event in events]

    commands = measure(benchmark, command_all, lambda: (Rules(phrase_rules([PHRASE])),), operations=EVENTS)
    assert len({command.idempotency_key for command in commands}) == EVENTS

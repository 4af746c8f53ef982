"""Spotted phrase → command, once per idempotency key.

A worker that replaces a dead one hears an utterance again and reports its phrases again; the key (conversation, channel,
rule, start of the utterance) is then the same, and the second report makes no command. The refractory time is the
worker's business. Pure: no clock, no I/O; memory is bounded by REMEMBERED_KEYS.
"""

from collections import OrderedDict
from collections.abc import Iterable

from engine.commands.command import Command
from engine.options import Channel, RuleOptions
from engine.speech.events import PhraseSpotted

REMEMBERED_KEYS = 10_000


class Rules:
    """What each rule wants done, and the keys of the last commands made."""

    def __init__(self, options: Iterable[RuleOptions], *, remembered_keys: int = REMEMBERED_KEYS) -> None:
        self._sinks = {rule.name: rule.sinks for rule in options}
        self._remembered_keys = remembered_keys
        self._seen: OrderedDict[str, None] = OrderedDict()  # the oldest is forgotten first

    def command_for(
        self, conversation_id: str, channel: Channel, event: PhraseSpotted, spotted_at: str
    ) -> Command | None:
        """Make the command of a spotted phrase; None when its key was seen before.

        `spotted_at` is RFC 3339 in UTC. KeyError for a rule that was not configured.
        """
        sinks = self._sinks[event.rule]
        key = f"{conversation_id}/{channel}/{event.rule}/{event.utterance_start_ms}"
        if not self._remember(key):
            return None
        return Command(
            idempotency_key=key,
            sinks=sinks,
            conversation_id=conversation_id,
            channel=channel,
            rule=event.rule,
            phrase=event.phrase,
            text=event.text,
            confidence=event.confidence,
            fired_on=event.fired_on,
            utterance_start_ms=event.utterance_start_ms,
            phrase_end_ms=event.phrase_end_ms,
            audio_position_ms=event.audio_position_ms,
            spotted_at=spotted_at,
            phrase_end_ns=event.phrase_end_ns,
        )

    def _remember(self, key: str) -> bool:
        """False when the key is known already."""
        if key in self._seen:
            return False
        self._seen[key] = None
        if len(self._seen) > self._remembered_keys:
            self._seen.popitem(last=False)
        return True

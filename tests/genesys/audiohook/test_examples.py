"""The exchanges of the specification's section 11, word for word."""

import json

from engine.genesys.audiohook import events
from engine.genesys.audiohook.limits import SessionLimits
from engine.genesys.audiohook.session import AudioHookSession

ID = "c2a1f7d4-3b7e-4f63-8a55-9e0d1b7c4e21"
HEAD = f'{{"version":"2","type":"%s","id":"{ID}","seq":%d,'
OPEN = (
    HEAD % ("open", 1)
    + '"serverseq":0,"position":"PT0S","parameters":{"organizationId":"5b1f3f0e-8f0c-4c39-9d35-0a4f7d2b6c11","conversationId":"7d0c2a94-5e1b-4c77-9a3f-2f8b6e1d0c55","participant":{"id":"e3b5c8a1-0d42-4b9e-8f17-6c2a9d5e7b30","ani":"+34600111222","aniName":"Ana P.","dnis":"+34910000000"},"media":[{"type":"audio","format":"PCMU","channels":["external","internal"],"rate":8000},{"type":"audio","format":"PCMU","channels":["external"],"rate":8000}],"language":"es-ES","customConfig":{"grammar":"billing"}}}'
)
OPENED = (
    HEAD % ("opened", 1)
    + '"clientseq":1,"parameters":{"startPaused":false,"media":[{"type":"audio","format":"PCMU","channels":["external"],"rate":8000}]}}'
)


def session() -> AudioHookSession:
    """Examples 1 and 2: the second offer is taken."""
    made = AudioHookSession(ID, "5b1f3f0e-8f0c-4c39-9d35-0a4f7d2b6c11", SessionLimits())
    (asked,) = made.receive_text(OPEN, 10.0)
    assert asked.open.language == "es-ES"
    assert not asked.open.is_probe
    assert made.opened(asked.open.media[1])
    assert made.data_to_send() == [OPENED]
    return made


def said(kind, seq, serverseq, position, parameters):
    return HEAD % (kind, seq) + f'"serverseq":{serverseq},"position":"{position}","parameters":{parameters}}}'


def test_open_ping_pause_with_loss_and_an_end_by_us():
    talk = session()
    talk.receive_audio(bytes(9600), 11.0)
    assert talk.receive_text(said("ping", 2, 1, "PT1.1S", "{}"), 11.0) == ()
    assert talk.receive_text(said("ping", 3, 2, "PT1.2S", '{"rtt":"PT0.041S"}'), 11.1) == ()
    assert talk.data_to_send() == [HEAD % ("pong", seq) + f'"clientseq":{seq},"parameters":{{}}}}' for seq in (2, 3)]

    entities = [
        {
            "type": "voice_command",
            "data": {"command": "cancel", "channelId": 0, "offset": "PT5.12S", "confidence": 0.93},
        }
    ]
    assert talk.receive_text(said("ping", 4, 3, "PT5.2S", "{}"), 15.0) == ()
    talk.data_to_send()
    assert talk.tell(entities, 15.2)
    (event,) = talk.data_to_send()
    assert (
        event
        == HEAD % ("event", 5)
        + '"clientseq":4,"parameters":'
        + json.dumps({"entities": entities}, separators=(",", ":"))
        + "}"
    )

    talk.receive_audio(bytes(52_800), 17.0)
    assert talk.receive_text(said("paused", 5, 4, "PT7.8S", "{}"), 18.0) == (events.Paused(),)
    assert talk.position_samples == 62_400  # 7.8 s
    resumed = said("resumed", 6, 4, "PT12.3S", '{"start":"PT7.8S","discarded":"PT4.5S"}')
    assert talk.receive_text(resumed, 22.5) == (events.Resumed(36_000),)
    assert talk.position_samples == 98_400  # 12.3 s


def test_a_malformed_message_and_the_end():
    talk = session()
    for seq in range(2, 7):
        talk.receive_text(said("ping", seq, 1, "PT1S", "{}"), 20.0)
    talk.data_to_send()
    gap = said("ping", 9, 5, "PT14S", "{}")
    assert talk.receive_text(gap, 24.0) == (events.Faulty("seq"),)
    told = '"clientseq":6,"parameters":{"reason":"error","info":"seq out of order"}}'
    assert talk.data_to_send() == [HEAD % ("disconnect", 7) + told]
    assert talk.receive_text(said("close", 7, 7, "PT15S", '{"reason":"disconnect"}'), 24.1) == (
        events.CloseAsked("disconnect"),
    )
    assert talk.closed()
    assert talk.data_to_send() == [HEAD % ("closed", 8) + '"clientseq":7,"parameters":{}}']

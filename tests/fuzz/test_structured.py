"""Inputs that are right in form and strange in content, which bytes seldom are: JSON, TOML, entries of a zip file, dates."""

import string

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.audiohook_targets import OPEN
from tests.fuzz.targets import TARGETS

pytestmark = pytest.mark.filterwarnings("ignore")  # of what libraries say of strange inputs

WORDS = {
    "realtime": [
        "type",
        "status",
        "code",
        "message",
        "error",
        "errors",
        "response",
        "retryAfter",
        "id",
        "state",
        "audio",
    ],
    "picture": ["participants", "calls", "purpose", "state", "id", "endTime", "chats", "disconnectedTime"],
    "audiohook-messages": [
        *(
            "organizationId",
            "conversationId",
            "participant",
            "id",
            "ani",
            "media",
            "type",
            "format",
            "channels",
            "rate",
        ),
        *(
            "language",
            "supportedLanguages",
            "continuedSessions",
            "rtt",
            "start",
            "discarded",
            "reason",
            "code",
            "digit",
        ),
    ],
    "label-manifest": ["calls", "file", "said", "phrase", "start_ms", "end_ms", "channel"],
}
AUDIOHOOK_TYPES = ["open", "ping", "update", "paused", "resumed", "discarded", "close", "error", "dtmf", "weather"]
VALUES = [
    "connected",
    "audio",
    "ended",
    "error",
    "terminated",
    "customer",
    "agent",
    "external",
    "401",
    "1e999",
    "QQ==",
    "PT1.5S",
]

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from(VALUES)
)


def trees(words: list[str]) -> st.SearchStrategy[object]:
    """JSON with these names."""
    names = st.sampled_from(words) | st.text(max_size=5)
    return st.recursive(scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=6))


def objects(words: list[str]) -> st.SearchStrategy[dict[str, object]]:
    return st.dictionaries(st.sampled_from(words), trees(words), max_size=8)


@given(st.integers(0, 3), st.lists(objects(WORDS["realtime"]), min_size=1, max_size=5))
@settings(deadline=None)
def test_realtime_messages(state, messages):
    TARGETS["realtime"].feed(bytes([state]) + b"\0".join(map(orjson.dumps, messages)))


@given(
    st.lists(st.tuples(st.sampled_from(AUDIOHOOK_TYPES), objects(WORDS["audiohook-messages"])), min_size=1, max_size=5)
)
@settings(deadline=None)
def test_audiohook_messages_alone_and_in_a_session(said):
    texts = [kind.encode() + orjson.dumps(parameters) for kind, parameters in said]
    for text in texts:
        TARGETS["audiohook-messages"].feed(b"\1" + text)
    TARGETS["audiohook-session"].feed(b"\0".join(b"\4" + text for text in (OPEN + b"}", *texts)))


@given(objects(WORDS["picture"]))
def test_pictures_of_conversations(shown):
    TARGETS["picture"].feed(orjson.dumps(shown))


@given(objects(WORDS["label-manifest"]))
def test_manifests_of_labels(said):
    TARGETS["label-manifest"].feed(orjson.dumps(said))


@given(trees(["conversation_id", "x"]))
@settings(deadline=None)
def test_bodies_of_admin_requests(body):
    TARGETS["admin"].feed(b"\1" + orjson.dumps(body))


@st.composite
def toml_values(draw: st.DrawFn) -> str:
    """Any value that TOML can write; integers of any size."""
    kind = draw(st.integers(0, 5))
    if kind == 0:
        return str(draw(st.integers(-(10**30), 10**30)))
    if kind == 1:
        return draw(st.sampled_from(["true", "nan", "-inf", "1979-05-27", "07:32:00", "1979-05-27T07:32:00Z", "0x_f"]))
    if kind == 2:
        return f"[{', '.join(draw(st.lists(toml_values(), max_size=3)))}]"
    if kind == 3:
        return "{ a = 1, name = 'b' }"
    return orjson.dumps(
        draw(st.text(max_size=30) | st.sampled_from(["log", "webhook", "regex", "(", "a{9999999999}"]))
    ).decode()


TABLES = {
    "[genesys]": ["region", "conversation_ids", "client_secret", "login_url", "ping_interval_s"],
    "[speech]": ["model_path", "profile", "beam", "background_words", "vad_mode", "decoding"],
    "[shards]": ["count", "slots"],
    "[admin]": ["host", "port"],
    "[audiohook]": ["host", "path", "keys", "tls_cert", "trusted_proxies", "languages"],
    "[[audiohook.keys]]": ["api_key", "client_secret", "organization_id"],
    "[outbox]": ["capacity"],
    "[[rules]]": ["name", "phrases", "match", "hear", "min_confidence", "channel", "sinks", "fire_on"],
    "[[sinks]]": ["name", "type", "url", "secret", "path", "attributes", "queue_id", "entry_point", "timeout_s"],
}


@st.composite
def toml_files(draw: st.DrawFn) -> str:
    """Our tables and names with any values."""
    lines = []
    for table in draw(st.lists(st.sampled_from(list(TABLES)), max_size=5, unique=True)):
        names = draw(st.lists(st.sampled_from([*TABLES[table], "stray"]), max_size=6, unique=True))
        lines += [table, *(f"{name} = {draw(toml_values())}" for name in names)]
    return "\n".join(lines)


@given(toml_files())
@settings(deadline=None)
def test_configuration_files(text):
    TARGETS["config"].feed(text.encode())


@given(
    st.lists(
        st.tuples(st.integers(0, 4), st.text(string.ascii_letters + "/.\\:é", max_size=12)), min_size=1, max_size=6
    )
)
@settings(deadline=None)
def test_entries_of_archives(entries):
    TARGETS["entries"].feed(b"\n".join(bytes([kind]) + b"m/" + name.encode() for kind, name in entries))


@given(
    st.integers(-5, 10**12),
    st.integers(0, 10**12),
    st.integers(0, 99),
    st.sampled_from(["GMT", "-0000", "+9999", "-99999999999", "EST", ""]),
)
def test_dates_of_retry_after(day, year, hour, zone):
    TARGETS["waits"].feed(f"Wed, {day} Oct {year} {hour}:59:59 {zone}".encode())

import asyncio
import time

import aiohttp
import pytest

from engine.simulator.options import CallOptions
from engine.simulator.platform import bearer
from engine.simulator.server import Simulator
from tests.support.simulated import FIRST, noise_wav, options, platform, subscribed


@pytest.fixture
async def simulator(tmp_path):
    noise_wav(tmp_path / "a.wav", 60_000)
    made = options(tmp_path / "a.wav", delivery={"speed": 1.0})
    more = (
        CallOptions(conversation_id="hidden", wav=tmp_path / "a.wav", visible=False),
        CallOptions(conversation_id="over", wav=tmp_path / "a.wav", ended=True),
    )
    async with Simulator(made.model_copy(update={"calls": made.calls + more})) as running:
        yield running


@pytest.fixture
async def api(simulator):
    async with platform(simulator) as client:
        yield client


def paths(simulator):
    return [(each.method, each.path, each.status) for each in simulator.requests if each.path.startswith("/api")]


@pytest.mark.parametrize(
    ("header", "token"), [("Bearer abc", "abc"), ("bearer  abc ", "abc"), ("", ""), ("Basic abc", ""), ("abc", "")]
)
def test_bearer_tokens_are_read_from_the_header(header, token):
    assert bearer(header) == token


async def test_a_token_is_told_of(api):
    told = (await api("GET", "/tokens/me")).body
    assert (told["organization"]["name"], told["authorizedScope"]) == ("Simulated Genesys Cloud", ["conversation"])


async def test_both_looks_at_a_conversation_agree(api):
    wide = (await api("GET", f"/conversations/{FIRST}")).body
    narrow = (await api("GET", f"/conversations/calls/{FIRST}")).body
    assert wide["id"] == narrow["id"] == FIRST
    assert [each["id"] for each in wide["participants"]] == [each["id"] for each in narrow["participants"]]
    assert [each["calls"][0]["state"] for each in wide["participants"]] == ["connected"] * 2
    assert [each["state"] for each in narrow["participants"]] == ["connected"] * 2


async def test_answers_carry_the_rate_limit(api):
    answers = [await api("GET", f"/conversations/{FIRST}") for _ in range(2)]
    assert [each.headers["inin-ratelimit-count"] for each in answers] == ["1", "2"]
    assert answers[0].headers["inin-ratelimit-allowed"] == "300"
    assert 1 <= int(answers[0].headers["inin-ratelimit-reset"]) <= 60


@pytest.mark.parametrize(("name", "status"), [("hidden", 403), ("nowhere", 404)])
async def test_what_may_not_be_seen_or_is_not_there(api, name, status):
    for path in (f"/conversations/{name}", f"/conversations/calls/{name}"):
        answer = await api("GET", path)
        assert (answer.status, answer.body["status"]) == (status, status)


async def test_an_ended_conversation_can_be_looked_at(api):
    body = (await api("GET", "/conversations/over")).body
    assert {each["calls"][0]["state"] for each in body["participants"]} == {"disconnected"}
    assert "endTime" in body


async def test_without_a_valid_token_nothing_is_told(api):
    for token in ("", "made-up"):
        api.token = token
        answer = await api("GET", f"/conversations/{FIRST}")
        assert (answer.status, answer.body["code"]) == (401, "bad.credentials")


async def test_tokens_expire(tmp_path):
    noise_wav(tmp_path / "a.wav", 100)
    async with Simulator(options(tmp_path / "a.wav", token_ttl_s=1)) as simulator, platform(simulator) as api:
        assert (await api("GET", f"/conversations/{FIRST}")).status == 200
        began = time.monotonic()
        async with asyncio.timeout(10):
            while (answer := await api("GET", f"/conversations/{FIRST}")).status == 200:
                await asyncio.sleep(0.05)
        assert answer.status == 401
        assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("path", "body", "purpose", "names"),
    [
        ("conversations/{c}/participants/{p}/replace/queue", {"queueId": "q1"}, "acd", {"queueId": "q1"}),
        ("conversations/{c}/participants/{p}/replace/agent", {"userId": "u1"}, "agent", {"userId": "u1"}),
        ("conversations/{c}/participants/{p}/transfer", {"address": "+1"}, "external", {"address": "+1"}),
        ("conversations/{c}/participants/{p}/replace", {"queueId": "q1"}, "acd", {"queueId": "q1"}),
        ("conversations/calls/{c}/participants/{p}/replace", {"address": "+1"}, "external", {"address": "+1"}),
    ],
)
async def test_transfers_happen(simulator, api, path, body, purpose, names):
    agent = await api.participant("agent")
    answer = await api("POST", "/" + path.format(c=FIRST, p=agent["id"]), {"transferType": "Unattended", **body})
    assert (answer.status, answer.text) == (202, "")
    participants = (await api("GET", f"/conversations/{FIRST}")).body["participants"]
    assert [each["calls"][0]["state"] for each in participants] == ["connected", "disconnected", "connected"]
    assert participants[2]["purpose"] == purpose
    assert names.items() <= participants[2].items()
    [action] = simulator.actions
    assert (action.kind, action.conversation_id, action.participant_id) == ("transfer", FIRST, agent["id"])
    assert action.details["target"] == names
    assert [method for method, _, _ in paths(simulator)].count("POST") == 1


async def test_a_refused_transfer_changes_nothing(simulator, api):
    agent = await api.participant("agent")
    path = f"/conversations/{FIRST}/participants/{agent['id']}/replace/queue"
    assert (await api("POST", path, {})).status == 400
    assert (await api("POST", path, data=b"{nonsense")).status == 400
    assert (await api("POST", path, ["queueId"])).status == 400
    assert (await api("POST", path.replace(agent["id"], "nobody"), {"queueId": "q"})).status == 404
    assert simulator.actions == ()
    assert (await api.participant("agent"))["calls"][0]["state"] == "connected"


async def test_hanging_up_the_customer_ends_the_call_and_its_socket_says_so(simulator, api):
    async with subscribed(simulator) as socket:
        customer = await api.participant("customer")
        path = f"/conversations/calls/{FIRST}/participants/{customer['id']}"
        assert (await api("PATCH", path, {"state": "disconnected"})).status == 202
        heard = await socket.hear()
    assert (heard.others[-1]["type"], heard.others[-1]["reason"], heard.code) == ("ended", "disconnected", 1000)
    assert [(each.kind, each.participant_id) for each in simulator.actions] == [("disconnect", customer["id"])]
    assert simulator.calls[0].state == "ended"
    assert (await api("PATCH", path, {"state": "disconnected"})).status == 409


async def test_hanging_up_one_of_three_keeps_the_call(simulator, api):
    agent = await api.participant("agent")
    transfer = {"transferType": "Attended", "queueId": "q"}
    await api("POST", f"/conversations/{FIRST}/participants/{agent['id']}/replace/queue", transfer)
    simulator._cloud.calls[FIRST].conversation.participants[2].state = "connected"
    answer = await api("PATCH", f"/conversations/calls/{FIRST}/participants/{agent['id']}", {"state": "disconnected"})
    assert answer.status == 202
    assert simulator.calls[0].state == "waiting"


async def test_other_changes_of_a_participant_are_refused(simulator, api):
    agent = await api.participant("agent")
    answer = await api("PATCH", f"/conversations/calls/{FIRST}/participants/{agent['id']}", {"held": True})
    assert answer.status == 400
    assert simulator.actions == ()


async def test_the_whole_conversation_can_be_torn_down(simulator, api):
    assert (await api("POST", f"/conversations/{FIRST}/disconnect")).status == 202
    assert simulator.calls[0].state == "ended"
    assert simulator.actions[0].participant_id is None


@pytest.mark.parametrize("prefix", ["/conversations", "/conversations/calls"])
async def test_attributes_are_set(simulator, api, prefix):
    customer = await api.participant("customer")
    path = f"{prefix}/{FIRST}/participants/{customer['id']}/attributes"
    answer = await api("PATCH", path, {"attributes": {"cueline.phrase": "transfer me"}})
    assert (answer.status, answer.body["attributes"]) == (202, {"cueline.phrase": "transfer me"})
    assert (await api.participant("customer"))["attributes"] == {"cueline.phrase": "transfer me"}
    assert simulator.actions[0].details["attributes"] == {"cueline.phrase": "transfer me"}
    assert (await api("PATCH", path, {"attributes": {"a": 1}})).status == 400
    assert len(simulator.actions) == 1


async def test_unknown_addresses_and_methods_are_answered_in_the_platforms_form(api):
    assert (await api("GET", "/nothing")).body["code"] == "not.found"
    assert (await api("DELETE", f"/conversations/{FIRST}")).body["code"] == "method.not.allowed"


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500])
async def test_faults_answer_once(simulator, api, status):
    simulator.arm(f"api_{status}", conversation_id=FIRST)
    assert (await api("GET", "/conversations/over")).status == 200
    answer = await api("GET", f"/conversations/{FIRST}")
    assert (answer.status, answer.body["status"]) == (status, status)
    assert answer.headers.get("Retry-After") == ("1" if status == 429 else None)
    assert (await api("GET", f"/conversations/{FIRST}")).status == 200
    assert [each.fault for each in simulator.requests if each.fault] == [f"api_{status}"]


async def test_a_dropped_request_was_read_and_did_nothing(simulator, api):
    agent = await api.participant("agent")
    simulator.arm("api_drop")
    path = f"/conversations/{FIRST}/participants/{agent['id']}/replace/queue"
    with pytest.raises(aiohttp.ClientConnectionError):
        await api("POST", path, {"queueId": "q"})
    [dropped] = [each for each in simulator.requests if each.fault]
    assert (dropped.method, dropped.status, dropped.conversation_id) == ("POST", None, FIRST)
    assert simulator.actions == ()


async def test_a_stalled_request_is_held_then_times_out(simulator, api):
    simulator.arm("api_stall")
    began = time.monotonic()
    assert (await api("GET", f"/conversations/{FIRST}")).status == 504
    assert time.monotonic() - began >= simulator.options.stall_s


async def test_expired_token_is_noticed_at_the_next_request(simulator, api):
    simulator.arm("expired_token")
    assert (await api("GET", f"/conversations/{FIRST}")).status == 401
    async with platform(simulator) as renewed:
        assert (await renewed("GET", f"/conversations/{FIRST}")).status == 200


async def test_the_rate_limit_is_real(tmp_path):
    noise_wav(tmp_path / "a.wav", 100)
    async with Simulator(options(tmp_path / "a.wav", rate_limit_per_min=2)) as simulator, platform(simulator) as api:
        answers = [await api("GET", f"/conversations/{FIRST}") for _ in range(3)]
    assert [each.status for each in answers] == [200, 200, 429]
    assert answers[2].body["code"] == "too.many.requests"
    assert 1 <= int(answers[2].headers["Retry-After"]) <= 60
    assert answers[2].headers["inin-ratelimit-count"] == "3"

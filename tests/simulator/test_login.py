import base64

import pytest

from engine.simulator.server import Simulator
from tests.support.simulated import ask_token, login, noise_wav, options


@pytest.fixture
async def simulator(tmp_path):
    noise_wav(tmp_path / "a.wav", 100)
    async with Simulator(options(tmp_path / "a.wav", token_ttl_s=1234)) as running:
        yield running


async def test_the_right_client_gets_a_token(simulator):
    status, body, _ = await login(simulator)
    assert status == 200
    assert body["token_type"] == "bearer"
    assert body["expires_in"] == 1234
    assert len(body["access_token"]) > 20
    assert (await login(simulator))[1]["access_token"] != body["access_token"]


async def test_a_wrong_secret_is_an_invalid_client(simulator):
    status, body, _ = await login(simulator, secret="wrong")
    assert (status, body["error"]) == (401, "invalid_client")


@pytest.mark.parametrize("header", [None, "", "Basic", "Basic ???", "Basic é", "Bearer abc", "Basic YQ=="])
async def test_a_client_without_proper_credentials_is_invalid(simulator, header):
    status, body, _ = await ask_token(simulator, {} if header is None else {"Authorization": header})
    assert (status, body["error"]) == (401, "invalid_client")


async def test_only_client_credentials_are_granted(simulator):
    status, body, _ = await login(simulator, grant="password")
    assert (status, body["error"]) == (400, "unsupported_grant_type")


@pytest.mark.parametrize(
    ("fault", "status", "error"),
    [("token_401", 401, "invalid_client"), ("token_429", 429, "too_many_requests"), ("token_500", 500, "server_error")],
)
async def test_faults_strike_once_and_are_noted(simulator, fault, status, error):
    simulator.arm(fault)
    got, body, headers = await login(simulator)
    assert (got, body["error"]) == (status, error)
    assert headers.get("Retry-After") == ("1" if status == 429 else None)
    assert (await login(simulator))[0] == 200
    assert [(each.path, each.status, each.fault) for each in simulator.requests] == [
        ("/oauth/token", status, fault),
        ("/oauth/token", 200, None),
    ]


@pytest.mark.parametrize(("suffix", "status"), [("", 200), (".node-1", 200), (".", 401), ("node-1", 401)])
async def test_one_client_may_have_several_names(simulator, suffix, status):
    name = f"{simulator.options.client_id}{suffix}"
    given = base64.b64encode(f"{name}:{simulator.options.client_secret}".encode()).decode()
    found, body, _ = await ask_token(simulator, {"Authorization": f"Basic {given}"})
    assert found == status, body

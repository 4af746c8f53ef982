from typing import get_args

import pytest

from engine.commands.dispatcher import Dispatcher
from engine.commands.sinks import open_sinks
from engine.errors import ConfigError
from engine.metrics import Metrics
from engine.options import (
    AttributesSink,
    DisconnectSink,
    FileSink,
    LogSink,
    PythonSink,
    RedisSink,
    SinkOptions,
    TransferSink,
    WebhookSink,
)
from tests.support.commands import FakePlatform, command, opened_outbox, receiver
from tests.support.waiting import until


def one_of_each(folder, url: str = "http://127.0.0.1:9/hook") -> tuple:
    return (
        LogSink(name="log"),
        FileSink(name="file", path=folder / "lines"),
        WebhookSink(name="hook", url=url),
        TransferSink(name="transfer", queue_id="q"),
        DisconnectSink(name="disconnect"),
        AttributesSink(name="attributes", attributes={"heard": "{rule}"}),
        PythonSink(name="python", entry_point="builtins:len"),
    )


async def test_a_command_leaves_through_every_type_of_sink(tmp_path):
    platform = FakePlatform()
    async with receiver() as there:
        options = one_of_each(tmp_path, there.url)
        assert {type(option) for option in options} == set(get_args(get_args(SinkOptions)[0])) - {
            RedisSink
        }  # test_redis_stream has it
        async with open_sinks(options, platform) as sinks:
            assert [sink.options for sink in sinks.values()] == list(options)
            assert {name for name, sink in sinks.items() if not sink.idempotent} == {"transfer", "disconnect", "python"}
            outcomes: dict[str, str] = {}
            async with opened_outbox(tmp_path / "var", *sinks.values()) as outbox:
                dispatcher = Dispatcher(
                    sinks, outbox, Metrics(), lambda _, sink, outcome: outcomes.update({sink: outcome})
                )
                dispatcher.offer(command(1, tuple(sinks)))
                await until(lambda: len(outcomes) == len(options))
                await dispatcher.close()
    assert set(outcomes.values()) == {"delivered"}
    assert {call[0] for call in platform.calls} == {"transfer", "disconnect", "attributes"}


async def test_all_faults_are_told_at_once(tmp_path):
    (tmp_path / "lines").mkdir()
    options = (*one_of_each(tmp_path)[:6], PythonSink(name="python", entry_point="no_such_module:run"))
    with pytest.raises(ConfigError) as caught:
        async with open_sinks(options, None):
            pass
    assert [fault.split(" = ")[0] for fault in caught.value.faults] == [
        "sinks.file.path",
        "sinks.transfer.type",
        "sinks.disconnect.type",
        "sinks.attributes.type",
        "sinks.python.entry_point",
    ]

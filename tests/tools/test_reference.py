"""The generated references are those of the source as it stands, and leave nothing out."""

import re
from pathlib import Path

import pytest
from pydantic import Field
from pydantic.fields import FieldInfo

from engine.config_layers import AUDIOHOOK_KEY, ENVIRONMENT, SECRETS, TARGET_KEYWORD, WEBHOOK_SECRET, WEBHOOK_URL
from engine.metrics import Metrics
from engine.options import EngineOptions, Options, RuleOptions, SpeechOptions, WebhookSink
from tools.reference import configuration
from tools.reference.__main__ import DOCS, PAGES, main


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_as_the_source_has_it(name: str) -> None:
    stale = (DOCS / name).read_text(encoding="utf-8") != PAGES[name]()
    assert not stale, f"docs/{name} is stale: run `make docs`"


def test_what_is_stale_is_named_and_written(monkeypatch, tmp_path: Path, capsys) -> None:
    monkeypatch.setattr("tools.reference.__main__.DOCS", tmp_path)
    assert main(["--check"]) == 1
    assert "docs/metrics.md is stale: make docs" in capsys.readouterr().out
    assert not any(tmp_path.iterdir())
    assert main([]) == 0
    assert {file.name for file in tmp_path.iterdir()} == set(PAGES)
    assert main(["--check"]) == 0


def test_an_option_without_description_is_refused_by_name() -> None:
    class Bare(Options):
        beam: float = 1.0

    with pytest.raises(ValueError, match=r"speech\.beam has no description"):
        list(configuration._table(Bare, "speech"))


@pytest.mark.parametrize(
    ("field", "words"),
    [
        (SpeechOptions.model_fields["vad_mode"], "integer, 0 to 3"),
        (SpeechOptions.model_fields["beam"], "number, > 0, ≤ 100"),
        (SpeechOptions.model_fields["decoding"], '`"grammar"`, `"free"`'),
        (RuleOptions.model_fields["channel"], '`"external"`, `"internal"` or `"any"`'),
        (RuleOptions.model_fields["phrases"], "list of text, each of length ≥ 1 and length ≤ 200, at least 1"),
        (WebhookSink.model_fields["secret"], "text, secret"),
        (WebhookSink.model_fields["allow_addresses"], "list of network"),
        (EngineOptions.model_fields["drain_s"], "number, 0 to 3 600"),
        (FieldInfo.from_annotated_attribute(bool, Field(False)), "true or false"),
    ],
)
def test_what_is_allowed_in_words(field: FieldInfo, words: str) -> None:
    assert configuration.allowed(field) == words


def test_every_setting_and_every_name_of_the_environment_has_its_row() -> None:
    text = configuration.page()
    for name, field in EngineOptions.model_fields.items():
        for inner in getattr(field.annotation, "model_fields", {name: None}):
            assert f"| `{inner}` |" in text or f"`[[{name}]]`" in text or f"`[[{name}.{inner}]]`" in text, inner
    for name in (*ENVIRONMENT, *AUDIOHOOK_KEY, TARGET_KEYWORD, WEBHOOK_URL, WEBHOOK_SECRET):
        assert f"`{name}`" in text, name
    assert all(f"`{name}_FILE`" in text for name in SECRETS)


def test_what_the_loader_fills_in_has_no_default_of_its_own() -> None:
    for where in configuration.FILLED:
        part, name = where.split(".")
        field = EngineOptions.model_fields[part].annotation.model_fields[name]
        assert field.is_required() or where == "fleet.node", where  # that one's stands where no fleet is


def test_every_metric_that_is_exposed_has_its_row_and_its_labels() -> None:
    text = PAGES["metrics.md"]()
    types = re.findall(r"^# TYPE (\S+) (\S+)$", Metrics().exposition().decode(), re.MULTILINE)
    for name, kind in types:
        if not name.endswith("_created"):
            assert f"| `{name}` | {kind} |" in text, name
    assert "| `cueline_commands_total` | counter | `sink`, `outcome`" in text
    assert "`shard`, `reason` (ring_full, skipped, vad_error)" in text

"""What the environment must hold, and what is said when it does not."""

import logging

import pytest
import structlog
from typer.testing import CliRunner

from worker import __main__, errors, logs, settings
from worker.tests.unit.tokens_of import token_of

GOOD = {
    "DATABASE_URL": "postgresql://hourglass_worker:pass%23word@db.example.com:5432/postgres",
    "SUPABASE_URL": "https://example.supabase.co/",
    "SUPABASE_SERVICE_ROLE_KEY": "sb_secret_abcdefgh",
}


def load(monkeypatch: pytest.MonkeyPatch, **changes: str | None) -> settings.Settings:
    for name, value in {**GOOD, **changes}.items():
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value)
    return settings.load()


def test_takes_what_is_there_and_defaults_for_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = load(monkeypatch)
    assert chosen.supabase_url == "https://example.supabase.co"
    assert chosen.fallback_interval_seconds == 15
    assert chosen.log_format == "console"


@pytest.mark.parametrize("key", ["sb_publishable_abc", token_of(None, role="anon"), token_of(None), "e30.W10.", "any"])
def test_a_public_key_may_be_of_any_kind(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    chosen = load(monkeypatch, SUPABASE_ANON_KEY=key).supabase_anon_key
    assert chosen is not None
    assert chosen.get_secret_value() == key


def test_an_option_goes_before_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    load(monkeypatch, LOG_FORMAT="console")
    assert settings.load().log_format == "console"
    assert settings.load("json").log_format == "json"


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.parametrize("value", [None, ""])
def test_names_what_is_missing(monkeypatch: pytest.MonkeyPatch, name: str, value: str | None) -> None:
    with pytest.raises(errors.SettingsError, match=f"{name} is missing"):
        load(monkeypatch, **{name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "mysql://a:hunter2@b/c"),
        ("DATABASE_URL", "postgresql://a:hunter2%zz@b/c"),
        ("DATABASE_URL", "postgresql://a@b/c?hunter2=1"),
        ("SUPABASE_URL", "example.supabase.co?hunter2"),
        ("SUPABASE_URL", "https://hunter2 is not a host/"),
        ("LOG_FORMAT", "hunter2"),
        ("SWEEP_BATCH_SIZE", "hunter2"),
        ("SWEEP_BATCH_SIZE", "0"),
        ("FALLBACK_INTERVAL_SECONDS", "16"),
        ("FALLBACK_INTERVAL_SECONDS", "hunter2"),
        ("ARCHIVE_URL", "hunter2/folder"),
        ("SUPABASE_ANON_KEY", "sb_secret_hunter2"),
        ("SUPABASE_ANON_KEY", token_of("hunter2", role="service_role")),
        ("ARCHIVE_URL", "https://hunter2.example.com"),
    ],
)
def test_names_what_is_malformed_without_showing_it(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    with pytest.raises(errors.SettingsError, match=f"{name} is malformed") as caught:
        load(monkeypatch, **{name: value})
    assert "hunter2" not in str(caught.value)


def test_names_every_fault_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(errors.SettingsError) as caught:
        load(monkeypatch, DATABASE_URL=None, SUPABASE_URL="nowhere", SUPABASE_SERVICE_ROLE_KEY=None)
    assert all(name in str(caught.value) for name in GOOD)


@pytest.mark.parametrize("command", [["run"], ["once", "run-due"], ["once", "roll-up-usage"], ["health"]])
def test_the_command_exits_with_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    for name in GOOD:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.argv", ["hourglass", *command])
    with pytest.raises(SystemExit) as ended:
        __main__.main()
    assert ended.value.code == 2
    assert "DATABASE_URL is missing" in capsys.readouterr().err


def test_the_help_page_names_every_setting() -> None:
    page = CliRunner().invoke(__main__.app, ["run", "--help"], env={"COLUMNS": "200", "TERM": "dumb"}).output
    assert all(name.upper() in page for name in settings.Settings.model_fields)


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_no_log_line_shows_a_secret(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], log_format: str
) -> None:
    chosen = load(monkeypatch, LOG_FORMAT=log_format, AWS_SECRET_ACCESS_KEY="key/of+s3")
    logs.configure(chosen.log_format, chosen.secrets)
    structlog.get_logger().warning("x.failed", reason=f"{GOOD['DATABASE_URL']} {GOOD['SUPABASE_SERVICE_ROLE_KEY']}")
    structlog.get_logger().warning("x.failed", reason="password is pass#word, key is key/of+s3")
    logging.getLogger("asyncio").error("at %s", GOOD["DATABASE_URL"])
    written = capsys.readouterr().err
    assert "x.failed" in written
    assert "***" in written
    assert not any(secret in written for secret in ("pass%23word", "pass#word", "sb_secret_abcdefgh", "key/of+s3"))

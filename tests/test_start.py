"""What a person at the terminal sees when the service cannot start."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bot.commands.serve import lock_database
from bot.errors import CommandError
from tests.conftest import ROOT, MakeSettings
from tests.postgres import free_port


def run(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bot", *arguments]
    environment = {**os.environ, **env}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_a_database_that_is_away_is_one_line_and_exit_1(tmp_path: Path) -> None:
    url = f"postgresql+asyncpg://somebody:secret-word@127.0.0.1:{free_port()}/khcn"
    result = run("serve", DATABASE_URL=url, SECRET_KEY="k" * 40, VAR_DIR=str(tmp_path))
    assert result.returncode == 1
    assert "check DATABASE_URL" in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert "secret-word" not in result.stderr + result.stdout


def test_a_second_serve_on_one_sqlite_file_is_refused(sqlite_settings: MakeSettings) -> None:
    settings = sqlite_settings()
    lock = lock_database(settings)
    assert lock is not None
    with pytest.raises(CommandError, match="another process already serves"):
        lock_database(settings)
    lock.close()
    again = lock_database(settings)
    assert again is not None
    again.close()


@pytest.mark.parametrize(
    ("env", "says"),
    [
        ({"PORT": "eighty"}, "PORT"),
        ({"PROVINCE": "ha-noi-2"}, "PROVINCE"),
        ({"TELEGRAM_TOKEN": "1:x", "TELEGRAM_MODE": "webhook"}, "TELEGRAM_WEBHOOK_SECRET"),
        ({"WIDGET_ORIGINS": "https://good.example, *"}, "WIDGET_ORIGINS"),
        ({"DATABASE_URL": "postgresql+asyncpg://x@127.0.0.1/x"}, "SECRET_KEY"),
    ],
)
def test_a_wrong_setting_is_named(env: dict[str, str], says: str) -> None:
    result = run("serve", **env)
    assert result.returncode == 1
    assert says in result.stderr
    assert "Traceback" not in result.stderr


def test_a_secret_is_never_shown(tmp_path: Path) -> None:
    result = run("serve", TELEGRAM_TOKEN="123456:very-secret-token", TELEGRAM_MODE="webhook", VAR_DIR=str(tmp_path))
    assert "very-secret-token" not in result.stderr + result.stdout

"""The rules of the house, read from the code itself."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from bot.config import Settings
from handlers.texts import catalogue

ROOT = Path(__file__).parent.parent
OURS = {"bot", "handlers", "staff", "desk", "knowledge", "db"}
MAY_IMPORT = {
    "bot": OURS,
    "handlers": {"handlers", "desk", "knowledge", "db"},
    "staff": {"staff", "desk", "knowledge", "db"},
    "desk": {"desk", "db"},
    "knowledge": {"knowledge"},
    "db": {"db"},
}


def modules(package: str) -> list[Path]:
    return [path for path in (ROOT / package).rglob("*.py") if "migrations/versions" not in path.as_posix()]


@pytest.mark.parametrize("package", sorted(p for p in OURS if (ROOT / p).is_dir()))
def test_imports_point_one_way(package: str) -> None:
    wrong = []
    for path in modules(package):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            wrong += [
                f"{path.relative_to(ROOT)} imports {name}"
                for name in names
                if name.split(".")[0] in OURS - MAY_IMPORT[package]
            ]
    assert wrong == []


def test_only_the_channels_talk_to_messengers() -> None:
    libraries = {"telegram", "aiogram", "aiohttp", "httpx"}
    wrong = [
        f"{path.relative_to(ROOT)}: {name}"
        for package in OURS
        if (ROOT / package).is_dir()
        for path in modules(package)
        if not path.relative_to(ROOT).as_posix().startswith("bot/channels/")
        for name in re.findall(r"^\s*(?:import|from) (\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
        if name in libraries
    ]
    assert wrong == []


def test_statements_live_in_db() -> None:
    pattern = re.compile(r"from sqlalchemy import [^\n]*\b(?:select|insert|update|delete|text)\b")
    wrong = [
        path.relative_to(ROOT).as_posix()
        for package in ("bot", "handlers", "staff", "desk")
        if (ROOT / package).is_dir()
        for path in modules(package)
        if pattern.search(path.read_text(encoding="utf-8"))
    ]
    assert wrong == []


def test_every_setting_is_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    missing = [name.upper() for name in Settings.model_fields if f"`{name.upper()}`" not in readme]
    assert missing == []


def test_every_text_is_used_and_every_key_exists() -> None:
    keys = set(catalogue())
    sources = "\n".join(
        p.read_text(encoding="utf-8") for package in ("bot", "handlers", "staff") for p in modules(package)
    )
    used = set(re.findall(r'(?:say|choice)\(\s*"([a-z][\w.-]+)"', sources))
    assert used - keys == set()
    # a key that is put together at run time ends in a dot or names its family before the brace
    families = set(re.findall(r'f"([a-z_]+)\.\{', sources))
    literal = set(re.findall(r'"([a-z][\w.-]*)"', sources))
    unused = {key for key in keys if key not in literal and key.split(".")[0] not in families}
    assert unused - {"contact.what.address", "contact.what.phones", "contact.what.hours"} == set()


def test_no_text_has_a_stray_field() -> None:
    fields = {key: set(re.findall(r"\{(\w*)\}", text)) for key, text in catalogue().items()}
    assert all("" not in names for names in fields.values())


def test_no_naive_datetimes() -> None:
    pattern = re.compile(r"datetime\.(?:utcnow|now)\(\)")
    assert [
        p.name
        for package in OURS
        if (ROOT / package).is_dir()
        for p in modules(package)
        if pattern.search(p.read_text(encoding="utf-8"))
    ] == []

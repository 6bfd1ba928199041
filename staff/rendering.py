"""Jinja2 with everything escaped, and the words and times the templates use."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse, Response

from staff.clock import ago, local, show_time
from staff.texts import done_words, name_of, names_of, word

FOLDER = Path(__file__).parent
STATIC = FOLDER / "static"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(FOLDER / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, auto_reload=False,
    )  # fmt: skip
    files = b"".join(path.read_bytes() for path in sorted(STATIC.iterdir()) if path.is_file())
    style = hashlib.sha256(files).hexdigest()[:10]
    environment.globals |= {
        "word": word, "name_of": name_of, "names_of": names_of, "ago": ago, "show_time": show_time, "local": local,
        "style": style, "done_words": done_words,
    }  # fmt: skip
    return environment


def render(template: str, *, status: int = 200, **values: Any) -> Response:
    """A page."""
    return HTMLResponse(_environment().get_template(template).render(**values), status)


def problem_words(key: str) -> dict[str, str]:
    """What the page about a problem says."""
    return {"title": word(f"problem.title.{key}"), "text": word(f"problem.{key}")}


def render_problem(key: str, status: int) -> Response:
    """A page that says what went wrong and offers the way back; needs neither a session nor the database."""
    return render("problem.html", status=status, **problem_words(key))

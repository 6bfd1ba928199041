"""What the Bot API refuses, judged by code we did not write: aiogram's method models and the rules of ``teremok``."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

MARKUP_LIMIT = 10_000
BUTTONS_LIMIT = 100


@cache
def _judges() -> tuple[Any, Any, Any, type[Exception]]:
    from aiogram import Bot, methods
    from teremok.validation import ApiRuleViolation, validate_method

    return methods, validate_method, Bot("1:validator"), ApiRuleViolation


def violation(method: str, params: dict[str, Any]) -> str | None:
    """What is wrong with a call; None for a good one."""
    from pydantic import ValidationError

    methods, validate_method, bot, rule_violation = _judges()
    model = getattr(methods, method[:1].upper() + method[1:], None)
    if model is None:
        return f"no method {method}"
    if unknown := set(params) - set(model.model_fields):
        return f"Bad Request: unknown parameters {sorted(unknown)}"
    try:
        call = model.model_validate(params)
        validate_method(bot, call)
    except ValidationError as error:
        return f"Bad Request: {error.errors()[0]['loc']} {error.errors()[0]['msg']}"
    except rule_violation as error:
        return str(error)
    return _markup_violation(params.get("reply_markup"))


def _markup_violation(markup: dict[str, Any] | None) -> str | None:
    if markup is None:
        return None
    if len(json.dumps(markup, ensure_ascii=False).encode()) > MARKUP_LIMIT:
        return "Bad Request: reply markup is too long"
    if "inline_keyboard" not in markup:
        return None  # a keyboard of words: the models have checked it
    buttons = [button for row in markup["inline_keyboard"] for button in row]
    if len(buttons) > BUTTONS_LIMIT or any(not row or len(row) > 8 for row in markup["inline_keyboard"]):
        return "Bad Request: too many buttons"
    if any(not 1 <= len(str(button.get("callback_data", "")).encode()) <= 64 for button in buttons):
        return "Bad Request: BUTTON_DATA_INVALID"
    return None

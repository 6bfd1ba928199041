"""The signature of the webhook, by the worked example of the reference and by its doubtful forms."""

from __future__ import annotations

import pytest

from bot.channels.zalo_signature import DOCUMENTED_FORM, describe_form, matching_form, sign

BODY = (
    '{"app_id":"4100200300400500600","event_name":"user_send_text","sender":{"id":"7711223344556677889"},'
    '"recipient":{"id":"3300440055006600770"},"message":{"text":"Xin chào","msg_id":"0a1b2c3d4e5f60718293"},'
    '"timestamp":"1793600000000"}'
).encode()
HEX = "c93f1565c428021ebf1a0e28c80cca1b535f1888f235a7bd93fa27f728f7825e"
OURS = {"app_id": "4100200300400500600", "oa_id": "3300440055006600770", "secret": "oa-secret-example"}


def test_the_worked_example() -> None:
    assert sign(OURS["app_id"], BODY, "1793600000000", OURS["secret"]) == HEX


@pytest.mark.parametrize("header", [f"mac={HEX}", HEX, f"mac = {HEX}", f" mac={HEX.upper()} ", f"MAC={HEX}"])
def test_the_header_with_and_without_its_prefix(header: str) -> None:
    assert matching_form(header, BODY, **OURS) == DOCUMENTED_FORM


@pytest.mark.parametrize(
    "header",
    ["", "mac=", HEX[:-1], f"mac={HEX[:-1]}f", f"mac={HEX}00", "mac=" + "é" * 64, f"sha256={HEX}", f"mac={HEX} {HEX}"],
)
def test_anything_else_is_refused(header: str) -> None:
    assert matching_form(header, BODY, **OURS) is None


def test_one_other_byte_is_refused() -> None:
    for position in range(0, len(BODY), 7):
        changed = BODY[:position] + bytes([BODY[position] ^ 1]) + BODY[position + 1 :]
        assert matching_form(HEX, changed, **OURS) is None


def test_the_application_secret_is_not_the_oa_secret() -> None:
    assert matching_form(HEX, BODY, **{**OURS, "secret": "app-secret-example"}) is None


def test_doubtful_forms_come_after_the_documented_one() -> None:
    by_header = sign(OURS["app_id"], BODY, "1793600000999", OURS["secret"])
    assert matching_form(by_header, BODY, **OURS, header_time="1793600000999") == "header_time"
    assert matching_form(by_header, BODY, **OURS) is None
    by_oa = sign(OURS["oa_id"], BODY, "1793600000000", OURS["secret"])
    assert matching_form(by_oa, BODY, **OURS) == "oa_id"


def test_a_time_that_is_a_number() -> None:
    body = b'{"event_name":"x","timestamp":1793600000000}'
    assert matching_form(sign(OURS["app_id"], body, "1793600000000", OURS["secret"]), body, **OURS) == DOCUMENTED_FORM


def test_the_log_sees_the_form_and_never_the_value() -> None:
    assert describe_form(f"mac={HEX}") == "mac=hex(64)"
    assert describe_form("Bearer abc") == "other(9)"
    assert describe_form("") == "missing"

"""How the Official Account consents: the page, the way there and back, a pasted pair, the verification file."""

from __future__ import annotations

import datetime as dt
import re
from urllib.parse import parse_qs, urlsplit

import httpx
from sqlalchemy import update

from bot.channels.zalo_consent import challenge_of, make_verifier
from bot.config import Settings
from db.models import ZaloToken
from tests.conftest import MakeSettings
from tests.zalo.conftest import fake_zalo, zalo_service


def without_tokens(values: dict) -> dict:
    return {key: value for key, value in values.items() if key not in ("zalo_access_token", "zalo_refresh_token")}


async def path_of(z) -> str:
    parts = urlsplit(await z.channel.consent.new_page_link())
    return f"{parts.path}?{parts.query}"


async def consent_link(z, path: str) -> str:
    page = await z.running.client.get(path)
    assert page.status_code == 200
    found = re.search(r'href="([^"]*/v4/oa/permission[^"]*)"', page.text)
    assert found
    return found.group(1).replace("&amp;", "&")


async def test_from_nothing_to_a_working_account(make_settings: MakeSettings, understander) -> None:
    async with fake_zalo() as fake:
        settings: Settings = make_settings(
            **without_tokens(fake.settings()), public_url="https://hotro.example.vn",
            zalo_verifier="zalo_verifierAbC123.html",
        )  # fmt: skip
        async with zalo_service(settings, fake, understander) as z:
            person = fake.person()
            await person.says("menu")
            path = await path_of(z)
            link = await consent_link(z, path)
            query = parse_qs(urlsplit(link).query)
            assert query["redirect_uri"] == ["https://hotro.example.vn/zalo/callback"]
            assert not {"scope", "response_type", "code_challenge_method"} & set(query)
            async with httpx.AsyncClient() as browser:
                back = (await browser.get(link)).headers["location"]
            assert back.startswith("https://hotro.example.vn/zalo/callback?code=")
            callback = f"/zalo/callback?{urlsplit(back).query}"
            wrong_state = re.sub(r"state=[^&]+", "state=guessed", callback)
            assert (await z.running.client.get(wrong_state)).status_code == 403
            wrong_oa = callback.replace(fake.oa_id, "1")
            assert (await z.running.client.get(wrong_oa)).status_code == 403
            done = await z.running.client.get(callback)
            assert done.status_code == 200 and "Đã kết nối" in done.text
            assert (await z.running.client.get(callback)).status_code == 403  # works once
            assert (await z.running.client.get(path)).status_code == 403  # and so does the page's key
            assert await z.channel.check() == "Sở KH&CN Mẫu"
            file = await z.running.client.get("/zalo_verifierAbC123.html")
            assert file.status_code == 200 and "AbC123" in file.text


async def test_a_pasted_pair(make_settings: MakeSettings, understander) -> None:
    async with fake_zalo() as fake:
        settings = make_settings(**without_tokens(fake.settings()), public_url="https://hotro.example.vn")
        async with zalo_service(settings, fake, understander) as z:
            path = await path_of(z)
            key, pair = path.partition("key=")[2], fake.new_pair()
            form = {"access_token": pair["access_token"], "refresh_token": pair["refresh_token"]}
            post = z.running.client.post
            assert (await post("/zalo/consent", data={**form, "key": "guessed"})).status_code == 403
            assert (await post("/zalo/consent", data={"key": key})).status_code == 400
            assert (await post("/zalo/consent", content=b"x" * 30_000)).status_code == 413
            stored = await post("/zalo/consent", data={**form, "key": key})
            assert stored.status_code == 200 and pair["access_token"] not in stored.text
            assert await z.channel.check() == "Sở KH&CN Mẫu"
            assert (await post("/zalo/consent", data={**form, "key": key})).status_code == 403


async def test_a_link_ends_after_half_an_hour(make_settings: MakeSettings, understander) -> None:
    async with fake_zalo() as fake:
        settings = make_settings(**fake.settings(), public_url="https://hotro.example.vn")
        async with zalo_service(settings, fake, understander) as z:
            path = await path_of(z)
            link = await consent_link(z, path)
            past = update(ZaloToken).values(consent_expires_at=dt.datetime.now(dt.UTC))
            await z.database.write(lambda c: c.execute(past))
            assert (await z.running.client.get(path)).status_code == 403
            async with httpx.AsyncClient() as browser:
                back = (await browser.get(link)).headers["location"]
            assert (await z.running.client.get(f"/zalo/callback?{urlsplit(back).query}")).status_code == 403


async def test_without_a_key_nobody_sees_the_page(sqlite_settings: MakeSettings, understander) -> None:
    async with fake_zalo() as fake, zalo_service(sqlite_settings(**fake.settings()), fake, understander) as z:
        for path in ("/zalo/consent", "/zalo/consent?key=", "/zalo/consent?key=x", "/zalo/callback",
                     "/zalo/callback?code=x&state=y"):  # fmt: skip
            assert (await z.running.client.get(path)).status_code == 403


def test_the_verifier_is_what_zalo_wants() -> None:
    verifiers = {make_verifier() for _ in range(100)}
    assert len(verifiers) == 100
    assert all(re.fullmatch(r"[A-Za-z0-9]{43}", verifier) for verifier in verifiers)
    # the example of RFC 7636, appendix B
    assert challenge_of("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk") == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"

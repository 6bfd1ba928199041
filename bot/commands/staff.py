"""``staff add|reset|code``: create or recover a staff account with a one-time link; show its one-time code."""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
from collections.abc import Callable

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from bot.app import prepare_database
from bot.commands.serve import public_address
from bot.config import Settings, load_settings
from bot.errors import CommandError
from bot.security import secret_key
from db import migrate
from db.engine import Database
from db.models import StaffRole
from db.queries import departments
from staff.accounts import AccountError, NewLink, add_account, reset_account
from staff.codes import present_code
from staff.signing import Signer

Act = Callable[..., str]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions and their options."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    add = actions.add_parser("add", help="create an account and print its one-time link")
    add.add_argument("login", metavar="LOGIN", type=str.lower, help="lower-case letters, digits and . _ @ -")
    add.add_argument("--name", required=True, help="the person's name, as colleagues see it")
    add.add_argument("--role", required=True, choices=[role.value for role in StaffRole], help="what the person may do")
    reset = actions.add_parser(
        "reset", help="take an account's password away, sign it out everywhere and print a new one-time link"
    )
    reset.add_argument("login", metavar="LOGIN", type=str.lower, help="the account's login name")
    code = actions.add_parser("code", help="print the one-time code the console asks for, for who has no phone at hand")
    code.add_argument("login", metavar="LOGIN", type=str.lower, help="the account's login name")


def run(arguments: argparse.Namespace) -> int:
    """Do it and print the link, or the code."""
    settings = load_settings()
    if arguments.action == "code":
        print(asyncio.run(_code(settings, arguments.login)))
        return 0

    def act(connection: Connection, department_id: int, link: NewLink, now: dt.datetime) -> str:
        if arguments.action == "add":
            return add_account(
                connection, department_id=department_id, login=arguments.login, name=arguments.name,
                role=StaffRole(arguments.role), link=link, now=now,
            )  # fmt: skip
        return reset_account(connection, department_id=department_id, login=arguments.login, link=link, now=now)

    path = asyncio.run(_act(settings, act))
    print(f"One-time link for {arguments.login} (valid 24 hours): {public_address(settings)}{path}")
    return 0


async def _code(settings: Settings, login: str) -> str:
    """Whoever may run this may reset the account too: it gives nothing away."""
    signer = Signer(secret_key(settings).get_secret_value())

    def act(connection: Connection, department_id: int, link: NewLink, now: dt.datetime) -> str:
        del link
        return present_code(connection, signer, department_id=department_id, login=login, now=now)

    return await _act(settings, act)


async def _act(settings: Settings, act: Act) -> str:
    database = Database(settings.database_url)
    link = NewLink.make()
    try:
        department_id = await _department(settings, database)
        return await database.write(lambda c: act(c, department_id, link, dt.datetime.now(dt.UTC)))
    except AccountError as error:
        raise CommandError(str(error)) from error
    except (SQLAlchemyError, OSError) as error:
        where = database.url.render_as_string(hide_password=True)
        raise CommandError(
            f"the database {where} cannot be used: {type(error).__name__}; check DATABASE_URL"
        ) from error
    finally:
        await database.close()


async def _department(settings: Settings, database: Database) -> int:
    """The department's id; a database that was never prepared, or is a release behind, is brought up first."""
    revision = await database.read(migrate.current_revision)
    if revision == migrate.newest_revision() and (row := await database.read(departments.find_department)):
        return int(row.id)
    return (await prepare_database(settings, database)).department_id

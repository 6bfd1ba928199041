"""``requests export``: support requests as XLSX or CSV."""

from __future__ import annotations

import argparse

from bot.errors import CommandError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    actions.add_parser("export", help="XLSX or CSV of support requests; arrives with the request desk")


def run(arguments: argparse.Namespace) -> int:
    """Say that there is no request desk yet."""
    raise CommandError(f"`requests {arguments.action}` arrives with the request desk, in a later release", 2)

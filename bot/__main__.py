"""The command line: ``python -m bot <subcommand>``, also installed as ``khcn-bot``.

Every subcommand exits 0 (done), 1 (it ran and the answer is no) or 2 (wrong usage) and writes errors to standard error
as one sentence that says what to do.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from typing import NoReturn

from bot.errors import CommandError

COMMANDS = {
    "serve": "the whole service in one process: channels, web chat, staff console, workers",
    "worker": "only the workers, for running several processes against one PostgreSQL",
    "ask": "answer on the terminal, or in bulk",
    "kb": "check, import or export the knowledge base",
    "staff": "add or recover a staff account",
    "check": "configuration, database, content and channels: one line each",
    "zalo": "connect the Zalo Official Account",
    "requests": "export support requests",
}


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one sentence."""

    def error(self, message: str) -> NoReturn:
        """Print the sentence and exit 2."""
        self.exit(2, f"{self.prog}: {message}; see {self.prog} --help\n")


def build_parser() -> argparse.ArgumentParser:
    """The parser with all subcommands; each module adds its own arguments."""
    parser = Parser(prog="khcn-bot", description="Trợ lý KH&CN: sourced answers and support requests.")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, summary in COMMANDS.items():
        module = importlib.import_module(f"bot.commands.{name}")
        subparser = subparsers.add_parser(name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.")
        module.add_arguments(subparser)
        subparser.set_defaults(run=module.run)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand and return its exit status."""
    arguments = build_parser().parse_args(argv)
    try:
        return int(arguments.run(arguments))
    except CommandError as error:
        print(f"khcn-bot: {error}", file=sys.stderr)
        return error.status
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())

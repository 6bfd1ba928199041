"""``kb check|import|export``: validate content, load it into the database, write the published state back to files."""

from __future__ import annotations

import argparse
import datetime as dt
from pathlib import Path

from knowledge.check import check_content, summarise
from knowledge.loader import ROOT, load_content


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions and their options."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    check = actions.add_parser("check", help="validate the content files; exit 1 if one has an error")
    check.add_argument("--topic", help="show only the problems of one topic")
    check.add_argument("--root", type=Path, default=ROOT, help="the folder that holds content/, documents/, referrals/")


def run(arguments: argparse.Namespace) -> int:
    """Run the action asked for."""
    return _check(arguments)


def _check(arguments: argparse.Namespace) -> int:
    content = load_content(arguments.root)
    problems = check_content(content, today=dt.date.today())  # noqa: DTZ011 - the curator's own day
    if arguments.topic:
        problems = [
            p for p in problems if p.path.startswith((f"content/{arguments.topic}/", "documents/", "referrals/"))
        ]
    for problem in problems:
        print(problem)
    errors = sum(problem.severity == "error" for problem in problems)
    counts = "  ".join(f"{name} {count}" for name, count in sorted(summarise(content).items()))
    print(f"\n{counts}\nerrors {errors}  warnings {len(problems) - errors}")
    return 1 if errors else 0

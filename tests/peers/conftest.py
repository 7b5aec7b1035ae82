"""What all tests share: one seeded server, services of other people in front of or behind it, and the
table of the compatibility checks."""

import os
import pathlib
import re

import pytest

from campus import add_to
from django_api import set_up
from world import World

CHECK = re.compile(r"test_check_(\d+)_")


@pytest.fixture(scope="session")
def world():
    made = World()
    yield made
    made.stop()


@pytest.fixture(scope="session")
def campus(world):
    """The same server with what a campus needs besides."""
    add_to(world)
    return world


@pytest.fixture(scope="session")
def site(world):
    """Django's client of the one site of Django."""
    return set_up(world)


@pytest.fixture
def note(record_property):
    """Notes something beside the result of a check: what we do differently, on purpose."""
    return lambda text: record_property("note", text)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    found = CHECK.match(item.name)
    if found:
        report.check = int(found.group(1))
        report.what = (item.function.__doc__ or "").split("\n\n")[0]


def _results(reporter):
    """Number of the check -> result, what was checked, notes."""
    results = {}
    for category, word in [("passed", "holds"), ("skipped", "left out"), ("failed", "FAILS"), ("error", "FAILS")]:
        for report in reporter.stats.get(category, []):
            if hasattr(report, "check") and (report.when == "call" or word != "holds"):
                notes = [value for name, value in report.user_properties if name == "note"]
                what = " ".join(report.what.split())
                results[report.check] = (word, what, "; ".join(notes))
    return sorted(results.items())


def pytest_terminal_summary(terminalreporter):
    results = _results(terminalreporter)
    if not results:
        return
    terminalreporter.section("compatibility checks")
    table = ["| # | Result | What | Done on purpose |", "|---|---|---|---|"]
    for number, (word, what, notes) in results:
        terminalreporter.write_line(f"check {number:02}: {word}: {what}" + (f" [{notes}]" if notes else ""))
        table.append(f"| {number} | {word} | {what} | {notes} |")
    folder = pathlib.Path(os.environ["GRANTOR_BIN"]).parent.parent / "peers"
    folder.mkdir(exist_ok=True)
    (folder / "stups-checks.md").write_text("\n".join(table) + "\n")

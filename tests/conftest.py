"""What tests of every folder ask for."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.support.cli import Cli

if TYPE_CHECKING:
    from playwright.sync_api import Browser


def pytest_collection_finish() -> None:
    """Of what tests make little is garbage."""
    gc.set_threshold(50_000, 20, 20)
    keep_what_is_there()


def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    if nextitem is None or nextitem.path != item.path:
        keep_what_is_there()


def keep_what_is_there() -> None:
    """It stays to the end, and is not looked through for garbage once more."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    return Cli(capsys)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    from tests.support.browser import browser

    with browser() as opened:
        yield opened

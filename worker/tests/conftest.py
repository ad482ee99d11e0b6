"""What the tests of the worker and of the migrations share."""

from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest

from local_stack import migrations, testing
from local_stack.config import Stack
from worker.tests.integration.worker_program import Clients


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """The stack that the environment names, else a throwaway one with our migrations and no worker."""
    with testing.stack_under_test() as stack:
        migrations.let_worker_in(stack)
        yield stack


@pytest.fixture
def clients(stack: Stack) -> Iterator[Clients]:
    with closing(Clients(stack)) as clients:
        yield clients


@pytest.fixture
def running() -> Iterator[ExitStack]:
    """What a test has started; stopped after it, in reverse order."""
    with ExitStack() as running:
        yield running

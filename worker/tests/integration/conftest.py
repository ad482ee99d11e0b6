"""What the tests of metered sessions share: a prepared database and many connections to it."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from local_stack.config import Stack
from worker.tests.integration.metered_calls import connect
from worker.tests.integration.metered_crowd import Crowd
from worker.tests.integration.metered_world import World

CROWD = 50


@pytest.fixture(scope="module")
def world(stack: Stack) -> Iterator[World]:
    world = World.prepare(stack.db_url)
    with world.connection:
        yield world


@pytest.fixture(scope="module")
def crowd(stack: Stack) -> Iterator[Crowd]:
    with ExitStack() as closing:
        yield Crowd([closing.enter_context(connect(stack.db_url)) for _ in range(CROWD)])

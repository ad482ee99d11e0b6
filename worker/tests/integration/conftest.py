"""What these tests share: a prepared database, many connections to it, and people with supabase-py."""

from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack

import pytest

from local_stack.config import Stack
from worker.tests.integration import sdk_client
from worker.tests.integration.credit_world import CreditWorld
from worker.tests.integration.metered_calls import connect
from worker.tests.integration.metered_crowd import Crowd
from worker.tests.integration.metered_world import World
from worker.tests.integration.sdk_client import App, Person

CROWD = 50


@pytest.fixture(scope="module")
def world(stack: Stack) -> Iterator[World]:
    world = World.prepare(stack.db_url)
    with world.connection:
        yield world


@pytest.fixture(scope="module")
def credit_world(stack: Stack) -> Iterator[CreditWorld]:
    world = CreditWorld.prepare(stack.db_url)
    with world.connection:
        yield world


@pytest.fixture(scope="module")
def crowd(stack: Stack) -> Iterator[Crowd]:
    with ExitStack() as closing:
        yield Crowd([closing.enter_context(connect(stack.db_url)) for _ in range(CROWD)])


@pytest.fixture
async def app(stack: Stack) -> AsyncIterator[App]:
    async with sdk_client.app_of(stack) as app:
        yield app


@pytest.fixture
async def ada(app: App) -> Person:
    return await app.user()


@pytest.fixture
async def live(app: App) -> AsyncIterator[App]:
    """The app, with channels that deliver what the database sends."""
    async with sdk_client.delivering(app):
        yield app

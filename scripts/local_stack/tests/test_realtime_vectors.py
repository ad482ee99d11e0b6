"""What the real server did on the wire, the stand-in does too: each transcript replayed against a stack of its own."""

import json
from collections.abc import AsyncIterator, Iterator
from operator import itemgetter
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from local_stack.testing import TemporaryStack, temporary_stack
from local_stack.tests.vectors.realtime import replay

FOLDER = Path(__file__).parent / "vectors" / "realtime"
TRANSCRIPTS = [json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))]
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def stack() -> Iterator[TemporaryStack]:
    with temporary_stack(bare=True) as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def target(stack: TemporaryStack) -> AsyncIterator[replay.Target]:
    base = stack.api_url.removeprefix("http://")
    ws, http = f"ws://{base}/realtime/v1", f"http://{base}/realtime/v1"
    given = replay.Target(ws, http, stack.db_url, stack.admin_db_url, stack.jwt_secret)
    async with replay.warm(given):
        yield given


@pytest.mark.parametrize("transcript", TRANSCRIPTS, ids=itemgetter("name"))
async def test_replays_identically(transcript: dict[str, Any], target: replay.Target) -> None:
    await replay.Scenario(transcript, target).run()


async def test_all_transcripts_are_there() -> None:
    assert len(TRANSCRIPTS) == 70

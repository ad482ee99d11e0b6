"""Whoever calls functions in the demo, with a real Supabase client: each call is printed with what it took."""

import os
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from postgrest import APIError
from supabase import AsyncClient, AsyncClientOptions, acreate_client

from demo.story import WIDTH, BrokenPromiseError, expect, say

LONGEST_SHOWN = 24


class Caller:
    """Calls with the key or token of its client."""

    def __init__(self, name: str, client: AsyncClient) -> None:
        self.name = name
        self._client = client
        self._clock_lead = timedelta(0)  # of the server's clock over this machine's
        self.sent_at = self.now()

    def now(self) -> datetime:
        return datetime.now(UTC) + self._clock_lead

    async def ask(self, function: str, *, shows: tuple[str, ...] = (), **arguments: Any) -> Any:
        """Calls it, and prints these fields of the answer, or all of a short one."""
        self.sent_at = self.now()
        answer = await self.rpc(function, arguments)
        outcome = ", ".join(f"{field} {answer[field]}" for field in shows) if shows else _short(answer)
        self._say(function, arguments, outcome)
        return answer

    async def be_refused(self, code: str, slug: str, function: str, **arguments: Any) -> None:
        """Makes a call that has to fail in this way."""
        self.sent_at = self.now()
        try:
            await self.rpc(function, arguments)
        except APIError as error:
            self._say(function, arguments, f"refused: {error.code} {error.message}")
            expect((error.code, error.message) == (code, slug), f"{function} is refused with {code} {slug}")
        else:
            raise BrokenPromiseError(f"{function} is refused with {code} {slug}")

    def _say(self, function: str, arguments: dict[str, Any], outcome: str) -> None:
        call = f"{function}({', '.join(f'{name}={_short(value)}' for name, value in arguments.items())})"
        told = call if len(call) <= WIDTH else f"{call[: WIDTH - 2]}…)"
        say("call", self.name, told, self.now() - self.sent_at, outcome)

    async def rpc(self, function: str, arguments: dict[str, Any]) -> Any:
        return (await self._client.rpc(function, arguments).execute()).data


@asynccontextmanager
async def back_end() -> AsyncIterator[Caller]:
    """What the app runs on its servers: it calls with the service key."""
    async with httpx.AsyncClient() as http:
        options = AsyncClientOptions(httpx_client=http)
        yield Caller("server", await acreate_client(os.environ["API_URL"], os.environ["SERVICE_ROLE_KEY"], options))


async def enrol(name: str, plan: str) -> str:
    """Makes an account as a back end would; returns the user's id."""
    user_id = f"{name.lower()}-{uuid.uuid4().hex[:8]}"
    async with back_end() as server:
        account = {"user_id": user_id, "plan_id": plan, "display_name": name, "email": f"{user_id}@example.com"}
        await server.rpc("set_account", account)
    return user_id


def _short(value: Any) -> str:
    if isinstance(value, list):
        return f"[{len(value)} rows]"
    is_long = isinstance(value, str) and len(value) > LONGEST_SHOWN
    return repr(f"{value[:8]}…" if is_long else value)

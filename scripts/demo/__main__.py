"""The stories of the demo, told by real clients against a running stack.

Takes the stack from the environment, as `scripts/status -o env` prints it; `scripts/up --demo` does both. Ends with 0
when all went as promised, else with 1.
"""

import asyncio
import os
import sys
from datetime import timedelta

import httpx
import psycopg
from postgrest import APIError

from demo import agent, metered, rooms, sessions, world
from demo.story import BrokenPromiseError

SETTINGS = ("API_URL", "ANON_KEY", "SERVICE_ROLE_KEY", "JWT_SECRET", "DB_URL")
STORIES = (metered.tell, sessions.tell, rooms.tell, agent.tell)


async def main() -> int:
    if missing := [name for name in SETTINGS if not os.environ.get(name)]:
        print(f"Not set: {', '.join(missing)}. `scripts/up --demo` sets all and runs this.")
        return 1
    print(f"Hourglass at {os.environ['API_URL']}: calls by HTTP, events by WebSocket.")
    try:
        devices = [device for tell in STORIES for device in await tell()]
    except (BrokenPromiseError, APIError, httpx.HTTPError, psycopg.Error) as surprise:
        print(f"\nNot as promised: {surprise}")
        return 1
    latencies = [latency for device in devices for latency in device.latencies]
    slowest = max(latencies) / timedelta(milliseconds=1)
    print(f"\nAll of it happened as promised: {len(latencies)} events, the slowest after {slowest:.1f} ms.")
    world.make(os.environ["DB_URL"])
    if url := os.environ.get("WORKER_URL"):
        print(f"\nThe console, with a month of an app's life in it: {url}/\n  {world.WHO_SIGNS_IN}")
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))

"""Rollups while others write: what commits late or never is counted once or not at all, and every read is exact."""

import random
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from local_stack.config import Stack
from worker.tests.integration import usage_sums
from worker.tests.integration.metered_calls import connect, fetch
from worker.tests.integration.metered_crowd import Connection, Crowd
from worker.tests.integration.metered_world import World
from worker.tests.integration.worker_program import wait_until

WRITERS = 4
TRANSACTIONS = 40
USERS = 7
PEOPLE = "insert into public.accounts (user_id, plan_id) select %s || n, 'free' from generate_series(1, %s::int) as n"
LOG = """insert into public.usage_logs
    (id, user_id, kind, prompt_tokens, completion_tokens, credits, metadata, created_at)
    values (gen_random_uuid(), %s, 'completion', %s, %s, %s, '{}', clock_timestamp() - %s::int * interval '1 minute')"""
DROP = """select private.drop_partition('usage_logs', p.name) as is_dropped
    from private.partitions_before('usage_logs', 'month', now() - interval '1000 days') as p"""
ROLL_UP = "select done_count from private.roll_up_usage(%s)"


@pytest.fixture
def people(world: World) -> str:
    """The beginning of some users' ids."""
    prefix = f"rollup-{uuid.uuid4()}-"
    world.connection.execute(PEOPLE, [prefix, USERS])
    return prefix


def log(connection: Connection, people: str, chance: random.Random) -> None:
    user_id = f"{people}{chance.randint(1, USERS)}"
    price = chance.choice(["0", "0.1", "2.55", "1e-12"])
    connection.execute(LOG, [user_id, chance.randint(0, 9), chance.randint(0, 9), price, chance.randint(0, 3000)])


def writes(url: str, people: str, seed: int) -> Callable[[Connection], int]:
    """Transactions on two connections that begin in one order and end in the other, or are rolled back."""

    def write(connection: Connection) -> int:
        chance, count = random.Random(seed), 0
        with connect(url) as other:
            for _ in range(TRANSACTIONS):
                pair = [connection, other]
                chance.shuffle(pair)
                sizes = [chance.randint(1, 4), chance.randint(1, 4)]
                for each in pair:
                    each.execute("begin")
                for each, size in zip(pair, sizes, strict=True):
                    for _ in range(size):
                        log(each, people, chance)
                for each, size in zip(reversed(pair), reversed(sizes), strict=True):
                    if chance.random() < 0.3:
                        each.execute("rollback")
                    else:
                        each.execute("commit")
                        count += size
        return count

    return write


def test_each_log_is_counted_once_whoever_commits_late(stack: Stack, world: World, crowd: Crowd, people: str) -> None:
    is_over = threading.Event()
    still_writing = [WRITERS]
    guard = threading.Lock()

    def then_over(write: Callable[[Connection], int]) -> Callable[[Connection], int]:
        def run(connection: Connection) -> int:
            try:
                return write(connection)
            finally:
                with guard:
                    still_writing[0] -= 1
                    if still_writing[0] == 0:
                        is_over.set()

        return run

    def counts(batch: int) -> Callable[[Connection], int]:
        def count(connection: Connection) -> int:
            done = 0
            while not is_over.is_set():
                done += fetch(connection, ROLL_UP, batch)[0]["done_count"]
            return done

        return count

    def read(connection: Connection) -> int:
        count = 0
        while not is_over.is_set():
            assert usage_sums.wrong(connection, people) == []
            count += 1
        return count

    seed = random.randrange(2**32)
    writers = [then_over(writes(stack.db_url, people, seed + number)) for number in range(WRITERS)]
    done = crowd.at_once([*writers, counts(3), counts(1000), read, read])
    assert min(done[-2:]) > 0
    total = sum(done[:WRITERS])
    wait_until("all is counted", lambda: roll_up(world) == 0 and counted(world, people) >= total)
    assert (counted(world, people), usage_sums.wrong(world.connection, people)) == (total, []), seed


def test_a_transaction_that_goes_on_holds_nobody_up_and_is_counted_later(
    world: World, crowd: Crowd, people: str
) -> None:
    late, prompt = crowd.connections[:2]
    chance = random.Random(1)
    late.execute("begin")
    log(late, people, chance)
    log(prompt, people, chance)
    roll_up(world)
    assert usage_sums.wrong(world.connection, people) == []
    assert counted(world, people) == 0, "the id of what goes on bounds what is counted"
    late.execute("commit")
    assert usage_sums.wrong(world.connection, people) == []
    wait_until("both are counted", lambda: roll_up(world) == 0 and counted(world, people) == 2)
    assert usage_sums.wrong(world.connection, people) == []


def test_who_holds_an_account_is_not_waited_for(world: World, crowd: Crowd, people: str) -> None:
    holder, writer = crowd.connections[:2]
    roll_up(world)
    writer.execute("begin")
    writer.execute(LOG, [f"{people}1", 1, 1, 1, 0])  # older than who holds, or it would wait for them anyway
    holder.execute("begin")
    holder.execute("select from public.account_usage where user_id = %s for update", [f"{people}1"])
    writer.execute("commit")
    query = "select next_deadline_at > now() as is_tried_again from private.roll_up_usage(100000)"
    wait_until("it gives up", lambda: bool(fetch(world.connection, query)[0]["is_tried_again"]))
    assert (counted(world, people), usage_sums.wrong(world.connection, people)) == (0, [])
    holder.execute("rollback")
    wait_until("it is counted", lambda: roll_up(world) == 0 and counted(world, people) == 1)


def test_two_who_count_do_not_count_the_same(world: World, crowd: Crowd, people: str) -> None:
    first, second = crowd.connections[:2]
    first.execute(LOG, [f"{people}1", 1, 1, 1, 0])
    first.execute("begin")
    for each in (first, second):
        fetch(each, ROLL_UP, 100000)
    first.execute("commit")
    wait_until("it is counted", lambda: roll_up(world) == 0 and counted(world, people) > 0)
    assert counted(world, people) == 1
    assert usage_sums.wrong(world.connection, people) == []


def test_what_was_left_for_days_is_counted_in_batches(stack: Stack, world: World, people: str) -> None:
    many = f"""insert into public.usage_logs
        (id, user_id, kind, prompt_tokens, completion_tokens, credits, metadata, created_at)
        select gen_random_uuid(), '{people}1', 'completion', 1, 1, 1, '{{}}', clock_timestamp()"""
    for _ in range(5):
        world.connection.execute(f"{many} from generate_series(1, 70)")
    with connect(stack.worker_db_url) as worker:
        counts = []

        def is_caught_up() -> bool:
            run = "select *, next_deadline_at <= clock_timestamp() as is_behind from private.run_due(1)"
            swept = fetch(worker, run)[0]
            counts.append(swept["done_count"])
            return not swept["is_behind"] and counted(world, people) == 350

        wait_until("all is counted", is_caught_up)
    assert max(counts) < 350
    assert usage_sums.wrong(world.connection, people) == []


def test_a_log_whose_month_is_made_meanwhile_is_kept(world: World, crowd: Crowd, people: str) -> None:
    maker, writer = crowd.connections[:2]
    age = 1000 * 24 * 60  # minutes; nobody else logs in that month
    writer.execute(LOG, [f"{people}1", 1, 1, 1, age])
    maker.execute("begin")
    made = fetch(maker, "select * from private.make_partitions('usage_logs', 'month', 0)")[0]
    assert (made["made_count"], made["moved_count"]) == (1, 1)

    with ThreadPoolExecutor(1) as thread:
        late = thread.submit(writer.execute, LOG, [f"{people}2", 1, 1, 1, age])
        wait_until("it waits", lambda: is_blocked(world, writer))
        maker.execute("commit")
        late.result()
    kept = """select (select count(*) from public.usage_logs where user_id like %(people)s) as whole,
        (select count(*) from private.usage_logs_default where user_id like %(people)s) as stray"""
    assert world.connection.execute(kept, {"people": f"{people}%"}).fetchone() == {"whole": 2, "stray": 0}


def test_who_reads_while_months_are_made_and_dropped_only_waits(world: World, crowd: Crowd, people: str) -> None:
    dropper, reader = crowd.connections[:2]
    reader.execute(LOG, [f"{people}1", 1, 1, 1, 1100 * 24 * 60])  # minutes
    dropper.execute("begin")
    assert fetch(dropper, "select * from private.make_partitions('usage_logs', 'month', 0)")[0]["made_count"] == 1
    with ThreadPoolExecutor(1) as thread:
        read = thread.submit(fetch, reader, "select count(*) from public.usage_logs")
        wait_until("it waits", lambda: is_blocked(world, reader))
        dropped = fetch(dropper, DROP)
        dropper.execute("rollback")
        read.result()
    assert dropped and all(row["is_dropped"] for row in dropped)


def is_blocked(world: World, connection: Connection) -> bool:
    return bool(fetch(world.connection, "select pg_blocking_pids(%s) as by", connection.info.backend_pid)[0]["by"])


def roll_up(world: World) -> int:
    return int(fetch(world.connection, ROLL_UP, 100000)[0]["done_count"])


def counted(world: World, people: str) -> int:
    query = "select sum(requests)::int as n from public.account_usage where user_id like %s"
    return int(fetch(world.connection, query, f"{people}%")[0]["n"])

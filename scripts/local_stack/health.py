"""What the worker is told when it asks the database whether all is well, in a line."""

import psycopg

from local_stack.config import Stack

IS_INSTALLED = "select to_regprocedure('private.health_report()') is not null"
REPORT = """select jsonb_array_length(report.checks),
    jsonb_path_query_array(report.checks, '$[*] ? (@.ok == false).name') from private.health_report() as report"""


def line(stack: Stack) -> str | None:
    """None where the migrations are not applied."""
    try:
        with psycopg.connect(stack.admin_db_url) as connection:
            if connection.execute(IS_INSTALLED).fetchone() != (True,):
                return None
        with psycopg.connect(stack.worker_db_url) as connection:
            row = connection.execute(REPORT).fetchone()
    except psycopg.Error as error:
        return f"the database does not say: {error}".splitlines()[0]
    assert row is not None
    count, wrong = row
    return f"{count} checks, {', '.join(wrong) + ' not ok' if wrong else 'all well'}"

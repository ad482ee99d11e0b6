"""What all stories of the demo share: how they are printed, and when a promise is broken."""

from datetime import datetime, timedelta

SOON = timedelta(seconds=2)  # for an event of a call
PUNCTUAL = timedelta(seconds=5)  # for a deadline that nobody calls for
PATIENCE_S = 30.0
WIDTH = 68  # of what was called or heard


class BrokenPromiseError(Exception):
    """What happened is not what was promised."""


def expect(is_so: bool, promise: str) -> None:
    if not is_so:
        raise BrokenPromiseError(promise)


def chapter(title: str) -> None:
    print(f"\n{title}", flush=True)


def say(kind: str, who: str, what: str, took: timedelta, outcome: str) -> None:
    print(f"  {kind:5}  {who:6}  {what:{WIDTH}}  {took / timedelta(milliseconds=1):6.1f} ms  {outcome}", flush=True)


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def clock(seconds: int) -> str:
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"

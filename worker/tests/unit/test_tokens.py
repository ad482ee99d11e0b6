"""What is read off a token."""

import math

import pytest

from worker import errors, tokens
from worker.tests.unit.tokens_of import token_of


def test_says_who_and_until_when() -> None:
    token = tokens.read(token_of("ada", 1700000000))
    assert (token.subject, token.expires_at_s) == ("ada", 1700000000)
    assert token.text not in repr(token)


def test_one_without_an_end_lasts_for_ever() -> None:
    assert tokens.read(token_of("ada")).expires_at_s == math.inf


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "a.b",
        "a.b.c.d",
        "a.!.c",
        "e30.e30.c",
        "e30.W10.c",
        "e30.bnVsbA.c",
        token_of("ada") + "\r\nX-Other: 1",
        token_of("ada") + " ",
        token_of(7),
        token_of(None),
        token_of("ada", exp="soon"),
        token_of("ada", exp=[1]),
    ],
)
def test_refuses_what_is_none_of_a_user(text: str) -> None:
    with pytest.raises(errors.TokenRefusedError):
        tokens.read(text)

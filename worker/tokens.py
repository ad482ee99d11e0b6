"""What a JWT says of itself. Nothing is verified here: that is up to PostgREST and Realtime, who hold the secret."""

import base64
import json
import math
import re
from dataclasses import dataclass, field
from typing import Any

from worker import errors

JWT = re.compile(r"[\w-]+\.[\w-]+\.[\w-]*", re.ASCII)


@dataclass(frozen=True)
class Token:
    """Somebody's JWT. `expires_at_s` is seconds since 1970, infinite in one that never expires."""

    text: str = field(repr=False)
    subject: str
    expires_at_s: float


def read(text: str) -> Token:
    """The token with its claims. Raises TokenRefusedError for what is no JWT of a user."""
    if not JWT.fullmatch(text):
        raise errors.TokenRefusedError("not a JWT")
    try:
        claims = _claims(text)
        token = Token(text, claims["sub"], float(claims.get("exp", math.inf)))
    except (KeyError, TypeError, ValueError):
        raise errors.TokenRefusedError("not a JWT of a user") from None
    if not isinstance(token.subject, str):
        raise errors.TokenRefusedError("its sub is no text")
    return token


def is_secret(key: str) -> bool:
    """Whether an API key, of either kind that a project has, is one that lets its bearer do anything."""
    if key.startswith("sb_secret_"):
        return True
    try:
        return bool(JWT.fullmatch(key)) and _claims(key)["role"] == "service_role"
    except (KeyError, TypeError, ValueError):
        return False


def _claims(text: str) -> Any:
    payload = text.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))

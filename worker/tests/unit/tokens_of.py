"""Tokens as somebody else signs them; here nobody looks at the signature."""

import base64
import json


def token_of(subject: object, expires_at_s: float | None = None, **claims: object) -> str:
    own = {"sub": subject, **claims} | ({} if expires_at_s is None else {"exp": expires_at_s})
    payload = base64.urlsafe_b64encode(json.dumps(own).encode()).decode().rstrip("=")
    return f"e30.{payload}.c2lnbmF0dXJl"

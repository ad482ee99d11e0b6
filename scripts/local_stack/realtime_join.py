"""What the payload of a phx_join asks for."""

import uuid
from dataclasses import dataclass
from typing import Any

from local_stack import realtime_replay as replay
from local_stack.realtime_tokens import RefusedError

NEW_KEY = "sb_"  # how the keys begin that are no tokens


@dataclass(frozen=True)
class Config:
    """How a channel shall behave, and with which token."""

    is_private: bool
    acknowledges: bool
    echoes: bool
    has_presence: bool
    presence_key: str
    replay: Any
    token: str


def read(payload: Any, key_token: str) -> Config:
    """`key_token` is what counts when the payload brings no token. Raises RefusedError."""
    payload = _object({"payload": payload}, "payload")
    config = _object(payload, "config")
    broadcast, presence = _object(config, "broadcast"), _object(config, "presence")
    changes, key = config.get("postgres_changes"), presence.get("key")
    if isinstance(changes, list) and any(change is not None for change in changes):
        reason = "this local stack has none; `supabase start` runs the real server, which has them"
        raise RefusedError("PostgresChangesNotSupported", reason)
    return Config(
        is_private=_is_set(config.get("private")),
        acknowledges=_is_set(broadcast.get("ack")),
        echoes=_is_set(broadcast.get("self")),
        has_presence=presence.get("enabled") is True,
        presence_key=key if isinstance(key, str) and key else str(uuid.uuid1()),
        replay=broadcast.get("replay", replay.NOT_ASKED),
        token=_token(payload, key_token),
    )


def _object(parent: dict[str, Any], key: str) -> dict[str, Any]:
    value = parent.get(key)
    if value is not None and not isinstance(value, dict):
        raise RefusedError("UnknownErrorOnChannel", f"{key} must be an object")
    return value or {}


def _is_set(value: Any) -> bool:
    """True for everything but false and null, as the real server reads its switches."""
    return value is not None and value is not False


def _token(payload: dict[str, Any], key_token: str) -> str:
    user_token, access_token = payload.get("user_token"), payload.get("access_token")
    first = access_token if _is_set(access_token) else user_token
    if isinstance(first, str) and first.startswith(NEW_KEY):
        return key_token
    return next((token for token in (user_token, access_token) if isinstance(token, str)), key_token)

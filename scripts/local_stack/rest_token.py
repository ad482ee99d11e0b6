"""Whose request it is: the claims of its token, judged as PostgREST judges them."""

import base64
import json
import time
from typing import Any

from local_stack import tokens
from local_stack.rest_errors import ApiError, token_error

ANONYMOUS = "anon"
LOGIN_ROLES = ("none", "authenticator")  # would set no role, which PostgreSQL refuses nobody
OTHER_ALGORITHMS = ("HS384", "HS512", "RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "EdDSA")
LEEWAY_S = 30
LARGEST_TIME_S = 2**63


def bearer(authorization: str | None) -> str | None:
    """Other schemes mean nothing here."""
    scheme, _, token = (authorization or "").partition(" ")
    return token.lstrip() if scheme.lower() == "bearer" else None


def claims_of(token: str | None, secret: str) -> dict[str, Any]:
    """With the role, which is the anonymous one where the token names none."""
    claims = _verified(token, secret) if token is not None else {}
    role = claims.get("role", ANONYMOUS)
    role = role if isinstance(role, str) else json.dumps(role)
    if role in LOGIN_ROLES:
        raise ApiError(403, "42501", f'permission denied to set role "{role}"')
    return {**claims, "role": role}


def _verified(token: str, secret: str) -> dict[str, Any]:
    if not token:
        raise token_error("PGRST301", "Empty JWT is sent in Authorization header")
    parts = token.split(".")
    if len(parts) != 3:
        raise token_error("PGRST301", f"Expected 3 parts in JWT; got {len(parts)}")
    algorithm = _algorithm(parts)
    if algorithm is None:
        raise _not_decodable()
    try:
        claims = tokens.signed_claims(token, secret)
    except tokens.UnsupportedAlgorithmError as error:
        raise _unusable(algorithm) from error
    except tokens.BadSignatureError as error:
        raise _no_key("None of the keys was able to decode the JWT") from error
    except tokens.MalformedTokenError as error:
        raise token_error("PGRST303", "Parsing claims failed") from error
    _judge_times(claims)
    return claims


def _algorithm(parts: list[str]) -> str | None:
    try:
        header, *_ = (base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in parts)
        algorithm = json.loads(header)["alg"]
    except (ValueError, KeyError, TypeError):
        return None
    return algorithm if isinstance(algorithm, str) else None


def _unusable(algorithm: str) -> ApiError:
    if algorithm == "none":
        details = "JWT is unsecured but expected 'alg' was not 'none'"
        return token_error("PGRST301", "Wrong or unsupported encoding algorithm", details)
    if algorithm in OTHER_ALGORITHMS:
        return _no_key("No suitable key was found to decode the JWT")
    return _not_decodable()


def _not_decodable() -> ApiError:
    return token_error("PGRST301", "JWT cryptographic operation failed")


def _no_key(details: str) -> ApiError:
    return token_error("PGRST301", "No suitable key or wrong key type", details)


def _judge_times(claims: dict[str, Any]) -> None:
    now = int(time.time())
    if (expiry := _seconds(claims, "exp")) is not None and expiry < now - LEEWAY_S:
        raise token_error("PGRST303", "JWT expired")
    if (begin := _seconds(claims, "nbf")) is not None and begin > now + LEEWAY_S:
        raise token_error("PGRST303", "JWT not yet valid")
    if (issue := _seconds(claims, "iat")) is not None and issue > now + LEEWAY_S:
        raise token_error("PGRST303", "JWT issued at future")
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [] if audience is None else [audience]
    if not all(isinstance(one, str) for one in audiences):
        raise token_error("PGRST303", "The JWT 'aud' claim must be a string or an array of strings")


def _seconds(claims: dict[str, Any], name: str) -> int | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise token_error("PGRST303", f"The JWT '{name}' claim must be a number")
    # A fraction counts as no time at all, as does what 64 bits could not hold.
    return int(value) if abs(value) < LARGEST_TIME_S and value == int(value) else 0

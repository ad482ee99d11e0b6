"""JSON Web Tokens as Supabase's legacy keys and sessions carry them: HS256, one shared secret."""

import time
from typing import Any

import jwt
from jwt.types import Options

ALGORITHMS = ["HS256"]
# Each service has its own rules about the claims, so PyJWT is asked for the signature alone.
SIGNATURE_ONLY: Options = {
    "verify_signature": True,
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "verify_aud": False,
    "verify_iss": False,
    "verify_sub": False,
    "verify_jti": False,
}


class TokenError(Exception):
    """The token cannot be used."""


class MalformedTokenError(TokenError):
    """The text is no JWT."""


class UnsupportedAlgorithmError(TokenError):
    """The token is unsigned, or signed with another algorithm than HS256."""


class BadSignatureError(TokenError):
    """The token was signed with another secret."""


class ExpiredTokenError(TokenError):
    """The token has expired; `claims` are those it carries."""

    def __init__(self, claims: dict[str, Any]) -> None:
        super().__init__("token has expired")
        self.claims = claims


def verify(token: str, secret: str) -> dict[str, Any]:
    """The claims of a token that is signed with `secret` and not expired. Raises a `TokenError`."""
    claims = signed_claims(token, secret)
    expires_at = claims.get("exp")
    if not isinstance(expires_at, int | float):
        raise MalformedTokenError("The claim `exp` must be a number")
    if expires_at <= time.time():
        raise ExpiredTokenError(claims)
    return claims


def signed_claims(token: str, secret: str) -> dict[str, Any]:
    """The claims of a token that is signed with `secret`, whatever the time. Raises a `TokenError`."""
    try:
        return jwt.decode(token, secret, ALGORITHMS, options=SIGNATURE_ONLY)
    except jwt.InvalidAlgorithmError as error:
        raise UnsupportedAlgorithmError(str(error)) from error
    except jwt.InvalidSignatureError as error:
        raise BadSignatureError(str(error)) from error
    except jwt.InvalidTokenError as error:
        raise MalformedTokenError(str(error)) from error

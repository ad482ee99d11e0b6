"""Which tokens are good, in the words of the real server."""

import re
import time
from typing import Any
from urllib.parse import unquote

from local_stack import tokens


class RefusedError(Exception):
    """Something is not allowed: `reason` answers a join, `message` ends a channel that is joined."""

    def __init__(self, code: str | None, reason: str, message: str | None = None) -> None:
        super().__init__(reason)
        self.reason = f"{code}: {reason}" if code else reason
        self.message = message or reason


def authorise(token: str, secret: str) -> dict[str, Any]:
    """The claims of a token that is good now, with `exp` a whole number. Raises RefusedError."""
    try:
        claims = tokens.signed_claims(re.sub(r"\s", "", unquote(token)), secret)
    except tokens.BadSignatureError as error:
        raise RefusedError("JwtSignatureError", "Failed to validate JWT signature", ":signature_error") from error
    except tokens.UnsupportedAlgorithmError as error:
        reason = "Failed to generate JWT signer, check your JWT secret or JWKS configuration"
        raise RefusedError("JwtSignerError", reason, ":error_generating_signer") from error
    except tokens.TokenError as error:
        raise RefusedError("MalformedJWT", "The token provided is not a valid JWT") from error
    now, exp = int(time.time()), claims.get("exp")
    is_time = isinstance(exp, int | float) and not isinstance(exp, bool)
    if is_time and claims["exp"] <= now:
        raise RefusedError("InvalidJWTToken", f"Token has expired {now - claims['exp']} seconds ago")
    if not {"role", "exp"} <= claims.keys():
        raise RefusedError("InvalidJWTToken", "Fields `role` and `exp` are required in JWT")
    if not is_time:
        raise RefusedError(None, "Unknown Error on Channel")
    return {**claims, "exp": round(claims["exp"])}

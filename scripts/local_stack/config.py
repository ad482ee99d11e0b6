"""Where one local stack lives and how it is reached."""

import time
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import jwt

JWT_SECRET = "super-secret-jwt-token-with-at-least-32-characters-long"  # the Supabase CLI's own
DATABASE_PASSWORD = "postgres"  # likewise; the stack listens on loopback only
KEY_ISSUER = "supabase-demo"
WORKER_PASSWORD = "hourglass"
API_PORT = 54321
DATABASE_PORT = 54322
WORKER_PORT_STEP = 6  # from the database's port: 54328 is the first that the Supabase CLI's own stack leaves free
TEN_YEARS_S = 10 * 365 * 24 * 3600


@dataclass(frozen=True)
class Stack:
    """One stack: a folder for its data and the two ports that it listens on; its worker's follows from them."""

    folder: Path = field(default_factory=lambda: Path(".stack"))
    api_port: int = API_PORT
    db_port: int = DATABASE_PORT
    jwt_secret: str = JWT_SECRET

    @property
    def worker_port(self) -> int:
        port = self.db_port + WORKER_PORT_STEP
        return port if port not in {self.api_port, self.db_port} and port < 65536 else self.db_port - WORKER_PORT_STEP

    @property
    def worker_url(self) -> str:
        return f"http://127.0.0.1:{self.worker_port}"

    @property
    def api_url(self) -> str:
        return f"http://127.0.0.1:{self.api_port}"

    def database_url(self, role: str, password: str = DATABASE_PASSWORD) -> str:
        return f"postgresql://{role}:{password}@127.0.0.1:{self.db_port}/postgres"

    @property
    def db_url(self) -> str:
        """As migrations run: `postgres`, which is not a superuser."""
        return self.database_url("postgres")

    @property
    def admin_db_url(self) -> str:
        """The superuser."""
        return self.database_url("supabase_admin")

    @property
    def worker_db_url(self) -> str:
        return self.database_url("hourglass_worker", WORKER_PASSWORD)

    @cached_property
    def anon_key(self) -> str:
        return self.sign({"iss": KEY_ISSUER, "role": "anon"}, TEN_YEARS_S)

    @cached_property
    def service_role_key(self) -> str:
        return self.sign({"iss": KEY_ISSUER, "role": "service_role"}, TEN_YEARS_S)

    def sign(self, claims: dict[str, object], valid_s: int = 3600) -> str:
        """A JWT of these claims, HS256 as Supabase signs its legacy keys, valid from now."""
        return jwt.encode({**claims, "exp": int(time.time()) + valid_s}, self.jwt_secret, "HS256")

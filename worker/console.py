"""The console: a page that is built from `client/console` beforehand, and served whole."""

import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from worker.settings import Settings

FOLDER = Path(__file__).with_suffix("")
NOT_BUILT = "The console is not built here: scripts/console does that. It is served from the worker's next start on.\n"
FOREVER = "public, max-age=31536000, immutable"  # a file of another content has another name
NEVER = "no-store"
KINDS = {  # not what this machine makes of them: the page is told not to guess
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True)
class File:
    """A file in memory, as it is and compressed."""

    whole: bytes
    packed: bytes
    kind: str

    @classmethod
    def read(cls, path: Path) -> "File":
        whole = path.read_bytes()
        return cls(whole, gzip.compress(whole, mtime=0), KINDS.get(path.suffix, "application/octet-stream"))

    def response(self, request: Request, headers: Mapping[str, str]) -> Response:
        if "gzip" in request.headers.get("accept-encoding", ""):
            packed = {**headers, "Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
            return Response(self.packed, headers=packed, media_type=self.kind)
        return Response(self.whole, headers={**headers, "Vary": "Accept-Encoding"}, media_type=self.kind)


def routes(settings: Settings) -> list[BaseRoute]:
    """None without the project's public key: the page signs people in with it."""
    if settings.supabase_anon_key is None:
        return []
    return routes_of(settings.supabase_url, settings.supabase_anon_key.get_secret_value())


def routes_of(supabase_url: str, anon_key: str, folder: Path = FOLDER) -> list[BaseRoute]:
    """The page at `/`, its files, and what it has to know of the project: nothing that is secret."""
    files = {path.name: File.read(path) for path in sorted((folder / "assets").glob("*"))}
    index = File.read(folder / "index.html") if (folder / "index.html").is_file() else None
    guarded = _guards(supabase_url)

    async def page(request: Request) -> Response:
        headers = {**guarded, "Cache-Control": NEVER}
        if index is None:
            return PlainTextResponse(NOT_BUILT, 503, headers)
        return index.response(request, headers)

    async def config(_: Request) -> Response:
        known = {"supabaseUrl": supabase_url, "anonKey": anon_key}
        return JSONResponse(known, headers={**guarded, "Cache-Control": NEVER})

    async def asset(request: Request) -> Response:
        file = files.get(request.path_params["name"])
        if file is None:
            return PlainTextResponse("Not Found", 404, {**guarded, "Cache-Control": NEVER})
        return file.response(request, {**guarded, "Cache-Control": FOREVER})

    return [Route("/", page), Route("/config.json", config), Route("/assets/{name}", asset)]


def _guards(supabase_url: str) -> dict[str, str]:
    """The page runs its own files only, and speaks with its worker and its project only."""
    project = urlsplit(supabase_url)
    origin = f"{project.scheme}://{project.netloc}"
    socket = f"{'wss' if project.scheme == 'https' else 'ws'}://{project.netloc}"
    policy = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data:",
        "connect-src": f"'self' {origin} {socket}",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    return {
        "Content-Security-Policy": "; ".join(f"{name} {sources}" for name, sources in policy.items()),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
    }

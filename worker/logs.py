"""How events are written: one line each on stderr, for people or for machines, with every secret blotted out."""

import logging
import sys
from collections.abc import Iterable
from typing import Annotated, Literal

import structlog
import typer
from structlog.typing import EventDict, Processor, WrappedLogger

# They say themselves what goes wrong with a connection, and some show its URL, which holds the key.
TALKATIVE = ("realtime", "websockets", "httpx", "httpcore", "psycopg", "uvicorn")

Format = Literal["console", "json"]
FormatOption = Annotated[
    Format | None, typer.Option("--log-format", help="For people or for machines, whatever LOG_FORMAT says.")
]


def configure(log_format: Format, secrets: Iterable[str]) -> None:
    """For the worker's own events and for what libraries log as warnings."""
    shared: list[Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _blotter(tuple(secrets)),
    ]
    renderer: Processor = (
        structlog.processors.JSONRenderer(default=str)
        if log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processor=renderer, foreign_pre_chain=shared))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(logging.CRITICAL)


def _blotter(secrets: tuple[str, ...]) -> Processor:
    def blot(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        for field, value in event.items():
            if any(secret in str(value) for secret in secrets):
                text = str(value)
                for secret in secrets:
                    text = text.replace(secret, "***")
                event[field] = text
        return event

    return blot

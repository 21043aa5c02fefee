"""Logs for operators: one line an event, its name and ids; never what was said, never who said it."""

import logging
import sys

import structlog


def set_up(process: str, *, pretty: bool = False) -> None:
    """Send all logs of this process to standard error: JSON lines, or readable ones in development."""
    renderer = structlog.dev.ConsoleRenderer(colors=False) if pretty else structlog.processors.JSONRenderer()
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[
                structlog.stdlib.add_log_level,
                structlog.stdlib.add_logger_name,
                structlog.stdlib.ExtraAdder(),
                structlog.processors.TimeStamper(fmt="iso", utc=True),
            ],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _named(process),
                _without_values,
                renderer,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    # Access logs hold addresses and nearly double the cost of a request; libraries speak up at warnings.
    for name in ("aiohttp.access", "rq", "rq.worker", "alembic", "sqlalchemy", "asyncio", "aiosqlite"):
        logging.getLogger(name).setLevel(logging.WARNING)


def _named(process: str) -> structlog.types.Processor:
    def name(_: object, __: str, event: structlog.types.EventDict) -> structlog.types.EventDict:
        event["process"] = process
        return event

    return name


def _without_values(_: object, __: str, event: structlog.types.EventDict) -> structlog.types.EventDict:
    """A traceback keeps its places and the error's class; its message may quote what a woman wrote."""
    problem = event.pop("exc_info", None)
    event.pop("stack_info", None)
    if isinstance(problem, tuple) and problem[0] is not None:
        trace, places = problem[2], []
        while trace is not None:
            places.append(f"{trace.tb_frame.f_code.co_filename.rsplit('/', 1)[-1]}:{trace.tb_lineno}")
            trace = trace.tb_next
        event["error"] = problem[0].__name__
        event["where"] = " > ".join(places[-8:])
    return event

"""How an unforeseen exception is logged: its class and place, never its text, which may hold a record's."""

import logging
import traceback


def log_fault(log: logging.Logger, what: str, fault: BaseException) -> None:
    """One error line: `what` failed, with the class as `error` and such as `plan:41` as `at`."""
    frames = traceback.extract_tb(fault.__traceback__)
    at = f"{frames[-1].filename.rpartition('/')[2].removesuffix('.py')}:{frames[-1].lineno}"
    log.error(what, extra={"error": type(fault).__qualname__, "at": at})

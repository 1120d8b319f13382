"""The verdicts: the only errors that cross a package's border.

AuraError
├── Rejected      the same input always fails: HTTP 400, INVALID_ARGUMENT, or the message is buried
│   ├── TooLarge, Unauthenticated, Forbidden
├── Overloaded    no room now: HTTP 503 with Retry-After, UNAVAILABLE with RetryInfo
└── Unavailable   a dependency is down: answered like Overloaded, retried in place by the worker

Setup             start-up cannot go on; the message names the setting or the path at fault
"""

from typing import Final

RETRY_S_MAX: Final = 30
"""A longer hint makes a Collector drop the batch at once when it passes its own budget."""


class AuraError(Exception):
    """A verdict with a message that a user may read."""


class Rejected(AuraError):  # noqa: N818 - a verdict, named as one
    """The same input always fails; repeating it is useless."""


class TooLarge(Rejected):
    """The input is longer than a configured limit: HTTP 413, RESOURCE_EXHAUSTED."""


class Unauthenticated(Rejected):
    """Nobody knows who asks: HTTP 401 with WWW-Authenticate: Bearer, UNAUTHENTICATED."""


class Forbidden(Rejected):
    """Who asks is known and may not: HTTP 403, PERMISSION_DENIED."""


class Overloaded(AuraError):  # noqa: N818
    """There is no room now; the same input may succeed after `retry_s`."""

    def __init__(self, message: str, retry_s: int = 1) -> None:
        super().__init__(message)
        self.retry_s = retry_s


class Unavailable(AuraError):  # noqa: N818
    """A dependency did not answer; the outcome of what was asked is unknown."""

    def __init__(self, message: str, retry_s: int = 1) -> None:
        super().__init__(message)
        self.retry_s = retry_s


class Setup(Exception):  # noqa: N818 - reads as what is wrong: the set-up
    """Start-up cannot go on; one line that names the setting or the path."""

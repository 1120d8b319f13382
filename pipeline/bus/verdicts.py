"""NATS's errors as verdicts: the one place that translates them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import nats.errors
from nats.js.errors import Error as JetStreamError

from pipeline.errors import AuraError, Overloaded, TooLarge, Unavailable

# Numbers of nats-server's server/errors.json, which its API keeps from release to release.
FULL: Final = frozenset(
    {
        10023,  # insufficient resources
        10028,  # resource limits exceeded for account
        10047,  # insufficient storage resources available
        10077,  # the store refused: maximum bytes exceeded, or no space left on device
        10123,  # the account's storage is full, in a cluster
        10167,  # too many requests: the stream's own queue is full
    }
)
TOO_LARGE: Final = frozenset({10054})  # message size exceeds maximum allowed
NO_MESSAGE: Final = 10037
GONE: Final = frozenset({10043, 10057})
"""What cannot be deleted: the sequence is not there, or (among other reasons) never was."""

STREAM_EXISTS: Final = 10058
WRONG_LAST_SEQUENCE: Final = 10071


class RefusalError(Exception):
    """An answer of JetStream's API that says no; `code` is its `err_code`."""

    def __init__(self, code: int, description: str) -> None:
        super().__init__(f"{description} ({code})")
        self.code = code

    def verdict(self) -> AuraError:
        """Return what it means to whoever published."""
        if self.code in FULL:
            return Overloaded(f"the bus has no room: {self}")
        if self.code in TOO_LARGE:
            return TooLarge(f"the bus does not take it: {self}")
        return self.unavailable()

    def unavailable(self) -> Unavailable:
        """Return what it means to everybody else."""
        return Unavailable(f"JetStream refused: {self}")


def checked(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return an answer of JetStream's, or raise what it refused with."""
    error = answer.get("error")
    if error is None:
        return answer
    raise RefusalError(error.get("err_code", 0), error.get("description", "no reason given"))


@contextmanager
def verdicts(*, publishing: bool = False) -> Iterator[None]:
    """
    Raise verdicts where the client or the server raised errors of their own.

    Only a publish can find a log full; any other refusal is Unavailable.
    """
    try:
        yield
    except RefusalError as error:
        raise (error.verdict() if publishing else error.unavailable()) from error
    except nats.errors.MaxPayloadError as error:
        raise TooLarge("the message is larger than NATS takes") from error
    except TimeoutError as error:
        raise Unavailable("NATS did not answer in time") from error
    except nats.errors.NoRespondersError as error:
        raise Unavailable("JetStream has no such stream, or is starting") from error
    except (nats.errors.Error, JetStreamError, OSError) as error:
        raise Unavailable(f"NATS: {error or type(error).__name__}") from error

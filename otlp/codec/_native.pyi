"""The codec on the wire bytes: no Python objects, and no GIL while a larger payload is read.

Signals are numbers: 0 traces, 1 logs, 2 metrics. Rules are numbers too: places in `rules.RULES`.

Nothing is said about bytes that are no request, or whose form is one that protobuf allows and no
sender makes (a field that holds one message comes twice, so that protobuf merges the two): the
answer is None, and `request.canonical` tells the two apart.
"""

def check(signal: int, payload: bytes) -> tuple[int, bytes] | None:
    """Return the number of records and, unless all are valid, the rule that each breaks or 0."""

def encode(signal: int, arrays: tuple[object, ...]) -> bytes:
    """
    Return the rows of all arrays as one request.

    Arrays are capsules of Arrow's C data interface: the columns of `pipeline/schema.py` but
    `sequence` and `time`, in their order, of their types; `TEXT` may also be plain. It is not
    checked. Raises ValueError for a row with texts that are not as `pipeline/value.py` and
    `pipeline/envelope.py` write them, OverflowError beyond 2 GiB.
    """

class Grammar:
    """What a signal's OTLP/JSON may hold; nothing is asked of it."""

def grammar(text: str) -> Grammar:
    """Read the lines that `grammar.text` writes."""

def transcode(grammar: Grammar, body: bytes) -> bytes | None:
    """
    Return an OTLP/JSON request as protobuf, as `json.from_text` would.

    None for what is wrong or odd, which `json.from_text` then tells apart.
    """

def transcode_all(grammar: Grammar, body: bytes) -> bytes | None:
    """Return one or several such requests in a row as one, as `plain.from_text` would."""

class Vocabulary:
    """What the keys of a signal's plain JSON mean; nothing is asked of it."""

def vocabulary(text: str) -> Vocabulary:
    """Read the lines that `vocabulary.text` writes."""

def read_plain(vocabulary: Vocabulary, signal: int, body: bytes, now_ns: int) -> bytes | None:
    """
    Return a body of plain JSON without fault as protobuf, as `plain.from_text` would.

    None for what is wrong or odd, which `plain.from_text` then tells apart.
    """

class Batch:
    """Records of many requests as Arrow columns; RuntimeError when two threads use it at once."""

    def __new__(cls, signal: int, past_ns: int, future_ns: int) -> Batch: ...
    def append(
        self, payload: bytes, sequence: int, arrived_ns: int, expected: int
    ) -> tuple[int, int, int] | None:
        """
        Return the number of records, the first refused one (from 1, or 0) and the rule it breaks.

        The records were added if none is refused and as many as expected; else nothing was.
        Raises OverflowError when a column would hold more than 2 GiB; nothing was added then.
        """

    def finish(self) -> int:
        """Return the address of an ArrowArray that the caller imports at once; start anew."""

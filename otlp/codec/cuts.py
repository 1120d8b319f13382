"""What is kept of a request's refused records: the first ones, each as a request of its own."""

from dataclasses import dataclass

from pipeline.letter import Form


@dataclass(frozen=True, slots=True)
class Allowance:
    """How much may be kept of one request: so many records, each up to so long, and all of them."""

    records: int = 0
    record_bytes: int = 0
    bytes: int = 0


NOTHING = Allowance()


@dataclass(frozen=True, slots=True)
class Cut:
    """
    A refused record with what was around it, as a request of its own.

    `size` is the length of that request: more than the payload has where only its beginning is
    kept. `field` is what breaks the rule, where one field does; `index` the record's place among
    all of the request, where it is known.
    """

    reason: str
    payload: bytes
    size: int
    form: Form = Form.PROTOBUF
    field: str = ""
    index: int | None = None


class Cuts:
    """Gathers refused records in their order until the allowance is used up."""

    def __init__(self, allowance: Allowance) -> None:
        self.kept: list[Cut] = []
        self._allowance = allowance
        self._left = allowance.bytes

    @property
    def full(self) -> bool:
        """Tell whether nothing more is kept, so that the next record need not be made."""
        return self._left <= 0 or len(self.kept) >= self._allowance.records

    def add(
        self,
        reason: str,
        request: bytes,
        form: Form = Form.PROTOBUF,
        field: str = "",
        index: int | None = None,
    ) -> None:
        """Keep a record, or none from now on when it finds no room."""
        payload = request[: self._allowance.record_bytes]
        self._left -= len(payload)
        if self._left >= 0:
            self.kept.append(Cut(reason, payload, len(request), form, field, index))

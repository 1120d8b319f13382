"""A reader of server-sent events over a socket of its own."""

import http.client
import json
from typing import Any
from urllib.parse import urlencode

from tests.support.aura_process import Aura


class Stream:
    """One open tail; reads until its next event, comments left out."""

    def __init__(self, aura: Aura, key: str = "", **parameters: str) -> None:
        port = aura.ports["query.listen"]
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._connection.request("GET", f"/v1/tail?{urlencode(parameters)}", headers=headers)
        self.answer = self._connection.getresponse()
        assert self.answer.status == 200, self.answer.read()
        self.opened = self.next()

    def __enter__(self) -> "Stream":
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def next(self) -> tuple[str, dict[str, Any]]:
        """Return the name and the data of the next event."""
        name, data = "", ""
        while True:
            line = self.answer.readline().decode()
            assert line, "the stream ended"
            field, _, value = line.rstrip("\n").partition(": ")
            if field == "event":
                name = value
            elif field == "data":
                data = value
            elif line == "\n" and data:
                return name, json.loads(data)

    def record(self) -> dict[str, Any]:
        """Return the next record."""
        name, data = self.next()
        assert name == "", (name, data)
        return data

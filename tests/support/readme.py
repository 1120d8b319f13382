"""The samples of README.md: its fenced blocks in their order, and its table of questions."""

import re
from dataclasses import dataclass

from tests.support.aura_process import ROOT

README = ROOT / "README.md"
_FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_ASKED = re.compile(r"^\| (logs|traces|metrics) \| (`+)(.+?)\2 \|$", re.MULTILINE)
_PORTS = {
    "4317": "ingestor.grpc",
    "4318": "ingestor.http",
    "8080": "ingestor.api",
    "8081": "query.listen",
    "16685": "query.jaeger.grpc",
    "16686": "query.jaeger.listen",
}


@dataclass(frozen=True)
class Block:
    """A fenced block: its language and its text."""

    language: str
    text: str

    def at(self, ports: dict[str, int]) -> str:
        """Return the text with the ports that a test uses in place of the usual ones."""
        return re.sub(
            r"localhost:(4317|4318|8080|8081|16686)",
            lambda match: f"127.0.0.1:{ports[_PORTS[match[1]]]}",
            self.text,
        )


def blocks() -> list[Block]:
    """Return all fenced blocks."""
    return [Block(*found) for found in _FENCED.findall(README.read_text())]


def questions() -> list[tuple[str, str]]:
    """Return the signal and the text of each question in the section "Ask"."""
    text = README.read_text()
    asked = text[text.index("## Ask") : text.index("## In the terminal")]
    return [(signal, query) for signal, _, query in _ASKED.findall(asked)]

"""A statement, and the values that it binds."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL with its parameters, which the server binds."""

    sql: str
    parameters: Mapping[str, Any] = field(default_factory=dict)


class Parameters:
    """Collects values and names them; what it returns stands in the SQL text."""

    def __init__(self) -> None:
        self.bound: dict[str, Any] = {}

    def add(self, value: Any, kind: str) -> str:
        """Bind a value of a ClickHouse type."""
        name = f"p{len(self.bound)}"
        self.bound[name] = value
        return f"{{{name}:{kind}}}"

    def fixed(self, value: bytes) -> str:
        """Bind bytes of a fixed length, as hex: raw bytes need not be UTF-8."""
        return f"toFixedString(unhex({self.add(value.hex(), 'String')}), {len(value)})"


Bound: TypeAlias = Callable[[Any, str], str]
"""Binds a value of a type and returns what stands for it in the SQL text."""


class Positions:
    """Collects values and numbers them, as PostgreSQL has it."""

    def __init__(self) -> None:
        self.bound: list[Any] = []

    def add(self, value: Any, kind: str) -> str:
        """Bind a value of a PostgreSQL type."""
        self.bound.append(value)
        return f"${len(self.bound)}::{kind}"

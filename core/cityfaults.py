"""What reading a city folder is told in: records with the places that they came from, and faults."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import BaseModel

from core.errors import Fault
from core.yamltext import Node

#: More faults than these are counted, not listed.
MAX_FAULTS = 20

M = TypeVar("M", bound=BaseModel)


@dataclass
class File(Generic[M]):
    """One file's records, each with the node that it came from; ``sound`` while no fault was found in it."""

    path: Path
    records: list[tuple[M, Node]] = field(default_factory=list)
    sound: bool = True

    @property
    def models(self) -> tuple[M, ...]:
        return tuple(model for model, _ in self.records)


class Faults:
    """Every fault of a folder, as it is found."""

    def __init__(self) -> None:
        self.found: list[Fault] = []

    def add(self, file: Path, line: int, text: str) -> None:
        self.found.append(Fault(file, line, text))

    def __bool__(self) -> bool:
        return bool(self.found)

    def message(self) -> str:
        """One line for each fault, by file and line."""
        ordered = sorted(self.found, key=lambda fault: (fault.file, fault.line))
        lines = [f"{fault.file}:{fault.line}: {fault.text}" for fault in ordered[:MAX_FAULTS]]
        if len(ordered) > MAX_FAULTS:
            lines.append(f"… and {len(ordered) - MAX_FAULTS} more")
        return "\n".join(lines)


def quote(value: Node | str) -> str:
    """A value as it is shown in a message: short, on one line, nothing in it that a terminal would obey."""
    if isinstance(value, Node):
        if not isinstance(value.value, str):
            return value.shape
        value = value.value
    text = value if len(value) <= 40 else value[:39] + "…"
    return f'"{text}"' if text.isprintable() else ascii(text)

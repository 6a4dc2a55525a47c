"""What the callers and call takers of the demonstration say: dialogues as lines of JSON."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.city import City
from core.errors import HeyiError


class Turn(BaseModel):
    """One turn: ``who`` is A for the call taker, C for the caller; ``gap_s`` seconds before it (negative: overlap)."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    who: Literal["A", "C"]
    text: Annotated[str, Field(min_length=1)]
    gap_s: float = 0.4


class Dialogue(BaseModel):
    """One call. Further keys of the file (gold labels) are for evaluations and are passed over here."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str
    #: Number, name or alias of a line of the city.
    line: str
    caller_number: Annotated[str, Field(pattern=r"^[0-9]{3,15}$")]
    turns: Annotated[tuple[Turn, ...], Field(min_length=1)]
    #: What the caller does where a voice comes first: says the first words of the dialogue, or presses 0.
    voice: Literal["say", "key"] = "key"


def read(path: Path, city: City, limit: int | None = None) -> Sequence[Dialogue]:
    """The dialogues of a file. Raises :class:`HeyiError` naming the line that is wrong.

    Callers are told apart by their numbers, so each may appear once at a time: a second call from the same number
    gets the next free one.
    """
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise HeyiError(f"{path} cannot be read: {error}") from error
    found: list[Dialogue] = []
    numbers: set[str] = set()
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            dialogue = Dialogue.model_validate_json(line)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "the line"
            raise HeyiError(f"{path}:{number}: {where}: {first['msg']}") from error
        called = city.line_called(dialogue.line)
        if called is None:
            raise HeyiError(f"{path}:{number}: the city has no line {dialogue.line!r}")
        caller = dialogue.caller_number
        while caller in numbers:
            caller = str(int(caller) + 1)
        numbers.add(caller)
        found.append(dialogue.model_copy(update={"line": called.number, "caller_number": caller}))
        if limit is not None and len(found) >= limit:
            break
    if not found:
        raise HeyiError(f"{path} holds no calls")
    return found

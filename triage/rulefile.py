"""Rule files: YAML read, validated and refused with the file, the line and what was expected."""

from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from core.errors import HeyiError

FOLDER = Path(__file__).parent / "rules"
M = TypeVar("M", bound=BaseModel)


class RuleFileError(HeyiError):
    """A rule file is wrong: says file, line and what was expected."""


class RuleData(BaseModel):
    """Parent of what the rule files hold: unknown keys are errors, values are frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def load(path: Path, model: type[M]) -> M:
    """Read ``path`` as ``model``.

    Raises :class:`RuleFileError` for an absent file, broken YAML or a value of the wrong kind.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RuleFileError(f"{path.name}: cannot be read: {error}", hint=f"rule files lie in {path.parent}") from error
    try:
        data = yaml.load(text, Loader=yaml.CSafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise RuleFileError(f"{path.name}{line}: not valid YAML: {getattr(error, 'problem', error)}") from error
    try:
        return model.model_validate(data)
    except ValidationError as error:
        # A misspelt key also lacks the right one: name the key that is there.
        first = min(error.errors(), key=lambda e: e["type"] != "extra_forbidden")
        where = first["loc"]
        raise RuleFileError(
            f"{path.name}, line {line_of(text, where)}: {'.'.join(map(str, where)) or 'the file'}: {first['msg']}",
            hint="the head of the file says which keys there are",
        ) from error


def line_of(text: str, where: tuple[Any, ...]) -> int:
    """Line, from 1, of the deepest node on the path ``where`` that the YAML text has."""
    node = yaml.compose(text, Loader=yaml.CSafeLoader)
    line = node.start_mark.line + 1 if node else 1
    for step in where:
        if isinstance(node, yaml.MappingNode):
            found = next(((k, v) for k, v in node.value if k.value == str(step)), None)
            if found is None:
                break
            line, node = found[0].start_mark.line + 1, found[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
            line = node.start_mark.line + 1
        else:
            break
    return line

"""YAML as text with line numbers: what the files of a city folder may use of YAML, and nothing more.

Every scalar stays the text that was written; the models say what is a number and what is not. So an area code such as
0575 is not an octal number, and ``no`` is not ``false``.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import yaml

_Loader: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
#: A city file is four levels deep.
_MAX_DEPTH = 20
_FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class YamlFault(Exception):
    """The text is not YAML of the kind that city files use; ``line`` counts from 1."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


@dataclass(slots=True)
class Node:
    """A value and the line it begins on, counted from 1."""

    value: "str | list[Node] | dict[str, Node]"
    line: int
    #: Lines of a mapping's keys.
    key_lines: dict[str, int] | None = None

    @property
    def shape(self) -> str:
        """The value's kind in words."""
        if isinstance(self.value, dict):
            return "keys with values"
        if isinstance(self.value, list):
            return "a list" if self.value else "an empty list"
        return "text" if self.value else "empty"

    def plain(self) -> Any:
        """The value as nested dictionaries, lists and strings."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value

    def get(self, key: str) -> "Node":
        """The value of ``key``; this node itself where the key is absent, for its line."""
        return self.value.get(key, self) if isinstance(self.value, dict) else self

    def items(self) -> "list[Node]":
        """The entries of a list; nothing for all else."""
        return self.value if isinstance(self.value, list) else []

    def at(self, path: Sequence[str | int]) -> "Node":
        """The node that ``path`` leads to, as far as it leads."""
        node = self
        for step in path:
            if isinstance(node.value, dict) and step in node.value:
                node = node.value[str(step)]
            elif isinstance(node.value, list) and isinstance(step, int) and step < len(node.value):
                node = node.value[step]
        return node

    def key_line(self, path: Sequence[str | int]) -> int:
        """The line of the key that ends ``path``."""
        owner = self.at(path[:-1])
        return (owner.key_lines or {}).get(str(path[-1]), owner.line)


def read(data: bytes) -> Node:
    """The one document in ``data`` (UTF-8); raises :class:`YamlFault`."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise YamlFault(data.count(b"\n", 0, error.start) + 1, "is not UTF-8, expected a UTF-8 text file") from None
    if bad := _FORBIDDEN.search(text):
        line = text.count("\n", 0, bad.start()) + 1
        raise YamlFault(line, f"holds the character U+{ord(bad[0]):04X}, expected text without control characters")
    try:
        node = _build(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        said = ", ".join(part for part in (error.problem, error.context) if part)
        raise YamlFault(mark.line + 1 if mark else 1, f"is not YAML: {said}") from None
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        raise YamlFault(1, f"is not YAML: {' '.join(str(error).split())}") from None
    if node is None:
        raise YamlFault(1, "the file is empty")
    return node


def _build(text: str) -> Node | None:
    """Walk the parser's events; a stack of open lists and mappings instead of recursion, so depth cannot hurt."""
    root: Node | None = None
    # The open containers, each with the key that waits for its value (mappings only).
    open_: list[tuple[Node, list[str]]] = []
    loader = _Loader(text)
    try:
        while loader.check_event():
            event = loader.get_event()
            if isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
                open_.pop()
                continue
            if not isinstance(event, yaml.NodeEvent):
                continue
            line = event.start_mark.line + 1 if event.start_mark else 1
            _refuse_extras(event, line)
            if root is not None and not open_:
                raise YamlFault(line, "a second document begins, expected one document in the file")
            node = Node(_empty(event), line)
            if not open_:
                root = node
            elif _place(node, *open_[-1]):
                continue  # it was a key
            if not isinstance(event, yaml.ScalarEvent):
                if len(open_) >= _MAX_DEPTH:
                    raise YamlFault(line, f"nested more than {_MAX_DEPTH} deep, expected a city file")
                if isinstance(node.value, dict):
                    node.key_lines = {}
                open_.append((node, []))
    finally:
        loader.dispose()
    return root


def _empty(event: Any) -> Any:
    if isinstance(event, yaml.ScalarEvent):
        return event.value
    return {} if isinstance(event, yaml.MappingStartEvent) else []


def _refuse_extras(event: Any, line: int) -> None:
    if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
        raise YamlFault(line, "uses an anchor or alias (& or *), expected the value itself; put quotes around text")
    if event.tag is not None and event.tag != "!":
        raise YamlFault(line, "uses a tag (!), expected the value alone; put quotes around text")


def _place(node: Node, owner: Node, waiting: list[str]) -> bool:
    """Put ``node`` into its container; True when it was a key, whose value follows."""
    if isinstance(owner.value, list):
        owner.value.append(node)
        return False
    assert isinstance(owner.value, dict) and owner.key_lines is not None  # noqa: S101  only containers are opened
    if waiting:
        owner.value[waiting.pop()] = node
        return False
    if not isinstance(node.value, str):
        raise YamlFault(node.line, "a key is a list or a mapping, expected a word")
    if node.value in owner.key_lines:
        first = owner.key_lines[node.value]
        raise YamlFault(node.line, f"key {node.value!r} stands on line {first} too, expected each key once")
    owner.key_lines[node.value] = node.line
    waiting.append(node.value)
    return True

"""Changes entries of a YAML list and leaves everything else as people wrote it: order, comments, spacing, quotes. Pure.

A round-trip library writes the whole file anew: lines that nobody touched move, and the comment above an entry goes
with the one before it. Here only the lines of a changed key are written.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.yamltext import Node, YamlFault, read

Value = str | tuple[str, ...]
_BLOCK = re.compile(r"^(?P<indent> *)-(?P<gap> +)(?=[^\s{\[#])")
_FLOW = re.compile(r"^(?P<indent> *)-(?P<gap> +)\{")

#: Where a comment may begin.
_NOTE = re.compile(r"(?:^|\s+)#")
#: A text of several lines begins, in which a # is no comment.
_LONG = re.compile(r":\s+[|>][-+0-9]*\s*(#.*)?$")


class NotRows(Exception):
    """The text is no list of entries that can be changed one by one; it is edited as text."""

    def __init__(self, why: str, line: int = 0) -> None:
        super().__init__(why)
        #: Where it is that stands in the way, from 1; 0: anywhere.
        self.line = line


@dataclass(frozen=True)
class Row:
    """One entry as it shall be: ``origin`` is its place in the text (None: new); an empty value takes its key away.

    Keys that are not named stay as they are.
    """

    origin: int | None
    values: Mapping[str, Value]


def rows(text: str) -> list[dict[str, object]]:
    """The entries as plain values; raises :class:`NotRows`."""
    return [node.plain() for node in _entries(text)]


def starts(text: str) -> list[int]:
    """The line that each entry begins on, from 1."""
    return [node.line for node in _entries(text)]


def edited(text: str, wanted: Sequence[Row]) -> str:
    """The text with these entries changed, new ones at its end, and those that are not named gone.

    Raises :class:`NotRows` where that cannot be done line by line.
    """
    entries, lines = _entries(text), text.splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    spans = _spans(entries, lines)
    by_origin = {row.origin: row for row in wanted if row.origin is not None}
    made, at = [], 0
    for number, (entry, (first, last)) in enumerate(zip(entries, spans, strict=True)):
        made += lines[at:first]  # what people wrote above it
        if number in by_origin:
            made += _changed(entry, lines[first:last], first, by_origin[number].values)
        at = last
    flow = bool(spans) and bool(_FLOW.match(lines[spans[-1][0]]))
    new = [row.values for row in wanted if row.origin is None]
    indent = _indent(lines[spans[-1][0]]) if spans else ""
    gone = _is_empty_list(text)
    made += [line for values in new for line in _written(values, flow, indent)]
    made += [] if gone and new else lines[at:]
    result = "".join(made)
    _prove(result, entries, wanted)
    return result


def _entries(text: str) -> list[Node]:
    if not text.strip() or all(not line.strip() or line.lstrip().startswith("#") for line in text.splitlines()):
        return []
    try:
        top = read(text.encode())
    except YamlFault as fault:
        raise NotRows(str(fault)) from fault
    if not isinstance(top.value, list) or not all(isinstance(node.value, dict) for node in top.value):
        raise NotRows("no list of entries")
    return top.value


def _is_empty_list(text: str) -> bool:
    """Whether it says ``[]``, beside which nothing can be listed."""
    said = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    return [line.strip() for line in said] == ["[]"]


def _spans(entries: Sequence[Node], lines: Sequence[str]) -> list[tuple[int, int]]:
    """First line of each entry and the one after its last; blank lines and comments below belong to the next."""
    starts = [entry.line - 1 for entry in entries]
    spans = []
    for start, end in zip(starts, [*starts[1:], len(lines)][: len(starts)], strict=True):
        if not (_BLOCK.match(lines[start]) or _FLOW.match(lines[start])):
            raise NotRows(f"line {start + 1} begins no entry")
        last, indent = end, len(_indent(lines[start]))
        while last > start + 1 and (not lines[last - 1].strip() or lines[last - 1][indent : indent + 1] == "#"):
            last -= 1
        spans.append((start, last))
    return spans


def _changed(entry: Node, own: list[str], first: int, values: Mapping[str, Value]) -> list[str]:
    """The lines of one entry with these values; its own lines where nothing is different."""
    assert isinstance(entry.value, dict) and entry.key_lines is not None  # noqa: S101  _entries asked
    different = {key: value for key, value in values.items() if _plain(entry.value.get(key)) != _listed(value)}
    if not different:
        return own
    if _FLOW.match(own[0]):
        return _flow_changed(entry, own, different)
    indent = " " * (len(_head(own[0])))
    keys = sorted(entry.key_lines.items(), key=lambda item: item[1])
    if len({line for _, line in keys}) != len(keys) or keys[0][1] - 1 != first:
        raise NotRows(f"line {first + 1}: keys that share a line")
    ends = [line - 1 for _, line in keys[1:]] + [first + len(own)]
    made: list[str] = []
    for (key, line), end in zip(keys, ends, strict=True):
        part = own[line - 1 - first : end - first]
        if key not in different:
            made += part
        elif different[key]:
            # A comment between two keys stays where it is.
            kept = len(part) if not _LONG.search(part[0]) else 0
            while kept > 1 and (not part[kept - 1].strip() or part[kept - 1].lstrip().startswith("#")):
                kept -= 1
            beside = _comment([], part[0][len(indent) :], {key: entry.value[key].plain()})
            made += [f"{indent}{key}: {_said(different[key])}{beside}\n", *(part[kept:] if kept else [])]
    made += [f"{indent}{key}: {_said(value)}\n" for key, value in different.items() if value and key not in entry.value]
    if not made:
        raise NotRows("an entry without any key")
    # Whatever key is the first now stands behind the dash.
    return [_head(own[0]) + made[0][len(indent) :], *made[1:]]


def _flow_changed(entry: Node, own: list[str], different: Mapping[str, Value]) -> list[str]:
    assert isinstance(entry.value, dict)  # noqa: S101
    if any(isinstance(node.value, dict) for node in entry.value.values()):
        raise NotRows("an entry of several levels, which no table can change; edit it as text", entry.line)
    for at, line in enumerate(own[:-1]):
        # Perhaps only a sign within quotes: then the entry is still whole in the text.
        if _NOTE.search(line):
            raise NotRows("a comment within { }, which a table would lose; edit it as text", entry.line + at)
    beside = _comment(own[:-1], own[-1], [entry.plain()])
    values: dict[str, Value] = {}
    for key, node in entry.value.items():
        values[key] = different.get(key, _as_value(node))
    values |= {key: value for key, value in different.items() if key not in values}
    said = ", ".join(f"{key}: {_said(value, True)}" for key, value in values.items() if value or key not in different)
    return [f"{_head(own[0])}{{{said}}}{beside}\n"]


def _comment(above: Sequence[str], line: str, said: object) -> str:
    """The comment at the end of ``line``, with the space before it; "" where there is none. Without it the text, from
    ``above`` on, still says what is ``said``: a # within quotes begins none."""
    line = line.rstrip()
    for found in _NOTE.finditer(line):
        try:
            if read("".join([*above, line[: found.start()]]).encode()).plain() == said:
                return line[found.start() :]
        except YamlFault:
            continue
    return ""


def _as_value(node: Node) -> Value:
    plain = node.plain()
    return tuple(plain) if isinstance(plain, list) else str(plain)


def _written(values: Mapping[str, Value], flow: bool, indent: str) -> list[str]:
    given = [(key, value) for key, value in values.items() if value]
    if flow:
        return [f"{indent}- {{{', '.join(f'{key}: {_said(value, True)}' for key, value in given)}}}\n"]
    return [
        f"{indent}{'- ' if at == 0 else '  '}{key}: {_said(value)}\n" for at, (key, value) in enumerate(given)
    ]  # fmt: skip


def _head(line: str) -> str:
    found = _BLOCK.match(line) or _FLOW.match(line)
    if found is None:
        raise NotRows("a line that begins no entry")
    return f"{found['indent']}-{found['gap']}"


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip(" "))]


def _said(value: Value, flow: bool = False) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(_scalar(item, True) for item in value)}]"
    return _scalar(value, flow)


def _scalar(text: str, flow: bool) -> str:
    """The text as YAML: bare where it reads back the same, else in quotes."""
    for said in (text, "'" + text.replace("'", "''") + "'") if text else ("''",):
        try:
            again = read(f"- {{a: {said}, b: c}}\n".encode() if flow else f"- a: {said}\n  b: c\n".encode()).plain()
        except YamlFault:
            continue
        if again == [{"a": text, "b": "c"}] and "\n" not in said:
            return said
    return json.dumps(text, ensure_ascii=False)


def _plain(node: Node | None) -> object:
    return None if node is None else node.plain()


def _listed(value: Value) -> object:
    """As the reader gives it; None for what shall not be there."""
    return (list(value) if isinstance(value, tuple) else value) or None


def _prove(text: str, before: Sequence[Node], wanted: Sequence[Row]) -> None:
    """What was written says what was wanted, whatever stood in the file."""
    olds = {row.origin: row for row in wanted if row.origin is not None}
    expected = [_merged(node.plain(), olds[n].values) for n, node in enumerate(before) if n in olds]
    expected += [_merged({}, row.values) for row in wanted if row.origin is None]
    if rows(text) != expected:
        raise NotRows("the entries cannot be changed one by one")


def _merged(old: dict[str, object], values: Mapping[str, Value]) -> dict[str, object]:
    made = {**old, **{key: _listed(value) for key, value in values.items()}}
    return {key: value for key, value in made.items() if value is not None}

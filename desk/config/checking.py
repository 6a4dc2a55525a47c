"""Whether the city would still open with a changed file: the same readers and checks that the start uses."""

import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from core.city import City
from core.cityfile import load_city, sound
from core.cityfolder import CityFolder
from core.errors import CityFileError, HeyiError
from core.yamltext import YamlFault, read
from desk.config.catalogue import effective
from quality.checks.rulebook import load_rulebook
from triage.categories import load_categories
from triage.questions import load_questions
from triage.rules import load_rules

#: Bytes of one file: the largest of the example city has a tenth of it.
MOST = 1 << 20
#: Where rule files name it.
_LINE = re.compile(r", line ([0-9]+)")


#: What is read by other readers than the city's.
RULE_FILES = ("rules/emergency.yaml", "rules/categories.yaml", "rules/questions.yaml", "checks.yaml")


@dataclass(frozen=True)
class Told:
    """One fault: name of the file, its line (0: none), and what is wrong."""

    file: str
    line: int
    text: str


class Unfit(HeyiError):
    """A change with which the city would not open."""

    def __init__(self, faults: list[Told]) -> None:
        super().__init__("\n".join(f"{each.file}:{each.line}: {each.text}" for each in faults))
        self.faults = faults


def tidy(text: str) -> str:
    """What a browser's field gives, as a file has it: lines end with a line feed, the last one, too."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return lines if not lines or lines.endswith("\n") else f"{lines}\n"


def checked(folder: CityFolder, name: str, text: str, fit: Callable[[City], None] | None = None) -> City:
    """The whole city with ``name`` holding ``text``; blocks. Raises :class:`Unfit` with every fault.

    ``fit`` says what else the start would refuse.
    """
    try:
        data = text.encode()
    except UnicodeEncodeError:
        raise Unfit([Told(name, 0, "is not UTF-8, expected a UTF-8 text file")]) from None
    if len(data) > MOST:
        raise Unfit([Told(name, 0, f"{len(data)} bytes, expected at most {MOST}")])
    if name.endswith(".yaml"):
        # Before any other reader: no aliases, no tags, no depth beyond what city files have.
        try:
            read(data)
        except YamlFault as fault:
            raise Unfit([Told(name, fault.line, str(fault))]) from None
    with tempfile.TemporaryDirectory(prefix="heyi-config-") as scratch:
        tried = _tried(folder, Path(scratch), name, data)
        try:
            city = load_city(tried)
            _read_rules(tried, name)
            if fit is not None:
                fit(city)
        except CityFileError as error:
            faults = [Told(tried.name_of(fault.file), fault.line, fault.text) for fault in error.faults]
            raise Unfit(sorted(faults, key=lambda each: (each.file, each.line))) from None
        except HeyiError as error:
            line = _LINE.search(error.message)
            raise Unfit([Told(name, int(line[1]) if line else 0, str(error))]) from None
    return city


def faults_of(folder: CityFolder, fit: Callable[[City], None] | None = None) -> list[Told]:
    """Everything for which the next start would leave a file of the city out, or not open; blocks."""
    found: list[Told] = []
    try:
        city = load_city(folder)
    except CityFileError as error:
        found = [Told(folder.name_of(fault.file), fault.line, fault.text) for fault in error.faults]
    found += rule_faults(folder)
    if not found and fit is not None:
        try:
            fit(city)
        except HeyiError as error:
            found.append(Told("", 0, str(error)))
    return sorted(found, key=lambda each: (each.file, each.line))


def rule_faults(folder: CityFolder) -> list[Told]:
    """What cannot be read of the rules that hold; in their place the start takes those that came."""
    found = []
    for name in RULE_FILES:
        try:
            _read_rules(folder, name)
        except HeyiError as error:
            line = _LINE.search(error.message)
            found.append(Told(name, int(line[1]) if line else 0, str(error)))
    return found


def _tried(folder: CityFolder, scratch: Path, name: str, data: bytes) -> CityFolder:
    """The city's folder with copies of its changed files, and this one beside them.

    A file that the start leaves out counts for nothing here, or two such could never be mended one by one.
    """
    made, left_out = CityFolder(folder.seed, scratch / "changed"), sound(folder)[2].without
    for other in folder.changes():
        if other != name and other not in left_out and folder.changed is not None:
            made.write(other, (folder.changed / other).read_bytes())
    made.write(name, data)
    return made


def _read_rules(folder: CityFolder, name: str) -> None:
    path = effective(folder, name)
    match name:
        case "rules/emergency.yaml":
            load_rules(path)
        case "rules/categories.yaml":
            load_categories(path)
        case "rules/questions.yaml":
            load_questions(path)
        case "checks.yaml":
            load_rulebook(path.parent)

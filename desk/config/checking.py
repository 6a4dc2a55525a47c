"""Whether the city would still open with a changed file: the same readers and checks that the start uses."""

import re
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from core.city import City
from core.cityfile import load_city, sound
from core.cityfolder import CityFolder
from core.errors import CityFileError, HeyiError
from core.yamltext import YamlFault, read
from desk.config.catalogue import effective, is_flow
from quality.checks.rulebook import load_rulebook
from triage.categories import load_categories
from triage.questions import load_questions
from triage.rules import load_rules

#: Raises :class:`HeyiError` for a city with which heyi would not open.
Fit = Callable[[City], None]
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


def checked(folder: CityFolder, texts: Mapping[str, str], fit: Fit | None = None) -> City:
    """The whole city with these files holding these texts; blocks. Raises :class:`Unfit` with every fault.

    ``fit`` says what else the start would refuse.
    """
    datas = {name: _bytes(name, text) for name, text in texts.items()}
    with tempfile.TemporaryDirectory(prefix="heyi-config-") as scratch:
        tried = _tried(folder, Path(scratch), datas, fit)
        try:
            city = load_city(tried)
        except CityFileError as error:
            raise Unfit(_told(tried, error)) from None
        if faults := rule_faults(tried, datas):
            raise Unfit(faults)
        try:
            if fit is not None:
                fit(city)
        except HeyiError as error:
            raise Unfit([_fault(next(iter(datas)), error)]) from None
    return city


def _bytes(name: str, text: str) -> bytes:
    try:
        data = text.encode()
    except UnicodeEncodeError:
        raise Unfit([Told(name, 0, "is not UTF-8, expected a UTF-8 text file")]) from None
    if len(data) > MOST:
        raise Unfit([Told(name, 0, f"{len(data)} bytes, expected at most {MOST}")])
    # An empty flow is one that is taken away.
    if name.endswith(".yaml") and (data or not is_flow(name)):
        # Before any other reader: no aliases, no tags, no depth beyond what city files have.
        try:
            read(data)
        except YamlFault as fault:
            raise Unfit([Told(name, fault.line, str(fault))]) from None
    return data


def _told(folder: CityFolder, error: CityFileError) -> list[Told]:
    faults = [Told(folder.name_of(fault.file), fault.line, fault.text) for fault in error.faults]
    return sorted(faults, key=lambda each: (each.file, each.line))


def _fault(name: str, error: HeyiError) -> Told:
    line = _LINE.search(error.message)
    return Told(name, int(line[1]) if line else 0, str(error))


def faults_of(folder: CityFolder, fit: Fit | None = None) -> list[Told]:
    """Everything for which the next start would leave a file of the city out, or not open; blocks."""
    try:
        city = load_city(folder)
    except CityFileError as error:
        return [*_told(folder, error), *rule_faults(folder)]
    if found := rule_faults(folder):
        return found
    try:
        if fit is not None:
            fit(city)
    except HeyiError as error:
        return [_fault("", error)]
    return []


@dataclass(frozen=True)
class Opening:
    """The city as a start takes it."""

    city: City
    folder: CityFolder
    #: Why changed files are left out, heyi's or the city's own in their place.
    faults: list[Told]

    @property
    def left_out(self) -> frozenset[str]:
        """Names of these files."""
        return self.folder.without | {fault.file for fault in self.faults if fault.file in RULE_FILES}


def opening(folder: CityFolder, fit: Fit | None = None) -> Opening:
    """What the start takes: every changed file but those that cannot be read or with which heyi would not open; blocks.

    Raises :class:`CityFileError` where the city's own folder is wrong.
    """
    city, found, kept = sound(folder)
    faults = [Told(folder.name_of(fault.file), fault.line, fault.text) for fault in found]
    if fit is not None and (reason := _refusal(city, fit)) is not None:
        blamed = _blamed(kept, fit)
        faults += [_fault(name, reason) for name in blamed]
        city, _, kept = sound(kept.leaving_out(blamed))
    return Opening(city, kept, faults + rule_faults(folder))


def _blamed(folder: CityFolder, fit: Fit) -> list[str]:
    """The changed files without which heyi opens: one where one is enough, else all; none where they are not at fault
    (no Asterisk here, a model that was taken away)."""
    left = [name for name in folder.changes() if name not in folder.without]
    if not left or _refusal(sound(folder.leaving_out(left))[0], fit) is not None:
        return []
    alone = (name for name in left if _refusal(sound(folder.leaving_out([name]))[0], fit) is None)
    found = next(alone, None)
    return left if found is None else [found]


def _refusal(city: City, fit: Fit) -> HeyiError | None:
    try:
        fit(city)
    except HeyiError as error:
        return error
    return None


def rule_faults(folder: CityFolder, names: Iterable[str] = RULE_FILES) -> list[Told]:
    """What cannot be read of the rules that hold; in their place the start takes those that came."""
    found = []
    for name in names:
        try:
            _read_rules(folder, name)
        except HeyiError as error:
            found.append(_fault(name, error))
    return found


def _tried(folder: CityFolder, scratch: Path, datas: Mapping[str, bytes], fit: Fit | None) -> CityFolder:
    """The city's folder with copies of its changed files, and these beside them.

    A file that the start leaves out counts for nothing here, or two such could never be mended one by one.
    """
    made, left_out = CityFolder(folder.seed, scratch / "changed"), opening(folder, fit).left_out
    for other in folder.changes():
        if other not in datas and other not in left_out and folder.changed is not None:
            made.write(other, (folder.changed / other).read_bytes())
    for name, data in datas.items():
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

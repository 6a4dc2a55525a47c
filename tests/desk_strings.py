"""Finds the Chinese texts that a person can see: in templates, scripts and Python."""

import ast
import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from babel.messages.extract import extract
from jinja2 import Environment, nodes

ROOT = Path(__file__).parent.parent
CHINESE = re.compile(r"[\u3400-\u9fff]")
TEMPLATES = sorted((ROOT / "desk" / "templates").rglob("*.html"))
SCRIPTS = sorted((ROOT / "desk" / "web" / "src").rglob("*.js"))


def in_templates() -> Iterator[tuple[str, str]]:
    """File and text of every ``_('…')``, and every other Chinese constant inside an expression."""
    for file in TEMPLATES:
        tree = Environment(autoescape=True).parse(file.read_text(encoding="utf-8"))
        for constant in tree.find_all(nodes.Const):
            if isinstance(constant.value, str) and CHINESE.search(constant.value):
                yield file.name, constant.value


def bare_in_templates() -> Iterator[tuple[str, str]]:
    """Chinese that stands in a template outside every expression: nobody could translate it."""
    for file in TEMPLATES:
        tree = Environment(autoescape=True).parse(file.read_text(encoding="utf-8"))
        for data in tree.find_all(nodes.TemplateData):
            for piece in re.findall(r"[^<>\n]*[\u3400-\u9fff][^<>\n]*", data.data):
                yield file.name, piece.strip()


def in_scripts() -> Iterator[tuple[str, str]]:
    """File and text of every ``t("…")``."""
    for file in SCRIPTS:
        for _line, message, _comments, _context in extract(
            "javascript",
            BytesIO(file.read_bytes()),
            keywords={"t": None},
            options={"encoding": "utf-8", "parse_template_string": True},
        ):
            yield file.name, str(message)


def bare_in_scripts() -> Iterator[tuple[str, str]]:
    """Chinese in a script outside ``t("…")`` and comments."""
    for file in SCRIPTS:
        text = re.sub(r"/\*.*?\*/", "", file.read_text(encoding="utf-8"), flags=re.DOTALL)
        text = re.sub(r'\bt\("[^"]*"', "", re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE))
        for line in text.splitlines():
            if CHINESE.search(line):
                yield file.name, line.strip()


def in_python(folder: str) -> Iterator[tuple[str, str]]:
    """Chinese constants of a package's modules that are not docstrings."""
    for file in sorted((ROOT / folder).rglob("*.py")):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        documents = {
            id(node.body[0].value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            and node.body
            and isinstance(node.body[0], ast.Expr)
        }
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Constant)
                and isinstance(node.value, str)
                and id(node) not in documents
                and CHINESE.search(node.value)
            ):
                yield file.name, node.value


def shown_by_ticketing() -> Iterator[tuple[str, str]]:
    """Messages of the errors that ticketing, quality, the switchboard, transcripts and the learning loop raise."""
    rooms = ("ticketing", "quality", "switchboard", "asr/record", "triage/loop")
    for file in sorted(file for room in rooms for file in (ROOT / room).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and node.exc.args:
                message = node.exc.args[0]
            elif isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("_said", "_known") and node.args[1:]:
                message = node.args[1]
            elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "__init__" and node.args:
                message = node.args[0]
            else:
                continue
            if isinstance(message, ast.Constant) and isinstance(message.value, str) and CHINESE.search(message.value):
                yield file.name, message.value


def shown_by_runners() -> Iterator[tuple[str, str]]:
    """Names, reasons and errors of missed calls, kept places, priorities and marks; not the reasons of their tables."""
    folder = ROOT / "switchboard"
    runners = [*folder.glob("missed/*.py"), *folder.glob("kept/*.py")]
    for file in (*runners, *(folder / f"{name}.py" for name in ("priority", "marks", "standing"))):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        edges = {
            id(inner)
            for call in ast.walk(tree)
            if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "Edge"
            for inner in ast.walk(call)
        }
        documents = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Constant)
                and isinstance(node.value, str)
                and CHINESE.search(node.value)
                and id(node) not in edges | documents
            ):
                yield file.name, node.value

"""``heyi flow``: the ways that a city's tickets go."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from core.city_flowchecks import complaints
from core.cityfile import load_city
from core.errors import HeyiError
from core.settings import Settings
from ticketing.flows.diagram import mermaid
from ticketing.flows.table import Flows

console = Console(stderr=True)
app = typer.Typer(no_args_is_help=True, help="The flows of tickets.")

City = Annotated[Path | None, typer.Option("--city", help="A city folder; without it the site's.")]


@app.command("draw")
def draw(
    flow: Annotated[str | None, typer.Argument(help="Key of one flow; without it all of them.")] = None,
    city: City = None,
) -> None:
    """Print flows as Mermaid state diagrams."""
    flows = _flows(city)
    if flow is not None and flow not in flows.tables:
        raise HeyiError(f"the city has no flow {flow!r}", hint=", ".join(flows.tables))
    shown = [flows.of(flow)] if flow is not None else list(flows.tables.values())
    print("\n\n".join(f"%% {table.key} {table.name}\n{mermaid(table)}" for table in shown))


@app.command("check")
def check(city: City = None) -> None:
    """Check the city's flows and say which tickets go which; a fault is told with its file and line, and exit 1."""
    flows = _flows(city)
    for flow in flows.city.flows:
        # A city's own file has been checked as it was read; this is for the usual ones, too.
        if found := complaints(flow):
            raise HeyiError(f"flow {flow.key}: {found[0][1]}")
        use = flow.use
        tickets = ", ".join([*use.kinds, *(f"line {n}" for n in use.lines), *use.codes]) or "none"
        table = flows.of(flow.key)
        counts = f"{len(table.steps)} steps, {len(table.edges)} edges"
        console.print(f"{flow.key} {flow.name}: {counts}; tickets: {tickets}", highlight=False, soft_wrap=True)


def _flows(folder: Path | None) -> Flows:
    return Flows(load_city(folder or Settings().city_folder))

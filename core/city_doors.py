"""``doors.yaml``: how a city takes what does not come by telephone."""

from typing import Annotated, Literal

from pydantic import Field

from core.citytypes import Data, MaybeText, form


class CityDoors(Data):
    """Letters, the public form, Open311. Without the file these values hold."""

    #: Working days until a letter to the mayor is answered. Cities promise 5 to 15; 《信访工作条例》 (2022) art. 22, 23
    #: leaves 15 days for deciding who is responsible.
    reply_workdays: Annotated[int, Field(ge=1, le=60)] = 7
    #: What stands under a reply; empty: the city's name and 市长信箱.
    signature: MaybeText = ""
    #: Whether the form for everybody is open.
    web: bool = True
    #: Number of the line whose matters these are; empty: 12345, else the city's first service line.
    line: Annotated[str, form(r"^([0-9]{3,12})?$", "a telephone number of 3 to 12 digits, or nothing")] = ""
    #: ``realtime``: an Open311 client gets the ticket's number at once; ``batch``: a token, and the number once a
    #: person has looked at the report.
    open311: Literal["realtime", "batch"] = "realtime"

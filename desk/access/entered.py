"""A person as an administrator, or a provider of identities, describes one: checked against the city."""

from pydantic import ValidationError

from core.city import City, Person
from core.errors import HeyiError
from ticketing.actor import AREA_ROLES

#: What a role cannot work without.
_NEEDS = {"agent": "extension", "department": "department", "grid": "department"}


def person_of(
    city: City, login: str, name: str, role: str, extension: str, department: str, password: str
) -> Person:  # fmt: skip
    """What was entered, as a person of the city; :class:`HeyiError` names what is wrong."""
    if extension and city.desk(extension) is None:
        raise HeyiError("没有这个坐席")
    if department and city.department(department) is None:
        raise HeyiError("没有这个部门或辖区")
    try:
        person = Person.model_validate({
            "login": login, "name": name, "role": role, "password": password, "extension": extension or None,
            "department": (department or None) if role in AREA_ROLES else None,
        })  # fmt: skip
    except ValidationError:
        raise HeyiError("填写的内容不符合要求") from None
    if (need := _NEEDS.get(person.role)) and getattr(person, need) is None:
        raise HeyiError("该岗位须选择坐席" if need == "extension" else "该岗位须选择部门或辖区")
    return person

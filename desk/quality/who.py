"""Who a request of quality must come from."""

from typing import Annotated

from fastapi import Depends, HTTPException

from desk.access.auth import SignedIn
from desk.access.rights import has_quality, oversees_quality
from desk.access.users import User


async def _involved(user: SignedIn) -> User:
    if not has_quality(user):
        raise HTTPException(403, "您没有此项权限")
    return user


async def _overseer(user: SignedIn) -> User:
    if not oversees_quality(user):
        raise HTTPException(403, "您没有此项权限")
    return user


Involved = Annotated[User, Depends(_involved)]
Overseer = Annotated[User, Depends(_overseer)]

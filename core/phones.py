"""Telephone numbers of callers: compared, and judged fit to be called back. Pure."""

import re

#: The form of a number that may be handed to Asterisk: digits, and nothing that could be another part of a dial string.
NUMBER = re.compile(r"\+?[0-9]{3,20}")
_MOBILE = re.compile(r"1[3-9][0-9]{9}")
_COMPANY = re.compile(r"[48]00[0-9]{7}")
_AREA = re.compile(r"0(?:10|2[0-9]|[3-9][0-9]{2})")
#: A subscriber's number in its own area: numbers that begin with 1 or 9 are services (119, 95598, 16895000…).
_LOCAL = re.compile(r"[2-8][0-9]{6,7}")


def normal(number: str, area_code: str = "") -> str:
    """Digits by which two spellings of one number compare equal: no spaces, no +86, the area code before a landline.

    A foreign number begins with 00. Anything without digits gives an empty string.
    """
    digits = re.sub(r"[^0-9]", "", number)
    foreign = digits and (number.strip().startswith("+") or digits.startswith("00"))
    if foreign:
        digits = digits.removeprefix("00")
        if not digits.startswith("86"):
            return f"00{digits}"
    # A local landline may begin with 86 as well, but has no more than 8 digits.
    if foreign or (digits.startswith("86") and len(digits) >= 12):
        digits = digits[2:]
        # After the country code the 0 before an area code is left out.
        if not (_MOBILE.fullmatch(digits) or _COMPANY.fullmatch(digits) or digits.startswith("0")):
            digits = f"0{digits}"
    if _MOBILE.fullmatch(digits.removeprefix("0")):
        return digits.removeprefix("0")
    if area_code and _LOCAL.fullmatch(digits):
        return area_code + digits
    return digits


def dialable(number: str, area_code: str) -> str:
    """The number as the city's exchange wants it dialled, or an empty string where heyi must not dial it.

    Caller numbers are untrusted, so only mobiles, landlines and 400/800 numbers of the country are dialled: never a
    short number such as 110, never abroad, never a service that charges by the minute.
    """
    digits = normal(number, area_code)
    if _MOBILE.fullmatch(digits) or _COMPANY.fullmatch(digits):
        return digits
    area = _AREA.match(digits)
    if area and _LOCAL.fullmatch(digits[area.end() :]):
        return digits.removeprefix(area_code)
    return ""

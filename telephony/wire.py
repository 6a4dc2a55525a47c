"""AMI's wire format, without any I/O: bytes in, messages out; actions in, bytes out.

Framing is done on bytes and only whole messages are decoded, so that a Chinese name split over two TCP segments stays
whole. A value with CR or LF is refused: it could carry a second action.
"""

from collections.abc import Iterable, Mapping

from core.errors import AmiError

#: One message of Asterisk's: header → value. The values of a header that repeats are joined by LF.
Message = dict[str, str]

#: Longest message taken, in bytes; Asterisk's own are some kilobytes.
MAX_MESSAGE = 1 << 20


class Decoder:
    """Turns the byte stream of one connection into messages."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._greeted = False

    def feed(self, data: bytes) -> list[Message]:
        """Messages completed by ``data``. Raises :class:`AmiError` where a peer sends no end of message."""
        buffer = self._buffer
        buffer += data
        if not self._greeted:
            # "Asterisk Call Manager/x.y.z" is the one line that no blank line follows.
            end = buffer.find(b"\r\n")
            if end < 0:
                self._check_size()
                return []
            del buffer[: end + 2]
            self._greeted = True
        end = buffer.rfind(b"\r\n\r\n")
        if end < 0:
            self._check_size()
            return []
        whole = bytes(buffer[:end])
        del buffer[: end + 4]
        self._check_size()
        # Asterisk ends some events with a blank line too many, which makes no message.
        return [message for block in whole.split(b"\r\n\r\n") if block and (message := parse(block))]

    def _check_size(self) -> None:
        if len(self._buffer) > MAX_MESSAGE:
            raise AmiError(
                "the manager interface sent a message without an end", hint="is this port really Asterisk's?"
            )


def parse(block: bytes) -> Message:
    """One message without its closing blank line. Lines without a colon are passed over."""
    lines = block.decode("utf-8", "replace").split("\r\n")
    # Nearly every message is "Key: value" lines with each key once: without a loop of ours that takes 0.6 of the time.
    pairs = [line.split(": ", 1) for line in lines]
    try:
        message = dict(pairs)  # raises where a line is no pair
    except ValueError:
        message = {}
    return message if len(message) == len(lines) else _parse_oddly(lines)


def _parse_oddly(lines: list[str]) -> Message:
    """Headers that repeat, that have no space after their colon, and lines that are none."""
    message: Message = {}
    for line in lines:
        key, colon, value = line.partition(": ")
        if not colon:
            key, colon, value = line.partition(":")
        if colon:
            message[key] = f"{message[key]}\n{value}" if key in message else value
    return message


def encode(action: str, headers: Mapping[str, str | Iterable[str]]) -> bytes:
    """The bytes of an action. A header whose value is a list is repeated. Raises :class:`AmiError` on CR, LF or NUL."""
    lines = [f"Action: {_clean(action)}"]
    for key, value in headers.items():
        for item in (value,) if isinstance(value, str) else value:
            lines.append(f"{_clean(key)}: {_clean(item)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def _clean(text: str) -> str:
    if any(c in text for c in "\r\n\0"):
        raise AmiError(f"a line break in {text[:40]!r} must not reach the manager interface")
    return text

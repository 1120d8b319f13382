"""Mutations of protobuf messages that keep the framing: what byte flips seldom reach.

Fields are repeated, moved, dropped, given another number or wire type, turned into several runs,
wrapped in groups and preceded by unknown ones; on a random level of the message.
"""

from random import Random

VARINT, FIXED64, BYTES, GROUP, GROUP_END, FIXED32 = range(6)


def varint(number: int, padding: int = 0) -> bytes:
    digits = bytearray()
    while number > 0x7F or padding > len(digits):
        digits.append(number & 0x7F | 0x80)
        number >>= 7
    digits.append(number)
    return bytes(digits)


def read_varint(message: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        digit = message[at]
        number |= (digit & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if digit < 0x80:
            return number, at


def split(message: bytes) -> list[tuple[int, int, bytes]]:
    """Return (number, wire type, content) of each field; raises for what is no message."""
    fields, at = [], 0
    while at < len(message):
        tag, at = read_varint(message, at)
        wire = tag & 7
        if wire == VARINT:
            end = read_varint(message, at)[1]
        elif wire == BYTES:
            size, at = read_varint(message, at)
            end = at + size
        else:
            end = at + {FIXED64: 8, FIXED32: 4}[wire]
        if end > len(message) or not tag >> 3:
            raise ValueError("no message")
        fields.append((tag >> 3, wire, message[at:end]))
        at = end
    return fields


def written(fields: list[tuple[int, int, bytes]], random: Random) -> bytes:
    padding = random.choice((0, 0, 0, 1, 4, 5))
    return b"".join(
        varint(number << 3 | wire, padding if random.random() < 0.02 else 0)
        + (varint(len(content)) if wire == BYTES else b"")
        + content
        for number, wire, content in fields
    )


def mutated(message: bytes, random: Random) -> bytes:
    """Return the message with one change on a random level."""
    try:
        fields = split(message)
    except (ValueError, IndexError, KeyError):
        return random.choice((message, message + b"\xff", message[:-1], bytes(len(message))))
    nested = [at for at, (_, wire, content) in enumerate(fields) if wire == BYTES and content]
    if nested and random.random() < 0.85:
        at = random.choice(nested)
        number, wire, content = fields[at]
        fields[at] = number, wire, mutated(content, random)
    else:
        random.choice(CHANGES)(fields, random)
    return written(fields, random)


def _repeat(fields, random):
    if fields:
        field = random.choice(fields)
        fields.insert(random.randrange(len(fields) + 1), field)


def _repeat_changed(fields, random):
    if fields:
        number, wire, content = random.choice(fields)
        if wire == BYTES:
            content = mutated(content, random)
        elif wire == VARINT:
            content = varint(random.getrandbits(random.choice((1, 7, 31, 32, 63, 64))), 0)
        else:
            content = random.randbytes(len(content))
        fields.append((number, wire, content))


def _shuffle(fields, random):
    random.shuffle(fields)


def _drop(fields, random):
    if fields:
        fields.pop(random.randrange(len(fields)))


def _renumber(fields, random):
    if fields:
        at = random.randrange(len(fields))
        fields[at] = (random.choice((*range(1, 17), 2**29 - 1)), *fields[at][1:])


def _unpack(fields, random):
    """Turn a packed run into single numbers, or into two runs."""
    for at, (number, wire, content) in enumerate(fields):
        if wire == BYTES and len(content) % 8 == 0 and content:
            if random.random() < 0.5:
                ones = [content[one : one + 8] for one in range(0, len(content), 8)]
                fields[at : at + 1] = [(number, FIXED64, one) for one in ones]
            else:
                fields[at : at + 1] = [(number, BYTES, content[:8]), (number, BYTES, content[8:])]
            return


def _unknown(fields, random):
    number = random.choice((1, 4, 13, 17, 100, 2**29 - 1))
    wire = random.choice((VARINT, FIXED64, BYTES, FIXED32, GROUP))
    content = {
        VARINT: varint(random.getrandbits(64), random.choice((0, 0, 9, 10))),
        FIXED64: random.randbytes(8),
        FIXED32: random.randbytes(4),
        BYTES: random.randbytes(random.randrange(4)),
        GROUP: varint(8 | VARINT) + b"\x01" + varint(number << 3 | GROUP_END),
    }[wire]
    fields.insert(random.randrange(len(fields) + 1), (number, wire, content))


def _nest(fields, random):
    """Wrap a value in as many arrays as fit, or one or two more."""
    if fields:
        at = random.randrange(len(fields))
        number, wire, content = fields[at]
        for _ in range(random.choice((1, 3, 44, 45, 46, 47, 48, 49))):
            content = (
                b"\x2a"
                + varint(len(content) + 1 + len(varint(len(content))))
                + (b"\x0a" + varint(len(content)) + content)
            )
        fields[at] = number, wire, content


CHANGES = (_repeat, _repeat_changed, _shuffle, _drop, _renumber, _unpack, _unknown, _nest)

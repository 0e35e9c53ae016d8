"""Messages that nobody should send: real ones, damaged or filled with what is out of range, by a
seed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

INTEGERS = [0, 1, -1, 2, 7, 2**31 - 1, 2**31, -(2**31), 2**32 - 1, 2**53, 2**63 - 1, -(2**63)]
FLOATS = [0.0, -0.0, 1.0, -1.0, 1e-320, 1e308, -1e308, float("inf"), float("-inf"), float("nan")]
TEXTS = [
    "", "x", "@", "@1", "a@-1", "a@99999999999999999999", "../../etc/passwd", "/", "a" * 300,
    "\0", "a\nb", "%s%n", "\N{SNOWMAN}", "x" * 70000,
]  # fmt: skip
BLOBS = [b"", b"\0", b"\xff" * 16, b"\x80\x80\x80\x80\x10", b"\0" * 4096, b"\xff" * 100000]


def damaged(random_: random.Random, message: bytes) -> bytes:
    """The bytes cut, changed, repeated or continued."""
    data = bytearray(message)
    how = random_.randrange(6)
    if how == 0:
        return bytes(data[: random_.randrange(len(data) + 1)])
    if how == 1:
        for _ in range(random_.randrange(1, 9)):
            if data:
                data[random_.randrange(len(data))] = random_.randrange(256)
    elif how == 2 and data:
        at = random_.randrange(len(data))
        data[at:at] = random_.randbytes(random_.randrange(1, 33))
    elif how == 3 and data:
        at = random_.randrange(len(data))
        del data[at : at + random_.randrange(1, 33)]
    elif how == 4:
        data += data[random_.randrange(len(data) + 1) :] * random_.randrange(1, 4)
    else:  # a length that says more than there is
        data += bytes([random_.randrange(1, 16) << 3 | 2]) + b"\xff\xff\xff\xff\x0f"
    return bytes(data)


def filled(random_: random.Random, message: Any, depth: int = 0) -> None:
    """Gives some fields of a protobuf message, at any depth, values from the lists above."""
    for field in message.DESCRIPTOR.fields:
        if random_.random() < 0.6:
            continue
        repeated = field.label == field.LABEL_REPEATED
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            continue
        if field.message_type is not None:
            if depth > 4:
                continue
            if repeated:
                for _ in range(random_.randrange(4)):
                    filled(random_, getattr(message, field.name).add(), depth + 1)
            else:
                target = getattr(message, field.name)
                target.SetInParent()
                filled(random_, target, depth + 1)
            continue
        values = [any_value(random_, field) for _ in range(random_.randrange(5) if repeated else 1)]
        for value in values:
            try:
                if repeated:
                    getattr(message, field.name).append(value)
                else:
                    setattr(message, field.name, value)
            except (ValueError, TypeError):  # more than its type holds
                pass


def any_value(random_: random.Random, field: Any) -> Any:
    if field.enum_type is not None:
        return random_.choice([0, 1, 2, 3, 99, -1])
    kind = field.cpp_type
    if kind == field.CPPTYPE_STRING:
        return random_.choice(BLOBS if field.type == field.TYPE_BYTES else TEXTS)
    if kind == field.CPPTYPE_BOOL:
        return random_.random() < 0.5
    if kind in (field.CPPTYPE_DOUBLE, field.CPPTYPE_FLOAT):
        return random_.choice(FLOATS)
    return random_.choice(INTEGERS)


def variants(random_: random.Random, message: Any, count: int) -> Iterator[bytes]:
    """`count` of them: damaged ones, ones with fields out of range, and such ones damaged."""
    plain = message.SerializeToString()
    for i in range(count):
        if i % 3 == 0:
            yield damaged(random_, plain)
            continue
        changed = type(message)()
        if random_.random() < 0.7:
            changed.CopyFrom(message)
        filled(random_, changed)
        data = changed.SerializeToString()
        yield damaged(random_, data) if i % 3 == 2 else data

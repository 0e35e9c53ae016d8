"""Answers that no server gives: real ones, damaged, filled with what cannot be, reordered, without
an end, or not at all."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterator
from typing import Any

import grpc
import hostile
from google.protobuf.message import DecodeError

from graphfeed._portable import digests

TRUTHS = 0.3  # of all answers, so that clients come far enough to be lied to later
CODES = [code for code in grpc.StatusCode if code is not grpc.StatusCode.OK]
# Hints beside an error: RetryInfo of a thousand years, and what is no message.
_RETRY = (
    b"\x08\x08\x1a\x3a\x0a\x28type.googleapis.com/google.rpc.RetryInfo\x12\x0e"
    b"\x0a\x0c\x08\x80\xf8\xb0\xbc\x75\x10\xff\xff\xff\xff\x03"
)
DETAILS = [b"", b"\xff" * 20, _RETRY, b"\x1a\xff\xff\xff\xff\x0f", b"\0" * 3000]
TEXTS = ["", "no", "x" * 3000, "\N{SNOWMAN}" * 200, "a\nb\tc", "%s%n%d{}", "\x7f"]


@dataclasses.dataclass
class Answer:
    """Messages, then what comes behind them."""

    messages: list[bytes]
    told: str  # what was done to it, for people
    endless: bool = False  # the last message again and again
    silence: float = 0.0  # seconds before its end, in which nothing comes
    code: grpc.StatusCode | None = None
    text: str = ""
    details: bytes | None = None


def _leaves(message: Any, depth: int = 0) -> Iterator[tuple[Any, Any]]:
    """All (message, field) pairs of fields without fields, of what is there."""
    for field in message.DESCRIPTOR.fields:
        if field.message_type is None:
            yield message, field
            continue
        if field.message_type.GetOptions().map_entry or depth > 6:
            continue
        value = getattr(message, field.name)
        if field.label == field.LABEL_REPEATED:
            for part in value:
                yield from _leaves(part, depth + 1)
        elif message.HasField(field.name):
            yield from _leaves(value, depth + 1)


def one_field(random_: random.Random, message: Any) -> str:
    """Gives one field a value that it should not have; which one."""
    owner, field = random_.choice(list(_leaves(message)))
    value = hostile.any_value(random_, field)
    if field.label != field.LABEL_REPEATED:
        try:
            setattr(owner, field.name, value)
        except (ValueError, TypeError):
            owner.ClearField(field.name)
        return field.full_name
    values = getattr(owner, field.name)
    how = random_.randrange(3)
    try:
        if how == 0 or not len(values):
            most = 100_000 // len(value) if isinstance(value, (str, bytes)) and value else 100_000
            values.extend([value] * random_.choice([1, 2, 1 + most // 100, 1 + most]))
        elif how == 1:
            values[random_.randrange(len(values))] = value
        else:
            del values[random_.randrange(len(values))]
    except (ValueError, TypeError):
        owner.ClearField(field.name)
    return field.full_name


def _frame_of(message: Any) -> Any:
    """The frame that a response has, or None."""
    if "frame" in message.DESCRIPTOR.fields_by_name and message.HasField("frame"):
        return message.frame
    return None


def wrong_frame(random_: random.Random, frame: Any) -> str:
    """A frame that is well-formed, and not what it says."""
    how = random_.choice(["payload", "shorter", "longer", "digest", "content", "place", "ids", "counts"])
    payload = bytearray(frame.payload)
    if how == "payload" and payload:
        payload[random_.randrange(len(payload))] ^= 1 << random_.randrange(8)
    elif how == "shorter":
        del payload[random_.randrange(len(payload) + 1) :]
    elif how == "longer":
        payload += bytes(random_.choice([1, 64, 4096, 1 << 20, 40 << 20]))
    elif how == "digest":
        frame.digest = random_.choice([0, 1, 2**64 - 1, frame.digest ^ 1])
    elif how == "content":  # anything at all, with the right digest
        at = random_.randrange(len(payload) + 1)
        stop = random_.randrange(at, len(payload) + 1)
        payload[at:stop] = random_.choice([b"\xff", b"\x7f", b"\x80", b"\0"]) * (stop - at)
    elif how == "place":
        frame.place = random_.choice([1, 2**31, 2**32 - 1])
        payload.clear()
    elif how == "ids":
        frame.graph_ids = random_.choice(hostile.BLOBS)
    elif how == "counts":
        for counts in frame.real:
            counts.graphs = random_.choice(hostile.INTEGERS)
            one_field(random_, counts)
    frame.payload = bytes(payload)
    if how not in ("digest", "payload"):
        frame.digest = digests.xxh3(frame.payload)
    return how


def _changed(random_: random.Random, data: bytes, kind: Any) -> tuple[bytes, str]:
    """A message of an answer, otherwise; `kind` is its class."""
    try:
        message = kind.FromString(data)
    except DecodeError:
        return hostile.damaged(random_, data), "damaged"
    frame = _frame_of(message)
    how = random_.choice(["damaged", "filled", "one field", "one field", "frame" if frame is not None else "damaged"])
    if how == "damaged":
        return hostile.damaged(random_, data), how
    if how == "filled":
        hostile.filled(random_, message)
    elif how == "frame":
        how += ", " + wrong_frame(random_, frame)
    else:
        how += " " + one_field(random_, message)
    return message.SerializeToString(), how


def lie(random_: random.Random, truth: list[bytes], kind: Any, patience: float) -> Answer:
    """An answer made of a true one. `patience`: how long it may be silent, seconds."""
    answer = Answer(list(truth), "truth")
    if random_.random() < TRUTHS:
        return answer
    messages = answer.messages
    how = random_.choices(
        ["changed", "missing", "twice", "order", "endless", "silence", "status", "foreign"],
        [12, 1, 1, 1, 1, 0.1, 1.5, 1],
    )[0]
    at = random_.randrange(len(messages)) if messages else 0
    answer.told = f"{how} {at}"
    if how == "changed" and messages:
        messages[at], what = _changed(random_, messages[at], kind)
        answer.told = f"message {at}: {what}"
    elif how == "missing":
        del messages[at : at + random_.randrange(1, 4)]
    elif how == "twice" and messages:
        messages[at:at] = [messages[at]] * random_.choice([1, 2, 100])
    elif how == "order":
        random_.shuffle(messages)
    elif how == "endless":
        if random_.random() < 0.3:
            messages[at:] = [random_.choice([b"", b"\xf8\x07\x01", b"\0"])]
        del messages[at + 1 :]
        answer.endless = True
    elif how == "silence":
        del messages[at:]
        answer.silence = patience
    elif how == "status":
        del messages[at:]
        answer.code = random_.choice(CODES)
        answer.text = random_.choice(TEXTS)
        answer.details = random_.choice([None, *DETAILS])
        answer.told += f" {answer.code.name}"
    elif how == "foreign":
        messages[at : at + 1] = [random_.choice([*hostile.BLOBS, bytes(5 << 20), b"\x0a" * 70_000])]
    return answer

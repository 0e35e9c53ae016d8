"""The messages of the service, by name.

Code that protoc generates does not load under other versions of protobuf than its own time's. The
description of the messages does, so they are made of it at run time, in a pool of their own."""

from __future__ import annotations

import pathlib
from typing import Any, Dict

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

PACKAGE = "graphfeed.v1"
_FILE = pathlib.Path(__file__).with_name("messages.binpb")


def load(serialized: bytes) -> Dict[str, Any]:
    """The message classes of a serialized FileDescriptorSet, those at the top of a file, by name
    without the package."""
    files = descriptor_pb2.FileDescriptorSet.FromString(serialized).file
    pool = descriptor_pool.DescriptorPool()
    for file in files:
        pool.AddSerializedFile(file.SerializeToString())
    make = getattr(message_factory, "GetMessageClass", None)
    if make is None:  # before protobuf 4.22
        make = message_factory.MessageFactory(pool).GetPrototype
    return {
        message.name: make(pool.FindMessageTypeByName(f"{file.package}.{message.name}"))
        for file in files
        for message in file.message_type
    }


class _Messages:
    """Each message class as an attribute."""

    def __init__(self) -> None:
        if not _FILE.exists():
            raise ImportError(f"{_FILE} is missing; the build makes it of proto/{PACKAGE}")
        self.__dict__.update(load(_FILE.read_bytes()))


messages: Any = _Messages()


def parse(kind: Any, data: bytes) -> Any:
    """The message of a class. DecodeError for bytes that are none; other errors by protobuf's
    versions, one of which takes what comes before the end of a group that has not begun."""
    message = kind()
    if message.MergeFromString(data) not in (None, len(data)):
        raise DecodeError("the end of a group that has not begun")
    return message


def method(name: str) -> str:
    """The path of a method of the service."""
    return f"/{PACKAGE}.GraphFeed/{name}"

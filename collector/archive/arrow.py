"""Hands columns over to DuckDB as buffers and not as Python objects: the Arrow C data interface, written by hand.

DuckDB asks an object for its ``__arrow_c_stream__`` and pulls one batch of columns after the other from it, so that a
segment of any size passes through with a batch in memory.  Needs no Arrow library.

Source: "The Arrow C data interface" and "The Arrow C stream interface" (Apache Arrow, format specification).
Invariant: what a structure points at lives until its ``release`` was called; each owns its own buffers and children.
"""

import ctypes
import errno
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Kind = Literal["text", "integer", "number"]
#: The specification's format strings; a text is a dictionary of UTF-8 texts with 32-bit indexes.
_FORMATS: Final[dict[Kind, bytes]] = {"text": b"i", "integer": b"l", "number": b"g"}
_NULLABLE: Final = 2


class Texts(NamedTuple):
    """A column of texts: ``codes`` (int32) point into ``values``; null where ``present`` is False (None: all are)."""

    values: Sequence[str]
    codes: NDArray[np.int32]
    present: NDArray[np.bool_] | None = None


class Numbers(NamedTuple):
    """A column of int64 or float64 numbers; where ``present`` (bool, or None: all) is False: null."""

    values: NDArray[np.int64] | NDArray[np.float64]
    present: NDArray[np.bool_] | None = None


ArrowColumn = Texts | Numbers


class _Schema(ctypes.Structure):
    pass


class _Array(ctypes.Structure):
    pass


class _Stream(ctypes.Structure):
    pass


_ReleaseSchema = ctypes.CFUNCTYPE(None, ctypes.POINTER(_Schema))
_ReleaseArray = ctypes.CFUNCTYPE(None, ctypes.POINTER(_Array))
_ReleaseStream = ctypes.CFUNCTYPE(None, ctypes.POINTER(_Stream))
_GetSchema = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(_Stream), ctypes.POINTER(_Schema))
_GetNext = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(_Stream), ctypes.POINTER(_Array))
# The address itself: a c_char_p result would be freed with the Python object that it came from.
_GetLastError = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.POINTER(_Stream))

_Schema._fields_ = [
    ("format", ctypes.c_char_p),
    ("name", ctypes.c_char_p),
    ("metadata", ctypes.c_char_p),
    ("flags", ctypes.c_int64),
    ("n_children", ctypes.c_int64),
    ("children", ctypes.POINTER(ctypes.POINTER(_Schema))),
    ("dictionary", ctypes.POINTER(_Schema)),
    ("release", _ReleaseSchema),
    ("private_data", ctypes.c_void_p),
]
_Array._fields_ = [
    ("length", ctypes.c_int64),
    ("null_count", ctypes.c_int64),
    ("offset", ctypes.c_int64),
    ("n_buffers", ctypes.c_int64),
    ("n_children", ctypes.c_int64),
    ("buffers", ctypes.POINTER(ctypes.c_void_p)),
    ("children", ctypes.POINTER(ctypes.POINTER(_Array))),
    ("dictionary", ctypes.POINTER(_Array)),
    ("release", _ReleaseArray),
    ("private_data", ctypes.c_void_p),
]
_Stream._fields_ = [
    ("get_schema", _GetSchema),
    ("get_next", _GetNext),
    ("get_last_error", _GetLastError),
    ("release", _ReleaseStream),
    ("private_data", ctypes.c_void_p),
]

#: What structures that were handed over point at, until they are released.
_held: Final[dict[int, Any]] = {}
_next_hold = iter(range(1, 1 << 62))


def _hold(owned: Any) -> int:
    key = next(_next_hold)
    _held[key] = owned
    return key


def _release(pointer: Any) -> None:
    """Release a schema or an array: its children and dictionary, unless somebody moved them, then what it owns."""
    structure = pointer.contents
    for place in range(structure.n_children):
        _release_inner(structure.children[place])
    if structure.dictionary:
        _release_inner(structure.dictionary)
    _held.pop(structure.private_data or 0, None)
    structure.release = type(structure.release)()


def _release_inner(pointer: Any) -> None:
    if pointer.contents.release:
        pointer.contents.release(pointer)


_release_schema = _ReleaseSchema(_release)
_release_array = _ReleaseArray(_release)


def _fill_schema(out: Any, name: str, kind: bytes, children: Sequence[Any] = (), dictionary: Any = None) -> None:
    pointers = (ctypes.POINTER(_Schema) * len(children))(*map(ctypes.pointer, children))
    label = name.encode()
    out.format, out.name, out.metadata, out.flags = kind, label, None, _NULLABLE
    out.n_children, out.children = len(children), pointers
    out.dictionary = ctypes.pointer(dictionary) if dictionary is not None else None
    out.release = _release_schema
    out.private_data = _hold((kind, label, pointers, children, dictionary))


def _fill_array(
    out: Any,
    length: int,
    buffers: Sequence[Any],
    *,
    nulls: int = 0,
    children: Sequence[Any] = (),
    dictionary: Any = None,
) -> None:
    """Point an array at its buffers: numpy arrays, bytes, or None."""
    kept = [np.frombuffer(each, np.uint8) if isinstance(each, bytes) else each for each in buffers]
    addresses = (ctypes.c_void_p * len(kept))(*(None if each is None else each.ctypes.data for each in kept))
    pointers = (ctypes.POINTER(_Array) * len(children))(*map(ctypes.pointer, children))
    out.length, out.null_count, out.offset = length, nulls, 0
    out.n_buffers, out.buffers = len(kept), addresses
    out.n_children, out.children = len(children), pointers
    out.dictionary = ctypes.pointer(dictionary) if dictionary is not None else None
    out.release = _release_array
    out.private_data = _hold((kept, addresses, pointers, children, dictionary))


def _schema_of(name: str, kind: Kind) -> _Schema:
    schema, dictionary = _Schema(), None
    if kind == "text":
        dictionary = _Schema()
        _fill_schema(dictionary, "", b"u")
    _fill_schema(schema, name, _FORMATS[kind], dictionary=dictionary)
    return schema


def _array_of(column: ArrowColumn, n: int) -> _Array:
    array, dictionary = _Array(), None
    bitmap, nulls = None, 0
    if column.present is not None:
        bitmap = np.packbits(column.present, bitorder="little")
        nulls = n - int(np.count_nonzero(column.present))
    if isinstance(column, Texts):
        dictionary = _dictionary(column.values)
        values: Any = np.ascontiguousarray(column.codes, np.int32)
    else:
        values = np.ascontiguousarray(column.values)
    _fill_array(array, n, [bitmap, values], nulls=nulls, dictionary=dictionary)
    return array


def _dictionary(values: Sequence[str]) -> _Array:
    joined = "".join(values)
    if joined.isascii():
        data, lengths = joined.encode(), np.fromiter(map(len, values), np.int64, len(values))
    else:
        encoded = [value.encode() for value in values]
        data, lengths = b"".join(encoded), np.fromiter(map(len, encoded), np.int64, len(encoded))
    offsets = np.zeros(len(values) + 1, np.int32)
    offsets[1:] = np.cumsum(lengths)
    array = _Array()
    _fill_array(array, len(values), [None, offsets, data or b"\0"])
    return array


class ArrowStream:
    """Batches of columns as DuckDB reads them, each once.

    ``schema`` names the columns and their kinds; each batch is (rows, columns in that order).  ``error`` is what the
    iterator raised, for whoever runs the query: DuckDB only hears that there was one.
    """

    def __init__(
        self, schema: Sequence[tuple[str, Kind]], batches: Iterator[tuple[int, Sequence[ArrowColumn]]]
    ) -> None:
        self._schema = schema
        self._batches = batches
        self._last_error = ctypes.create_string_buffer(b"")
        self.error: BaseException | None = None
        self._stream = _Stream(
            _GetSchema(self._guarded(self._get_schema)),
            _GetNext(self._guarded(self._get_next)),
            _GetLastError(lambda _: ctypes.addressof(self._last_error)),
            _ReleaseStream(self._release),
            None,
        )

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Return the capsule of the Arrow PyCapsule protocol."""
        new = ctypes.pythonapi.PyCapsule_New
        new.restype, new.argtypes = ctypes.py_object, (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)
        return new(ctypes.addressof(self._stream), b"arrow_array_stream", None)

    def _guarded(self, fill: Callable[[Any], None]) -> Callable[[Any, Any], int]:
        def call(_: Any, out: Any) -> int:
            try:
                fill(out.contents)
            except BaseException as error:  # noqa: BLE001  # nothing can be raised through C; it is raised by the caller
                self.error = error
                self._last_error = ctypes.create_string_buffer(repr(error).encode())
                return errno.EIO
            return 0

        return call

    def _get_schema(self, out: Any) -> None:
        _fill_schema(out, "", b"+s", [_schema_of(name, kind) for name, kind in self._schema])

    def _get_next(self, out: Any) -> None:
        found = next(self._batches, None)
        if found is None:
            out.release = _ReleaseArray()  # the end of the stream is a released array
            return
        n, columns = found
        _fill_array(out, n, [None], children=[_array_of(column, n) for column in columns])

    def _release(self, pointer: Any) -> None:
        pointer.contents.release = _ReleaseStream()

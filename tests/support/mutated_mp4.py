"""MP4 files damaged by someone who knows what an MP4 is: box by box, field by field, bit by bit.

The same generator of chance gives the same damage, so a seed is all that a finding needs.

Source: ISO/IEC 14496-12, 4.2 (boxes) and 8 (what is in them).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from random import Random

_FOLDERS = frozenset(
    {b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts", b"dinf", b"moof", b"traf", b"mvex"}
)
# Boxes that hold fields before their inner boxes, and how many bytes of them.
_HEADED = {b"stsd": 8, b"avc1": 78, b"hvc1": 78, b"hev1": 78, b"vp09": 78, b"mp4a": 28}
_FIELDS = (
    b"stts", b"stsc", b"stsz", b"ctts", b"elst", b"mvhd", b"tkhd", b"mdhd", b"stco", b"co64",
    b"stss", b"hdlr", b"trun", b"tfhd", b"tfdt", b"trex", b"mehd", b"sidx", b"avcC", b"hvcC",
    b"esds", b"pasp", b"colr", b"avc1", b"mp4a", b"stsd", b"sgpd", b"sbgp",
)  # fmt: skip
_KINDS = (
    *_FIELDS,
    *_FOLDERS,
    b"mdat",
    b"free",
    b"udta",
    b"meta",
    b"uuid",
    b"\0\0\0\0",
    b"\xff" * 4,
)
_NUMBERS = (
    0, 1, 2, 3, 4, 7, 8, 15, 16, 255, 256, 1000, 65535, 65536, 90_000, 1_000_000,
    2**24, 2**31 - 1, 2**31, 2**31 + 1, 2**32 - 2, 2**32 - 1,
)  # fmt: skip


@dataclass
class Box:
    """One box.

    Attributes:
        kind: Its four letters.
        body: Its fields, before its inner boxes.
        inner: Boxes in it.
        claimed: The size that it says it has; None for the true one.
    """

    kind: bytes
    body: bytearray
    inner: list[Box] = field(default_factory=list)
    claimed: int | None = None

    def dump(self) -> bytes:
        """As it stands in a file."""
        content = bytes(self.body) + b"".join(box.dump() for box in self.inner)
        size = len(content) + 8 if self.claimed is None else self.claimed
        return (size & 0xFFFFFFFF).to_bytes(4, "big") + self.kind + content

    def all(self) -> Iterator[Box]:
        """This box and every one in it."""
        yield self
        for box in self.inner:
            yield from box.all()


def read_boxes(content: bytes) -> list[Box]:
    """The boxes of a file, or of a body, that is whole."""
    boxes, at = [], 0
    while at + 8 <= len(content):
        size, kind = int.from_bytes(content[at : at + 4], "big"), content[at + 4 : at + 8]
        if size < 8 or at + size > len(content):
            break
        body = content[at + 8 : at + size]
        headed = _HEADED.get(kind)
        if kind in _FOLDERS:
            boxes.append(Box(kind, bytearray(), read_boxes(body)))
        elif headed is not None:
            boxes.append(Box(kind, bytearray(body[:headed]), read_boxes(body[headed:])))
        else:
            boxes.append(Box(kind, bytearray(body)))
        at += size
    return boxes


def mutated(chance: Random, seeds: Sequence[bytes]) -> bytes:
    """One damaged file, made of one or two whole ones.

    Args:
        chance: Decides everything.
        seeds: Whole files.
    """
    content = chance.choice(seeds)
    if chance.random() < 0.8:
        boxes = read_boxes(content)
        for _ in range(1 + _few(chance)):
            chance.choice(_TREE)(chance, boxes, seeds)
        content = b"".join(box.dump() for box in boxes)
    if chance.random() < 0.4 or content in seeds:
        for _ in range(1 + _few(chance)):
            content = chance.choice(_BYTES)(chance, content)
    return content


def _few(chance: Random) -> int:
    """0 mostly, seldom many."""
    return min(6, int(chance.expovariate(1.2)))


def _draw(chance: Random, boxes: list[Box], kinds: Sequence[bytes] = ()) -> Box | None:
    found = [box for top in boxes for box in top.all() if not kinds or box.kind in kinds]
    return chance.choice(found) if found else None


def _number(chance: Random) -> int:
    if chance.random() < 0.3:
        return chance.getrandbits(32)
    return chance.choice(_NUMBERS)


# On the tree: sizes of what lies around stay true


def _field(chance: Random, boxes: list[Box], seeds: Sequence[bytes]) -> None:
    """A number in a table or a header becomes another one."""
    kind = chance.choice(_FIELDS)  # rare boxes as often as common ones
    box = _draw(chance, boxes, (kind,)) or _draw(chance, boxes, _FIELDS)
    if box is None or len(box.body) < 4:
        return
    near = min(len(box.body), 32) if chance.random() < 0.6 else len(box.body)
    width = chance.choice((1, 2, 4, 4, 4, 4, 8))
    at = chance.randrange(0, max(1, near - width + 1))
    at -= at % width if chance.random() < 0.8 else 0
    value = _number(chance) if width < 8 else _number(chance) << 32 | _number(chance)
    if chance.random() < 0.3:
        value = int.from_bytes(box.body[at : at + width], "big") + chance.choice((-1, 1, 2, 1000))
    box.body[at : at + width] = (value & ((1 << (8 * width)) - 1)).to_bytes(width, "big")


def _every_entry(chance: Random, boxes: list[Box], seeds: Sequence[bytes]) -> None:
    """All entries of a table become one number, or grow by one factor."""
    box = _draw(chance, boxes, (b"stts", b"ctts", b"stsz", b"stco", b"elst", b"trun", b"stsc"))
    if box is None:
        return
    value, factor = _number(chance), chance.choice((0, 2, 1000, 2**20))
    keep = chance.random() < 0.5
    for at in range(8, len(box.body) - 3, 4):
        old = int.from_bytes(box.body[at : at + 4], "big")
        new = old * factor if keep else value
        box.body[at : at + 4] = (new & 0xFFFFFFFF).to_bytes(4, "big")


def _size(chance: Random, boxes: list[Box], seeds: Sequence[bytes]) -> None:
    box = _draw(chance, boxes)
    if box is not None:
        true = len(box.dump())
        box.claimed = chance.choice((true - 1, true + 1, true + 8, true * 2, _number(chance)))


def _kind(chance: Random, boxes: list[Box], seeds: Sequence[bytes]) -> None:
    box = _draw(chance, boxes)
    if box is not None:
        box.kind = chance.choice(_KINDS)


def _folder_of(chance: Random, boxes: list[Box]) -> list[Box]:
    folders = [boxes, *(box.inner for top in boxes for box in top.all() if box.inner)]
    return chance.choice(folders)


def _doubled(chance: Random, boxes: list[Box], seeds: Sequence[bytes]) -> None:
    folder = _folder_of(chance, boxes)
    if 0 < len(folder) < 100:
        box = copy.deepcopy(chance.choice(folder))
        times = chance.choice((1, 1, 1, 5, 40))
        at = chance.randrange(len(folder) + 1)
        folder[at:at] = [copy.deepcopy(box) for _ in range(times)]


def _dropped(chance: Random, boxes: list[Box], seeds: Sequence[bytes]) -> None:
    folder = _folder_of(chance, boxes)
    if folder:
        folder.pop(chance.randrange(len(folder)))


def _swapped(chance: Random, boxes: list[Box], seeds: Sequence[bytes]) -> None:
    folder = _folder_of(chance, boxes)
    chance.shuffle(folder)


def _grafted(chance: Random, boxes: list[Box], seeds: Sequence[bytes]) -> None:
    """A box takes the place of one of its kind in another file, or of any other."""
    other = _draw(chance, read_boxes(chance.choice(seeds)))
    if other is None:
        return
    box = _draw(chance, boxes, (other.kind,) if chance.random() < 0.8 else ())
    if box is not None:
        box.kind, box.body, box.inner = other.kind, other.body, other.inner


def _nested(chance: Random, boxes: list[Box], seeds: Sequence[bytes]) -> None:
    """A box holds itself, several times over."""
    box = _draw(chance, boxes, tuple(_FOLDERS))
    if box is not None:
        for _ in range(chance.choice((1, 3, 12, 60))):
            box.inner = [Box(box.kind, bytearray(), box.inner)]


def _cut_body(chance: Random, boxes: list[Box], seeds: Sequence[bytes]) -> None:
    box = _draw(chance, boxes)
    if box is not None and box.body:
        del box.body[chance.randrange(len(box.body)) :]


def _grown_body(chance: Random, boxes: list[Box], seeds: Sequence[bytes]) -> None:
    box = _draw(chance, boxes, _FIELDS)
    if box is not None:
        box.body += chance.randbytes(chance.choice((1, 4, 8, 500)))


_Tree = Callable[[Random, "list[Box]", Sequence[bytes]], None]
_TREE: tuple[_Tree, ...] = (
    _field, _field, _field, _field, _field, _field, _every_entry, _every_entry, _size, _kind,
    _doubled, _dropped, _swapped, _grafted, _grafted, _nested, _cut_body, _grown_body,
)  # fmt: skip


# On the bytes


def _flipped(chance: Random, content: bytes) -> bytes:
    changed = bytearray(content)
    for _ in range(chance.choice((1, 1, 4, 30, 300))):
        if changed:
            changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _cut(chance: Random, content: bytes) -> bytes:
    return content[: chance.randrange(len(content) + 1)]


def _spliced(chance: Random, content: bytes) -> bytes:
    """A piece of the file is laid over another one."""
    length = min(len(content), chance.choice((4, 64, 1024, 20_000)))
    source = chance.randrange(len(content) - length + 1)
    target = chance.randrange(len(content) - length + 1)
    piece = content[source : source + length]
    return content[:target] + piece + content[target + length :]


def _blanked(chance: Random, content: bytes) -> bytes:
    length = chance.choice((4, 64, 1024, 8192))
    at = chance.randrange(len(content) + 1)
    piece = bytes(length) if chance.random() < 0.5 else chance.randbytes(length)
    return content[:at] + piece + content[at + length :]


def _inserted(chance: Random, content: bytes) -> bytes:
    at = chance.randrange(len(content) + 1)
    return content[:at] + chance.randbytes(chance.choice((1, 8, 700))) + content[at:]


_BYTES: tuple[Callable[[Random, bytes], bytes], ...] = (
    _flipped, _flipped, _cut, _spliced, _blanked, _inserted,
)  # fmt: skip

"""Opening a tree of many branches when few are wanted.

Of some 1,400 branches a measurement reads 25, and building uproot's models of all of them takes longer than reading
those. Here the others are passed over by the number of bytes that ROOT writes before each object; only their names are
kept. This uses what uproot offers for such cases, classes of one's own for a file, and changes nothing that is read.
"""

import re
import struct
from collections.abc import Collection
from typing import Any

from skimflow.io.light import uproot

const = uproot.const
# A class is named where an object of it comes first; later objects refer to that place, also from outside.
_NEW_CLASS = re.compile(rb"\xff\xff\xff\xff(TLeaf\w+)\x00")
_TAGS = struct.Struct(">II")  # before an object: its number of bytes, and its class
_SIZE = struct.Struct(">ii")
_BRANCH = b"TBranch\x00"
_NAME = 6 + 6 + 10
_REFERENCED = 1 << 4


def events(file: Any, wanted: Collection[str]) -> tuple[Any, frozenset[str]]:
    """The TTree `Events` with the wanted branches (perhaps a few others), and the names of all its branches.

    Args:
        file: directory that `uproot.open` returns.
    """
    skipped: list[str] = []
    file.file.custom_classes = {**uproot.classes, "TObjArray": _array(wanted, skipped)}
    try:
        tree = file["Events"]
        if all(map(_whole, tree.branches)):
            return tree, frozenset([*skipped, *tree.keys(recursive=False)])
    except (uproot.deserialization.DeserializationError, KeyError):
        pass  # read it as uproot does, which raises the error if the file is damaged
    finally:
        file.file.custom_classes = None
    tree = file["Events"]
    return tree, frozenset(tree.keys(recursive=False))


def _array(wanted: Collection[str], skipped: list[str]) -> type:
    """A model of TObjArray that has no place for branches that are not wanted; their names go to `skipped`."""

    class Model_TObjArray(uproot.models.TObjArray.Model_TObjArray):  # noqa: N801 (uproot wants this name)
        def read_members(self, chunk: Any, cursor: Any, context: Any, file: Any) -> None:
            options = (context, file, self._file, self._parent)
            self._bases.append(uproot.models.TObject.Model_TObject.read(chunk, cursor, *options))
            self._members["fName"] = cursor.string(chunk, context)
            self._members["fSize"], self._members["fLowerBound"] = cursor.fields(chunk, _SIZE, context)
            self._data = []
            for _ in range(self._members["fSize"]):
                name = _pass_over(chunk, cursor, context, wanted)
                if name is not None:
                    skipped.append(name)
                elif (item := uproot.deserialization.read_object_any(chunk, cursor, *options)) is not None:
                    self._data.append(item)

    return Model_TObjArray


def _pass_over(chunk: Any, cursor: Any, context: Any, wanted: Collection[str]) -> str | None:
    """If a branch comes next that is not wanted, go behind it and say its name."""
    start, place = cursor.index, cursor.displacement() + const.kMapOffset
    size, tag = cursor.fields(chunk, _TAGS, context, move=False)
    begin, new = start + _TAGS.size, tag == const.kNewClassTag
    if new:
        begin += len(_BRANCH)
        known = chunk.get(begin - len(_BRANCH), begin, cursor, context).tobytes() == _BRANCH
    else:
        known = cursor.refs.get(tag & ~const.kClassMask) is uproot.classes["TBranch"]
    if not known or not size & const.kByteCountMask:
        return None
    stop = start + 4 + (size & ~const.kByteCountMask)
    content = chunk.get(begin, stop, cursor, context).tobytes()
    name = _name(content)
    if name is None or name in wanted:
        return None
    if new:
        cursor.refs[place + 4] = uproot.classes["TBranch"]
    for found in _NEW_CLASS.finditer(content):
        cursor.refs[place + begin - start + found.start()] = uproot.classes[found[1].decode()]
    cursor.move_to(stop)
    return name


def _name(content: bytes) -> str | None:
    """Name of a branch from its bytes: after the headers of TBranch and TNamed, and a TObject. None if it is unusual
    (longer than 254 bytes, or referred to from elsewhere)."""
    if len(content) <= _NAME or content[_NAME] == 0xFF or int.from_bytes(content[_NAME - 4 : _NAME]) & _REFERENCED:
        return None
    return content[_NAME + 1 : _NAME + 1 + content[_NAME]].decode()


def _whole(branch: Any) -> bool:
    """Whether a branch kept what it shares with others: its leaf, and the leaf that counts the values of an entry."""
    leaves = branch.member("fLeaves")
    if len(leaves) != 1:
        return False
    counted = leaves[0].member("fLeafCount") is not None
    return counted == (branch.member("fEntryOffsetLen") > 0)

"""Opening a tree of many branches when few are wanted.

Of some 1,400 branches a measurement reads 25, and building uproot's models of all of them takes longer than reading
those. Here the others are passed over by the number of bytes that ROOT writes before each object; only their names are
kept. This uses what uproot offers for such cases, classes of one's own for a file, and changes nothing that is read.
"""

import re
from collections.abc import Collection
from typing import Any

import uproot
from uproot.deserialization import DeserializationError, numbytes_version

# A class is named where an object of it comes first; later objects refer to that place, also from outside.
_NEW_CLASS = re.compile(rb"\xff\xff\xff\xff(TLeaf\w+)\x00")
_NAME = 6 + 6 + 10
_REFERENCED = 1 << 4


def events(file: Any, wanted: Collection[str]) -> tuple[Any, frozenset[str]]:
    """The TTree `Events` with the wanted branches (perhaps a few others), and the names of all its branches.

    Args:
        file: directory that `uproot.open` returns.
    """
    skipped: list[str] = []
    file.file.custom_classes = {**uproot.classes, "TObjArray": Model_TObjArray, "TBranch": _skipping(wanted, skipped)}
    try:
        tree = file["Events"]
        if all(map(_whole, tree.branches)):
            return tree, frozenset([*skipped, *tree.keys(recursive=False)])
    except DeserializationError:
        pass  # read it as uproot does, which raises the error if the file is damaged
    finally:
        file.file.custom_classes = None
    tree = file["Events"]
    return tree, frozenset(tree.keys(recursive=False))


class Model_TObjArray(uproot.models.TObjArray.Model_TObjArray):  # noqa: N801
    """An array without the places of what was passed over. (uproot wants the name of the class to be like this.)"""

    def read_members(self, chunk: Any, cursor: Any, context: Any, file: Any) -> None:
        super().read_members(chunk, cursor, context, file)
        self._data = [item for item in self._data if item is not None]


def _skipping(wanted: Collection[str], skipped: list[str]) -> type:
    """A model of TBranch that reads wanted branches, and of others appends the name to `skipped`."""
    model = uproot.classes["TBranch"]

    class Branch(model):
        @classmethod
        def read(cls, chunk: Any, cursor: Any, context: Any, *rest: Any, **options: Any) -> Any:
            size, _, _ = numbytes_version(chunk, cursor, context, move=False)
            content = cursor.copy().bytes(chunk, size or 0, context).tobytes()
            name = _name(content)
            if name is None or name in wanted:
                return model.read(chunk, cursor, context, *rest, **options)
            skipped.append(name)
            for found in _NEW_CLASS.finditer(content):
                place = cursor.displacement() + found.start() + uproot.const.kMapOffset
                cursor.refs[place] = rest[0].class_named(found[1].decode())
            cursor.skip(size)
            return None

    return Branch


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

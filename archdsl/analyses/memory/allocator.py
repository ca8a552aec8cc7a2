"""PyTorch's caching allocator for CUDA, as a model: what it takes from the driver while tensors come and go.

The rules are those of `c10/cuda/CUDACachingAllocator.cpp` with its defaults. Requests are rounded up to 512 bytes. Those of up
to 1 MiB share segments of 2 MiB, those below 10 MiB segments of 20 MiB, and larger ones have segments of their own. The
smallest free piece that fits is taken, and split where enough remains, else it counts as allocated whole; neighbours that are
free are joined; segments stay. With `expandable_segments` each pool is one segment that grows by pages, and every piece is
split. It knows no streams and no retries after a failure.
"""

from __future__ import annotations

from bisect import bisect_left, insort

KIB, MIB = 2**10, 2**20
ROUND = 512
SMALL = MIB
"""Requests of up to so many bytes are in the pool of small ones, whose blocks are always split."""
SMALL_SEGMENT = 2 * MIB
LARGE_SEGMENT = 20 * MIB
OWN_SEGMENT = 10 * MIB
"""From here on a request has a segment of its own, a multiple of 2 MiB."""


class Piece:
    """A part of a segment, in use or free."""

    __slots__ = ("address", "is_free", "is_small", "left", "right", "size")

    def __init__(self, address: int, size: int, *, is_small: bool, is_free: bool = False) -> None:
        self.address = address
        self.size = size
        self.is_small = is_small
        """Of the pool of small requests."""
        self.is_free = is_free
        self.left: Piece | None = None
        self.right: Piece | None = None


class Allocator:
    """One device. Numbers are bytes."""

    def __init__(self, *, expandable: bool = False) -> None:
        self.reserved = 0
        """Taken from the driver, which is never given back."""
        self.allocated = 0
        """In pieces that are in use."""
        self.most_allocated = 0
        self._expandable = expandable
        self._free: dict[bool, list[tuple[int, int, Piece]]] = {True: [], False: []}
        """By pool, whether it is that of small requests: sizes and addresses of free pieces, sorted, each with the piece."""
        self._last: dict[bool, Piece] = {}
        """By pool, the end of the segment that grows."""

    def allocate(self, bytes: int) -> Piece | None:
        """The place of a new tensor. One without elements takes nothing."""
        if not bytes:
            return None
        size = -(-bytes // ROUND) * ROUND
        is_small = size <= SMALL
        free = self._free[is_small]
        place = bisect_left(free, (size,))
        piece = free.pop(place)[2] if place < len(free) else self._more(size, is_small)
        piece.is_free = False
        rest = piece.size - size
        if rest >= ROUND if is_small or self._expandable else rest > SMALL:
            self._split(piece, size)
        self.allocated += piece.size
        if self.allocated > self.most_allocated:
            self.most_allocated = self.allocated
        return piece

    def free(self, piece: Piece | None) -> None:
        """Gives back the place of a tensor."""
        if piece is None:
            return
        free = self._free[piece.is_small]
        self.allocated -= piece.size
        left, right = piece.left, piece.right
        if right is not None and right.is_free:
            del free[bisect_left(free, (right.size, right.address))]
            self._join(piece, right)
        if left is not None and left.is_free:
            del free[bisect_left(free, (left.size, left.address))]
            self._join(left, piece)
            piece = left
        piece.is_free = True
        insort(free, (piece.size, piece.address, piece))

    def _more(self, size: int, is_small: bool) -> Piece:
        """A piece of new memory, with what is free before it where that is the same segment."""
        if not self._expandable:
            own = -(-size // SMALL_SEGMENT) * SMALL_SEGMENT
            return self._segment(SMALL_SEGMENT if is_small else LARGE_SEGMENT if size < OWN_SEGMENT else own, is_small)
        page = SMALL_SEGMENT if is_small else LARGE_SEGMENT
        last = self._last.get(is_small)
        if last is None or not last.is_free:
            new = self._segment(-(-size // page) * page, is_small)
            if last is not None:
                last.right, new.left = new, last
            self._last[is_small] = new
            return new
        free = self._free[is_small]
        del free[bisect_left(free, (last.size, last.address))]
        grown = -(-(size - last.size) // page) * page
        self.reserved += grown
        last.size += grown
        return last

    def _segment(self, bytes: int, is_small: bool) -> Piece:
        """New memory. Pools that grow are far from each other, so that addresses within one follow on."""
        end = self._last.get(is_small)
        address = self.reserved if not self._expandable else end.address + end.size if end else is_small << 60
        self.reserved += bytes
        return Piece(address, bytes, is_small=is_small)

    def _split(self, piece: Piece, size: int) -> None:
        rest = Piece(piece.address + size, piece.size - size, is_small=piece.is_small, is_free=True)
        rest.left, rest.right = piece, piece.right
        if piece.right is not None:
            piece.right.left = rest
        elif self._expandable:
            self._last[piece.is_small] = rest
        piece.right, piece.size = rest, size
        insort(self._free[piece.is_small], (rest.size, rest.address, rest))

    def _join(self, first: Piece, second: Piece) -> None:
        """Makes one piece of two neighbours: the first."""
        first.size += second.size
        first.right = second.right
        if second.right is not None:
            second.right.left = first
        elif self._expandable:
            self._last[first.is_small] = first

"""PyTorch's caching allocator for CUDA, as a model: what it takes from the driver while tensors come and go.

The rules are those of `c10/cuda/CUDACachingAllocator.cpp` with its defaults. Requests are rounded up to 512 bytes. Those of up
to 1 MiB share segments of 2 MiB, those below 10 MiB segments of 20 MiB, and larger ones have segments of their own. The
smallest free piece that fits is taken, and split where enough remains, else it counts as allocated whole; neighbours that are
free are joined; segments stay. With `expandable_segments` each pool is one segment that grows by pages, and every piece is
split. It knows no streams and no retries after a failure.

Inside, sizes and addresses are counted in rounds of 512 bytes, and a free piece of memory is one number: its size, and in the
low bits its address. So pieces sort by size, and of one size by address.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Sequence

KIB, MIB = 2**10, 2**20
STEPS = 2
"""So many are played."""
ROUND = 512
SMALL = MIB // ROUND
"""Requests up to it are in the pool of small ones, whose pieces are always split."""
SMALL_SEGMENT = 2 * MIB // ROUND
LARGE_SEGMENT = 20 * MIB // ROUND
OWN_SEGMENT = 10 * MIB // ROUND
"""From here on a request has a segment of its own, a multiple of 2 MiB."""
BITS = 36
"""Of an address, at least: up to 32 TiB."""


class Pool:
    """The memory for small requests, or for large ones."""

    __slots__ = ("bits", "end", "free", "is_expandable", "kept_whole", "other_ends", "reserved", "segment")

    def __init__(self, segment: int, bits: int, *, is_expandable: bool) -> None:
        self.segment = segment
        self.bits = bits
        self.is_expandable = is_expandable
        self.kept_whole = SMALL if segment == LARGE_SEGMENT and not is_expandable else 0
        """So much is not split off."""
        self.reserved = self.end = 0
        self.free: list[int] = []
        """The free pieces, sorted."""
        self.other_ends: dict[int, int] = {}
        """Of each free piece: by the address where it begins the one where it ends, and the other way round."""

    def grow(self, size: int) -> tuple[int, int]:
        """Where a piece of new memory is and its size, with what is free before it where that is the same segment."""
        page = self.segment if size < OWN_SEGMENT or self.is_expandable else SMALL_SEGMENT
        start = self.end
        if self.is_expandable and start in self.other_ends:
            start = self.other_ends[start]
            self.free.remove(self.end - start << self.bits | start)
            del self.other_ends[start], self.other_ends[self.end]
        missing = size - (self.end - start)
        grown = -(-missing // page) * page
        self.reserved += grown
        self.end += grown
        whole = self.end - start
        self.end += not self.is_expandable  # segments are no neighbours
        return start, whole


class Allocator:
    """One device, and tensors of given bytes, which are known by their numbers.

    Where more than a limit is reserved it stops.
    """

    def __init__(self, tensors: Iterable[int], *, expandable: bool = False, limit: int | None = None) -> None:
        self._limit = limit
        self._sizes = [-(-bytes // ROUND) for bytes in tensors]
        self._starts = [0] * len(self._sizes)
        self._wholes = self._sizes[:]
        self._allocated = self._most_allocated = 0
        # Even if each step made each of them in a segment of its own.
        most = STEPS * (sum(self._sizes) + len(self._sizes) * (LARGE_SEGMENT + 1))
        bits = max(BITS, most.bit_length())
        self._small = Pool(SMALL_SEGMENT, bits, is_expandable=expandable)
        self._large = Pool(LARGE_SEGMENT, bits, is_expandable=expandable)

    @property
    def reserved(self) -> int:
        """Bytes taken from the driver, which are never given back."""
        return (self._small.reserved + self._large.reserved) * ROUND

    @property
    def allocated(self) -> int:
        """Bytes in pieces that are in use."""
        return self._allocated * ROUND

    @property
    def most_allocated(self) -> int:
        return self._most_allocated * ROUND

    def play(self, events: Sequence[int]) -> None:
        """Makes tensors and frees them, these by the complements of their numbers. Each has some elements.

        All is in one loop, since whoever looks for a batch plays many thousand events.
        """
        sizes, starts, wholes = self._sizes, self._starts, self._wholes
        small, large = ((p, p.free, p.other_ends, p.kept_whole) for p in (self._small, self._large))
        bits = self._small.bits
        addresses = 2**bits - 1
        allocated, most = self._allocated, self._most_allocated
        for event in events:
            if event < 0:
                start, size = starts[~event], wholes[~event]
                _, free, other_ends, _ = small if size <= SMALL else large
                end = start + size
                allocated -= size
                if start in other_ends:
                    before = other_ends.pop(start)
                    del free[bisect_left(free, start - before << bits | before)]
                    start = before
                if end in other_ends:
                    after = other_ends.pop(end)
                    del free[bisect_left(free, after - end << bits | end)]
                    end = after
                other_ends[start], other_ends[end] = end, start
                insort(free, end - start << bits | start)
                continue
            size = sizes[event]
            pool, free, other_ends, kept_whole = small if size <= SMALL else large
            place = bisect_left(free, size << bits)
            if place < len(free):
                piece = free.pop(place)
                start, whole = piece & addresses, piece >> bits
                del other_ends[start], other_ends[start + whole]
            else:
                start, whole = pool.grow(size)
                if self._limit is not None and self.reserved > self._limit:
                    break
                place = len(free)
            if whole - size > kept_whole:
                middle, end = start + size, start + whole
                other_ends[middle], other_ends[end] = end, middle
                insort(free, end - middle << bits | middle, 0, place)
                whole = size
            starts[event], wholes[event] = start, whole
            allocated += whole
            if allocated > most:
                most = allocated
        self._allocated, self._most_allocated = allocated, most

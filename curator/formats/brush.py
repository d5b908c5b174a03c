"""Label Studio's brush strokes, out and in (the `rle-pack` format): a whole RGBA picture, packed bit by bit.

A head gives the number of words (32 bits), the size of a word (5 bits, less 1) and four sizes of run lengths (4 bits each,
less 1). Each run: a bit (repeat one word, or spell all out), which of the four sizes (2 bits), the length less 1, the word
or words. What was painted is the opaque part, and all eight bits of it are kept.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curator.formats.shapes import Canvas, paste_max
from db.errors import WinnowError
from db.settings import Limits

CHANNELS = 4
LENGTH_BITS = (3, 4, 8, 16)  # bits of a run's length, when we pack


@dataclass(frozen=True)
class Stroke:
    """A packed RGBA picture of the photo's size."""

    packed: bytes

    def onto(self, canvas: Canvas, limits: Limits) -> None:
        """Join the stroke's opacity to a canvas. Raises WinnowError where it is damaged, or of another size."""
        opacity = unpack(self.packed, canvas.size * CHANNELS)[CHANNELS - 1 :: CHANNELS]
        paste_max(canvas, opacity.reshape(canvas.shape), 0, 0)


def pack_mask(mask: Canvas) -> bytes:
    """A mask, uint8 (H, W), 0 to 255, as a packed picture whose four channels are all the mask."""
    return pack(np.repeat(mask.ravel(), CHANNELS))


def pack(values: NDArray[np.uint8]) -> bytes:
    """The values, uint8 (N,), as runs of one repeated word.

    >>> packed(np.array([7, 7, 7, 9], np.uint8)).hex()
    '0000000439237fc10703812000'
    """
    bits = [f"{values.size:032b}{8 - 1:05b}", *(f"{size - 1:04b}" for size in LENGTH_BITS)]
    edges = np.flatnonzero(values[1:] != values[:-1]) + 1
    starts = np.concatenate([[0], edges, [values.size]])
    for start, end in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True):
        while start < end:
            length = min(end - start, 1 << LENGTH_BITS[-1])
            which = next(number for number, size in enumerate(LENGTH_BITS) if length <= 1 << size)
            bits.append(f"1{which:02b}{length - 1:0{LENGTH_BITS[which]}b}{values[start]:08b}")
            start += length
    text = "".join(bits)
    return int(text.ljust((len(text) + 7) // 8 * 8, "0"), 2).to_bytes((len(text) + 7) // 8)


def unpack(data: bytes, count: int) -> NDArray[np.uint8]:
    """The `count` bytes that are packed. Raises WinnowError for what is cut off, of another size, or not of bytes."""
    bits = _Bits(data)
    declared, word = bits.read(32), bits.read(5) + 1
    if declared != count or word != 8:
        raise WinnowError(f"its brush mask has {declared:,} words of {word} bits; {count:,} of 8 belong to its size.")
    sizes = [bits.read(4) + 1 for _ in range(4)]
    out = np.zeros(count, np.uint8)
    done = 0
    while done < count:
        repeats, size = bits.read(1), sizes[bits.read(2)]
        end = done + bits.read(size) + 1
        if end > count:
            raise WinnowError("its brush mask runs over its end.")
        out[done:end] = bits.read(8) if repeats else bits.read_bytes(end - done)
        done = end
    return out


class _Bits:
    """Reads numbers of some bits, highest first."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 0

    def read(self, size: int) -> int:
        start, end = self.position, self.position + size
        if end > len(self.data) * 8:
            raise WinnowError("its brush mask is cut off.")
        self.position = end
        last = (end + 7) // 8
        return int.from_bytes(self.data[start // 8 : last]) >> (last * 8 - end) & ((1 << size) - 1)

    def read_bytes(self, count: int) -> NDArray[np.uint8]:
        """The next `count` bytes, wherever between two bytes they begin."""
        start, shift = divmod(self.position, 8)
        if self.position + count * 8 > len(self.data) * 8:
            raise WinnowError("its brush mask is cut off.")
        self.position += count * 8
        pairs = np.frombuffer(self.data[start : start + count + 1] + b"\0", np.uint8).astype(np.uint16)
        return ((pairs[:count] << 8 | pairs[1 : count + 1]) >> (8 - shift)).astype(np.uint8)

"""Encode and decode Label Studio's brush strokes (its rle-pack format): a whole RGBA picture as a stream of bits.

The header has the number of words (32 bits), the size of a word minus 1 (5 bits) and four sizes of run lengths, each minus 1
(4 bits each). A run has one bit (1: repeat one word; 0: all words follow), the number of its length's size (2 bits), its
length minus 1, and the word or words. The painted part is the alpha channel, and all eight bits of it are kept.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curator.formats.shapes import WORK_OF_A_RUN, Canvas, paste_max
from db.errors import WinnowError
from db.settings import Limits

CHANNELS = 4
LENGTH_BITS = (3, 4, 8, 16)  # bits of a run's length in what we write
MAX_RUNS = 2_000_000  # of one stroke; ten seconds


@dataclass(frozen=True)
class Stroke:
    """A packed RGBA picture of the photo's size."""

    packed: bytes

    def box(self) -> None:
        """None: it covers the whole photo."""

    def onto(self, canvas: Canvas, limits: Limits) -> int:
        """Draw the stroke's alpha channel onto a canvas; returns its work.

        Raises WinnowError if it is damaged, of another size, or has too many runs.
        """
        values, runs = unpack(self.packed, canvas.size * CHANNELS)
        paste_max(canvas, values[CHANNELS - 1 :: CHANNELS].reshape(canvas.shape), 0, 0)
        return int(canvas.size) + WORK_OF_A_RUN * runs


def pack_mask(mask: Canvas) -> bytes:
    """Pack a mask, uint8 (H, W), 0 to 255, as a picture with the mask in all four channels."""
    return pack(np.repeat(mask.ravel(), CHANNELS))


def pack(values: NDArray[np.uint8]) -> bytes:
    """Pack values, uint8 (N,), N >= 1, as runs of one repeated word each.

    >>> pack(np.array([7, 7, 7, 9], np.uint8)).hex()
    '00000004391bfc40f00480'
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


def unpack(data: bytes, count: int) -> tuple[NDArray[np.uint8], int]:
    """The packed values, uint8 (count,), and in how many runs they came.

    Raises WinnowError if they are cut off, of another count, not 8 bits each, or more than MAX_RUNS runs.
    """
    bits = _Bits(data)
    declared, word = bits.read(32), bits.read(5) + 1
    if declared != count or word != 8:
        raise WinnowError(f"its brush mask has {declared:,} words of {word} bits; its size needs {count:,} words of 8.")
    sizes = [bits.read(4) + 1 for _ in range(4)]
    out = np.zeros(count, np.uint8)
    done = runs = 0
    while done < count:
        runs += 1
        if runs > MAX_RUNS:
            raise WinnowError(f"its brush mask has more than {MAX_RUNS:,} runs.")
        repeats, size = bits.read(1), sizes[bits.read(2)]
        end = done + bits.read(size) + 1
        if end > count:
            raise WinnowError("its brush mask is longer than its size.")
        out[done:end] = bits.read(8) if repeats else bits.read_bytes(end - done)
        done = end
    return out, runs


class _Bits:
    """Reads numbers of any number of bits, highest bit first."""

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
        """The next `count` bytes, which may start within a byte: uint8 (count,)."""
        start, shift = divmod(self.position, 8)
        if self.position + count * 8 > len(self.data) * 8:
            raise WinnowError("its brush mask is cut off.")
        self.position += count * 8
        pairs = np.frombuffer(self.data[start : start + count + 1] + b"\0", np.uint8).astype(np.uint16)
        return ((pairs[:count] << 8 | pairs[1 : count + 1]) >> (8 - shift)).astype(np.uint8)

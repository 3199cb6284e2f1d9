"""Counter-based random bits: each word is a function of a stream's key and its place in the stream.

No word depends on the one before it, so that the compiler can vectorise a loop over places. Philox-4x32 with 10 rounds
(Salmon et al. 2011, doi:10.1145/2063384.2063405), the default of its authors' library: a margin above the 7 rounds
with which they report that it passes BigCrush. The place is 64 of the 128 bits of its counter.
"""

import numpy as np

from nnet.random.compiled import compiled

LANES = 256
"""Places that are computed together."""
ROUNDS = 10
U32, U64 = np.uint32, np.uint64
MULTIPLIER_0, MULTIPLIER_1 = U64(0xD2511F53), U64(0xCD9E8D57)
KEY_STEP_0, KEY_STEP_1 = U32(0x9E3779B9), U32(0xBB67AE85)
WORD = U64(32)


@compiled
def philox(place, key):
    """Four words of 32 bits at one place (0 to 2⁶⁴ - 1) of the stream `key` (63 bits)."""
    a, b, c, d = U32(place), U32(U64(place) >> WORD), U32(0), U32(0)
    key_0, key_1 = U32(key), U32(key >> 32)
    for _ in range(ROUNDS):
        from_a, from_c = MULTIPLIER_0 * U64(a), MULTIPLIER_1 * U64(c)
        a, b, c, d = U32(from_c >> WORD) ^ b ^ key_0, U32(from_c), U32(from_a >> WORD) ^ d ^ key_1, U32(from_a)
        key_0, key_1 = U32(key_0 + KEY_STEP_0), U32(key_1 + KEY_STEP_1)
    return a, b, c, d


@compiled
def fill(words, place, key):
    """Write the words of `LANES` places from `place` (uint64) to `words`, uint32 4×LANES.

    A loop of its own, with few types: compilers for AVX2 do not vectorise a loop that also transforms the words.
    """
    for lane in range(LANES):
        words[0, lane], words[1, lane], words[2, lane], words[3, lane] = philox(place + U64(lane), key)

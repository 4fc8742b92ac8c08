// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity ^0.8.28;

/// How many segments of a transcoder were judged, and how many failed, in the last 30 rounds.  A
/// ring of 32 buckets, four to a word: round (32 bits), judged (20), failed (12).  A bucket of an
/// older round is taken over by the round that needs it, so nothing has to be cleared.
library Failures {
    uint256 internal constant ROUNDS = 30;
    uint256 private constant JUDGED_MAX = 0xfffff;
    uint256 private constant FAILED_MAX = 0xfff;

    struct Ring {
        uint256[8] words;
    }

    /// Counts stop at their largest value.
    function add(Ring storage ring, uint256 round, uint256 judged, uint256 failed) internal {
        uint256 slot = (round % 32) / 4;
        uint256 shift = (round % 4) * 64;
        uint256 word = ring.words[slot];
        uint256 bucket = uint64(word >> shift);
        if (bucket >> 32 == uint32(round)) {
            judged += (bucket >> 12) & JUDGED_MAX;
            failed += bucket & FAILED_MAX;
        }
        if (judged > JUDGED_MAX) judged = JUDGED_MAX;
        if (failed > FAILED_MAX) failed = FAILED_MAX;
        bucket = (uint256(uint32(round)) << 32) | (judged << 12) | failed;
        ring.words[slot] = (word & ~(uint256(type(uint64).max) << shift)) | (bucket << shift);
    }

    /// Over rounds round - 29 to round.
    function sum(Ring storage ring, uint256 round) internal view returns (uint256 judged, uint256 failed) {
        for (uint256 slot; slot < 8; slot++) {
            for (uint256 word = ring.words[slot]; word != 0; word >>= 64) {
                uint256 stamp = uint32(word >> 32);
                if (stamp > round || stamp + ROUNDS <= round) continue;
                judged += (word >> 12) & JUDGED_MAX;
                failed += word & FAILED_MAX;
            }
        }
    }
}

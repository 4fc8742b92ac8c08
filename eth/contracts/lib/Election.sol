// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity ^0.8.28;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// Who is elected: stake-weighted rendezvous hashing.  With u uniform in (0, 1] an address's
/// -log2(u) / stake is exponential with a rate in proportion to its stake, so the smallest of
/// them all falls to each in proportion to its stake, and the list stays so ordered for those that
/// are left.  Specified to the bit: every node must have the same list (protocol/election.c,
/// test/vectors/election.json).
library Election {
    /// A candidate's draw.  seed: hash of the block after the job's.
    function draw(bytes32 seed, uint256 jobId, address candidate) internal pure returns (uint256 h) {
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, seed)
            mstore(add(free, 0x20), jobId)
            mstore(add(free, 0x40), candidate)
            h := keccak256(free, 0x60)
        }
    }

    /// -log2((h + 1) / 2^256) in Q64 by 64 squarings, 0 for the largest h.  The algorithm is the
    /// definition: its fraction of log2 is cut off, so the result may exceed the real number's
    /// floor by one.
    function negLog2(uint256 h) internal pure returns (uint256) {
        if (h == type(uint256).max) return 0;
        uint256 x = h + 1;
        uint256 n = Math.log2(x);
        uint256 frac;
        assembly ("memory-safe") {
            // x normalised to [2^127, 2^128): the shift that would be negative is huge, and gives 0
            let m := or(shr(sub(n, 127), x), shl(sub(127, n), x))
            let b := 0
            for { let i := 0 } lt(i, 16) { i := add(i, 1) } {
                m := shr(127, mul(m, m))
                b := shr(128, m)
                m := shr(b, m)
                frac := or(shl(1, frac), b)
                m := shr(127, mul(m, m))
                b := shr(128, m)
                m := shr(b, m)
                frac := or(shl(1, frac), b)
                m := shr(127, mul(m, m))
                b := shr(128, m)
                m := shr(b, m)
                frac := or(shl(1, frac), b)
                m := shr(127, mul(m, m))
                b := shr(128, m)
                m := shr(b, m)
                frac := or(shl(1, frac), b)
            }
        }
        return (256 << 64) - ((n << 64) | frac);
    }

    /// What candidates are ordered by, smallest first, ties to the lower address.  stake > 0.
    function score(bytes32 seed, uint256 jobId, address candidate, uint256 stake)
        internal
        pure
        returns (uint256)
    {
        return (negLog2(draw(seed, jobId, candidate)) << 96) / stake;
    }

    function isBefore(uint256 scoreA, address a, uint256 scoreB, address b) internal pure returns (bool) {
        return scoreA < scoreB || (scoreA == scoreB && a < b);
    }
}

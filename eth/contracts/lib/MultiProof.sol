// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity ^0.8.28;

/// OpenZeppelin's multiproof with the flags as bits of words, lowest first, read where they lie in
/// the call data: less than half the gas of MerkleProof with its bool[].  A pair is hashed smaller
/// first, as there.  Stricter in one point: where a node that is not there yet was read, it is false.
library MultiProof {
    /// `queue` holds n leaves, in the order of their places in the tree, and has room for a hash a
    /// flag behind them.  False if that does not lead to the root.
    function verify(
        bytes32[] memory queue,
        uint256 n,
        bytes32[] calldata proof,
        uint256[] calldata flagBits,
        uint256 flagCount,
        bytes32 root
    ) internal pure returns (bool ok) {
        if (n + proof.length != flagCount + 1 || queue.length != n + flagCount) return false;
        if (flagBits.length != (flagCount + 255) / 256) return false;
        assembly ("memory-safe") {
            let head := add(queue, 0x20)
            let tail := add(head, shl(5, n))
            let end := add(tail, shl(5, flagCount))
            let next := proof.offset
            for { let word := flagBits.offset } lt(tail, end) { word := add(word, 0x20) } {
                let bits := calldataload(word)
                let until := add(tail, 0x2000)
                if gt(until, end) { until := end }
                for {} lt(tail, until) { tail := add(tail, 0x20) } {
                    let a := mload(head)
                    head := add(head, 0x20)
                    let b := 0
                    switch and(bits, 1)
                    case 0 {
                        b := calldataload(next)
                        next := add(next, 0x20)
                    }
                    default {
                        b := mload(head)
                        head := add(head, 0x20)
                    }
                    bits := shr(1, bits)
                    // The larger of the two at 0x20.
                    let at := shl(5, gt(a, b))
                    mstore(at, a)
                    mstore(xor(at, 0x20), b)
                    mstore(tail, keccak256(0, 0x40))
                }
            }
            // All of the proof was used, so n - 1 flags are set.  A set one makes the queue shorter by
            // a node, and nothing makes it longer: with the one that is left at the end, it was never
            // too short.
            ok := eq(next, add(proof.offset, shl(5, proof.length)))
            ok := and(ok, eq(mload(sub(end, 0x20)), root))
        }
    }
}

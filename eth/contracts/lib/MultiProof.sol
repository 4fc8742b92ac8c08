// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity ^0.8.28;

/// OpenZeppelin's multiproof with the flags as bits of words, lowest first, read where they lie in
/// the call data: less than half the gas of MerkleProof with its bool[].  A pair is hashed smaller
/// first, as there.  Stricter in one point: a node that is not there yet is never read.
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
            let next := proof.offset
            let bits := 0
            ok := 1
            for { let i := 0 } lt(i, flagCount) { i := add(i, 1) } {
                switch and(i, 0xff)
                case 0 { bits := calldataload(add(flagBits.offset, shl(5, shr(8, i)))) }
                default { bits := shr(1, bits) }
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
                ok := and(ok, iszero(gt(head, tail)))
                switch lt(a, b)
                case 0 {
                    mstore(0, b)
                    mstore(0x20, a)
                }
                default {
                    mstore(0, a)
                    mstore(0x20, b)
                }
                mstore(tail, keccak256(0, 0x40))
                tail := add(tail, 0x20)
            }
            // All of the proof was used; the queue's arithmetic then leaves one node.
            ok := and(ok, eq(next, add(proof.offset, shl(5, proof.length))))
            ok := and(ok, eq(mload(sub(tail, 0x20)), root))
        }
    }
}

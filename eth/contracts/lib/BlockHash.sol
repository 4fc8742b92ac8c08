// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity ^0.8.28;

/// Hashes of blocks that the chain itself still knows.
library BlockHash {
    /// EIP-2935: a system contract that answers the hashes of the last 8191 blocks.
    address private constant HISTORY = 0x0000F90827F1C53a10cb7A02335B175320002935;

    /// From BLOCKHASH (256 blocks, nearly for nothing) or from the history; 0 if it cannot be had
    /// (any more, or yet).
    function recent(uint256 n) internal view returns (bytes32 hash) {
        if (n >= block.number) return 0;
        hash = blockhash(n);
        if (hash != 0) return hash;
        return ask(n);
    }

    /// (bool ok, bytes memory answer) = HISTORY.staticcall(abi.encode(n)), and the answer if there is
    /// one: a chain without this contract answers nothing, and success.
    function ask(uint256 n) private view returns (bytes32 hash) {
        address history = HISTORY;
        assembly ("memory-safe") {
            mstore(0, n)
            let ok := staticcall(gas(), history, 0, 0x20, 0, 0x20)
            if and(ok, eq(returndatasize(), 0x20)) { hash := mload(0) }
        }
    }
}

// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity ^0.8.28;

/// Parts of a million.  Rounds down.
library Perc {
    uint256 internal constant ONE = 1_000_000;

    function part(uint256 amount, uint256 perc) internal pure returns (uint256) {
        return amount * perc / ONE;
    }

    function valid(uint256 perc) internal pure returns (bool) {
        return perc <= ONE;
    }
}

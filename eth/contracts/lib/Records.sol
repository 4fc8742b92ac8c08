// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity ^0.8.28;

import {IBondingManager} from "../interfaces/IBondingManager.sol";

/// Lists of words that hold from a round on.  The round is in a word's lowest 32 bits; a list
/// ascends, its length is kept by its owner.
library Records {
    /// Place (from 1) and word of what holds in `round`; (0, 0) if nothing did yet.  What is asked
    /// for is nearly always one of the last two, so these are looked at first.
    function find(mapping(uint256 => uint256) storage words, uint256 count, uint256 round)
        internal
        view
        returns (uint256 place, uint256 word)
    {
        for (uint256 i = 0; i < 2 && count > 0; i++) {
            word = words[count - 1];
            if (uint32(word) <= round) return (count, word);
            count--;
        }
        uint256 low = 0;
        while (low < count) {
            uint256 middle = (low + count) / 2;
            if (uint32(words[middle]) <= round) low = middle + 1;
            else count = middle;
        }
        return low == 0 ? (0, 0) : (low, words[low - 1]);
    }

    /// Replaces the last if it is of the same round.  Returns the new length.
    function put(mapping(uint256 => uint256) storage words, uint256 count, uint256 last, uint256 word)
        internal
        returns (uint256)
    {
        if (count == 0 || uint32(last) != uint32(word)) count++;
        words[count - 1] = word;
        return count;
    }

    function pack(IBondingManager.Entry memory e) internal pure returns (uint256) {
        return uint256(e.fromRound) | uint256(e.stake) << 32 | uint256(e.price) << 128
            | uint256(e.rewardCut) << 192 | uint256(e.feeShare) << 216 | (e.inPool ? 1 << 240 : 0);
    }

    function unpack(uint256 word) internal pure returns (IBondingManager.Entry memory e) {
        e.fromRound = uint32(word);
        e.stake = uint96(word >> 32);
        e.price = uint64(word >> 128);
        e.rewardCut = uint24(word >> 192);
        e.feeShare = uint24(word >> 216);
        e.inPool = word >> 240 != 0;
    }
}

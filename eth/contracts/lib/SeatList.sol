// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity ^0.8.28;

import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";

/// The list that verifiers are drawn from, dense at all times and known for every block of the
/// past: a seat that leaves is replaced by the last one, and who was at an index before is kept.  So
/// nobody can thin the draws by leaving, and no duty ends by leaving.
library SeatList {
    using Checkpoints for Checkpoints.Trace208;

    /// One word: all that a draw reads, unless the place changed hands since.
    struct Slot {
        address owner;
        uint48 since;    // block from whose end on
        uint48 seatId;
    }

    struct List {
        uint48 count;
        uint48 since;    // block of the last change of count
        mapping(uint256 index => Slot) slots;
        mapping(uint256 index => Slot[]) past;    // ascending by since
        Checkpoints.Trace208 counts;
    }

    /// Returns its index.
    function add(List storage self, address owner, uint256 seatId) internal returns (uint48 index) {
        index = self.count;
        _put(self, index, Slot(owner, uint48(block.number), uint48(seatId)));
        _setCount(self, index + 1);
    }

    /// Returns the seat that now has this index, 0 for none.
    function remove(List storage self, uint256 index) internal returns (uint256 moved) {
        uint48 last = self.count - 1;
        if (index != last) {
            Slot memory slot = self.slots[last];
            moved = slot.seatId;
            _put(self, index, Slot(slot.owner, uint48(block.number), slot.seatId));
        }
        _setCount(self, last);
    }

    /// As it was at the end of a block that is past.
    function countAt(List storage self, uint256 blockNumber) internal view returns (uint256) {
        if (self.since <= blockNumber) return self.count;
        return self.counts.upperLookupRecent(uint48(blockNumber));
    }

    /// index < countAt(blockNumber)
    function slotAt(List storage self, uint256 index, uint256 blockNumber) internal view returns (Slot memory slot) {
        slot = self.slots[index];
        if (slot.since > blockNumber) slot = _before(self.past[index], blockNumber);
    }

    /// The last with since <= blockNumber: there is one, as the list reached this index by then.
    function _before(Slot[] storage past, uint256 blockNumber) private view returns (Slot memory) {
        uint256 low = 0;
        uint256 high = past.length;
        while (high - low > 1) {
            uint256 mid = (low + high) / 2;
            if (past[mid].since <= blockNumber) low = mid;
            else high = mid;
        }
        return past[low];
    }

    function _put(List storage self, uint256 index, Slot memory slot) private {
        Slot memory old = self.slots[index];
        if (old.since != 0 && old.since != slot.since) self.past[index].push(old);
        self.slots[index] = slot;
    }

    function _setCount(List storage self, uint48 count) private {
        self.count = count;
        self.since = uint48(block.number);
        self.counts.push(uint48(block.number), count);
    }
}

// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity ^0.8.28;

import {IJobsManager} from "../interfaces/IJobsManager.sol";

/// Lists of segment ranges: (uint64 start, uint32 length) packed into 12 bytes each, ascending and
/// disjoint.
library Ranges {
    uint256 internal constant SIZE = 12;

    /// How many segments, and the sequence after the last.  Reverts if the list is empty or
    /// malformed, or if anything of it lies before `next`.
    function check(bytes calldata ranges, uint256 next)
        internal
        pure
        returns (uint256 segments, uint256 end)
    {
        uint256 n = ranges.length;
        if (n == 0 || n % SIZE != 0) revert IJobsManager.InvalidRanges(n);
        end = next;
        // Bounded: each range adds less than 2^32 segments, and start is below 2^64.
        unchecked {
            for (uint256 offset; offset < n; offset += SIZE) {
                (uint256 start, uint256 length) = get(ranges, offset);
                if (start < end) revert IJobsManager.RangeNotAscending(start, end);
                end = start + length;
                if (length == 0 || end > type(uint64).max) revert IJobsManager.InvalidRanges(offset);
                segments += length;
            }
        }
    }

    function get(bytes calldata ranges, uint256 offset)
        internal
        pure
        returns (uint256 start, uint256 length)
    {
        assembly ("memory-safe") {
            let w := calldataload(add(ranges.offset, offset))
            start := shr(192, w)
            length := and(shr(160, w), 0xffffffff)
        }
    }

    /// Is the sequence in a list that `check` has passed?
    function contains(bytes calldata ranges, uint256 sequence) internal pure returns (bool) {
        uint256 low;
        uint256 high = ranges.length / SIZE;
        while (low < high) {
            uint256 mid = (low + high) / 2;
            (uint256 start, uint256 length) = get(ranges, mid * SIZE);
            if (sequence < start) high = mid;
            else if (sequence < start + length) return true;
            else low = mid + 1;
        }
        return false;
    }
}

// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity ^0.8.28;

import {IJobsManager} from "../interfaces/IJobsManager.sol";

/// A job's transcoding options, and the work they mean.  Layout: docs/contracts.md 5.
library Options {
    uint256 internal constant HEADER = 11;
    uint256 internal constant RECORD = 19;
    uint256 internal constant MAX_RENDITIONS = 10;
    /// How much dearer than H.264 an encoder is: H.264, HEVC, VP8, VP9, AV1, a byte each.
    uint256 private constant WEIGHTS = 0x0804010401;
    uint256 private constant ENCODERS = 5;

    /// Units (10^6 encoded pixels of H.264, rounded up) of the longest segment, and its ms.
    function parse(bytes calldata options) internal pure returns (uint256 units, uint256 maxSegmentMs) {
        uint256 n = options.length;
        if (n < HEADER + RECORD || (n - HEADER) % RECORD != 0) revert IJobsManager.InvalidOptions(n);
        if (n > HEADER + MAX_RENDITIONS * RECORD) revert IJobsManager.InvalidOptions(n);
        if (uint8(options[0]) != 1) revert IJobsManager.InvalidOptions(0);
        uint256 head = word(options, 0);
        uint256 sourceRate = uint32(head >> 184);
        maxSegmentMs = uint16(head >> 168);
        if (uint16(head >> 232) == 0) revert IJobsManager.InvalidOptions(1);
        if (uint16(head >> 216) == 0) revert IJobsManager.InvalidOptions(3);
        if (sourceRate == 0) revert IJobsManager.InvalidOptions(5);
        if (maxSegmentMs == 0) revert IJobsManager.InvalidOptions(9);
        uint256 sum;
        for (uint256 offset = HEADER; offset < n; offset += RECORD) {
            sum += rendition(options, offset, sourceRate);
        }
        // sum is in pixels x weight x 1/1000 a second; the rates' 1/1000, the ms' and the 10^6
        units = (sum * maxSegmentMs + 1e12 - 1) / 1e12;
    }

    function rendition(bytes calldata options, uint256 offset, uint256 sourceRate)
        private
        pure
        returns (uint256)
    {
        uint256 r = word(options, offset);
        uint256 pixels = uint256(uint16(r >> 240)) * uint16(r >> 224);
        uint256 rate = uint32(r >> 192);
        uint256 encoder = uint8(r >> 152);
        if (pixels == 0) revert IJobsManager.InvalidOptions(offset);
        if (encoder >= ENCODERS) revert IJobsManager.InvalidOptions(offset + 12);
        return pixels * (rate == 0 ? sourceRate : rate) * uint8(WEIGHTS >> (8 * encoder));
    }

    /// The 32 bytes from `offset`; what lies beyond the end is not used by who asks.
    function word(bytes calldata options, uint256 offset) private pure returns (uint256 w) {
        assembly ("memory-safe") {
            w := calldataload(add(options.offset, offset))
        }
    }
}

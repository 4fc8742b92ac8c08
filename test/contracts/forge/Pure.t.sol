// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity ^0.8.28;

import {vm} from "./Vm.sol";

/// test/contracts/sol/JobsLibs.sol
interface ILibs {
    function negLog2(uint256[] calldata h) external pure returns (uint256[] memory logs);
    function scores(bytes32 seed, uint256 jobId, address[] calldata who, uint256[] calldata stakes)
        external
        pure
        returns (uint256[] memory);
    function checkRanges(bytes calldata ranges, uint256 next) external pure returns (uint256, uint256);
    function contains(bytes calldata ranges, uint256 sequence) external pure returns (bool);
}

interface IUnits {
    function unitsOf(bytes calldata options) external pure returns (uint256 units, uint256 maxSegmentMs);
}

/// Pure functions against slow ones that are plainly right.
contract Pure {
    bool public constant IS_TEST = true;
    ILibs private libs;
    IUnits private jobs;

    function create(string memory path, bytes memory args) private returns (address made) {
        bytes memory code = bytes.concat(vm.getCode(path), args);
        assembly ("memory-safe") {
            made := create(0, add(code, 0x20), mload(code))
        }
        require(made != address(0), path);
    }

    function setUp() public {
        libs = ILibs(create("../../../build/contracts/test/JobsLibs.json", ""));
        bytes memory nobody = abi.encode(address(1), address(1), address(1), address(1));
        jobs = IUnits(create("../../../build/contracts/JobsExtension.json", nobody));
    }

    // ---- election ----

    /// -log2((h + 1) / 2^256) in Q64 as docs/contracts.md says it: 64 squarings, one after the other.
    function slowLog(uint256 h) private pure returns (uint256) {
        if (h == type(uint256).max) return 0;
        uint256 x = h + 1;
        uint256 n;
        while (x >> n > 1) n++;
        uint256 m = n >= 127 ? x >> (n - 127) : x << (127 - n);
        uint256 frac;
        for (uint256 i; i < 64; i++) {
            m = m * m >> 127;
            frac <<= 1;
            if (m >> 128 == 0) continue;
            frac |= 1;
            m >>= 1;
        }
        return (256 << 64) - (n << 64 | frac);
    }

    function log(uint256 h) private view returns (uint256) {
        uint256[] memory one = new uint256[](1);
        one[0] = h;
        return libs.negLog2(one)[0];
    }

    function testFuzz_log(uint256 h, uint8 shift) external view {
        h >>= shift;
        require(log(h) == slowLog(h), "negLog2");
    }

    /// A larger draw never comes before a smaller one's log.
    function testFuzz_log_falls(uint256 a, uint256 b, uint8 shift) external view {
        (a, b) = (a >> shift, b >> shift);
        require((a <= b) == (log(a) >= log(b)) || log(a) == log(b), "not monotonous");
    }

    function testFuzz_score(bytes32 seed, uint256 jobId, address who, uint96 stake) external view {
        if (stake == 0) stake = 1;
        address[] memory list = new address[](1);
        uint256[] memory stakes = new uint256[](1);
        (list[0], stakes[0]) = (who, stake);
        uint256 h = uint256(keccak256(abi.encode(seed, jobId, who)));
        require(libs.scores(seed, jobId, list, stakes)[0] == slowLog(h) * 2 ** 96 / stake, "score");
    }

    // ---- units ----

    struct Rendition {
        uint16 width;
        uint16 height;
        uint32 rate;
        uint8 encoder;
    }

    function testFuzz_units(uint32 sourceRate, uint16 ms, Rendition[3] calldata all, uint8 count) external view {
        bytes memory options = abi.encodePacked(uint8(1), uint16(1920), uint16(1080), sourceRate, ms);
        bool ok = sourceRate != 0 && ms != 0;
        uint256 sum;
        count = 1 + count % 3;
        for (uint256 i; i < count; i++) {
            Rendition calldata r = all[i];
            uint8 encoder = r.encoder % 6;
            options = abi.encodePacked(options, r.width, r.height, r.rate, uint32(1), encoder, uint8(0), int32(0), int8(0));
            uint256[6] memory weights = [uint256(1), 4, 1, 4, 8, 0];
            ok = ok && r.width != 0 && r.height != 0 && encoder < 5;
            sum += uint256(r.width) * r.height * (r.rate == 0 ? sourceRate : r.rate) * weights[encoder];
        }
        try jobs.unitsOf(options) returns (uint256 units, uint256 maxMs) {
            require(ok, "should be refused");
            require(maxMs == ms, "ms");
            sum *= ms;
            require(units == sum / 1e12 + (sum % 1e12 == 0 ? 0 : 1), "units");
        } catch {
            require(!ok, "should be taken");
        }
    }

    /// Bytes that are no options are refused, not misread.
    function testFuzz_options_of_any_bytes(bytes calldata options) external view {
        try jobs.unitsOf(options) {
            require((options.length - 11) % 19 == 0 && options[0] == 0x01, "taken");
        } catch {}
    }

    // ---- ranges ----

    function testFuzz_ranges(uint64 next, uint64[4] calldata gaps, uint32[4] calldata lengths, uint64 probe) external view {
        bytes memory ranges;
        uint256 end = next;
        uint256 sum;
        bool inside;
        for (uint256 i; i < 4; i++) {
            uint256 start = end + gaps[i] % 5;
            uint256 length = 1 + lengths[i] % (i == 3 ? 1 << 31 : 4);
            if (start + length > type(uint64).max) return;
            ranges = abi.encodePacked(ranges, uint64(start), uint32(length));
            uint256 at_ = uint256(next) + probe % 40;
            if (at_ >= start && at_ < start + length) inside = true;
            (end, sum) = (start + length, sum + length);
        }
        (uint256 segments, uint256 last) = libs.checkRanges(ranges, next);
        require(segments == sum && last == end, "segments");
        require(libs.contains(ranges, uint256(next) + probe % 40) == inside, "contains");
        if (next == type(uint64).max) return;
        try libs.checkRanges(ranges, uint256(next) + gaps[0] % 5 + 1) {
            require(false, "an earlier sequence was taken");
        } catch {}
    }

    /// Whatever is taken is ascending, disjoint and behind `next`.
    function testFuzz_ranges_of_any_bytes(bytes calldata noise, uint64 next) external view {
        bytes memory ranges = noise[0:noise.length / 12 * 12];
        try libs.checkRanges(ranges, next) returns (uint256, uint256) {
            uint256 end = next;
            for (uint256 i; i < noise.length / 12; i++) {
                uint256 start = uint64(bytes8(noise[12 * i:12 * i + 8]));
                require(start >= end, "overlaps");
                uint256 length = uint32(bytes4(noise[12 * i + 8:12 * i + 12]));
                require(length != 0, "empty");
                end = start + length;
            }
        } catch {}
    }
}

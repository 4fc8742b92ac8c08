// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity ^0.8.28;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Manager} from "./Manager.sol";
import {IBondingManager} from "./interfaces/IBondingManager.sol";
import {IController} from "./interfaces/IController.sol";
import {IMinter} from "./interfaces/IMinter.sol";
import {IRoundsManager} from "./interfaces/IRoundsManager.sol";
import {BlockHash} from "./lib/BlockHash.sol";
import {Perc} from "./lib/Perc.sol";

/// Rounds are counted from 1, the first begins with the block of initialize().
contract RoundsManager is IRoundsManager, Manager {
    using SafeCast for uint256;

    /// A round has a first block and one to initialise it in.
    uint256 private constant LENGTH_MIN = 2;
    /// Votes are counted in rounds: one that never ended could not be voted away.
    uint256 private constant LENGTH_MAX = 1_000_000;

    IBondingManager private immutable bondingManager;
    IMinter private immutable minter;

    /// One word, read by most transactions of the system.
    struct Clock {
        uint32 length;          // blocks
        uint32 lockAmount;      // PERC
        uint32 baseRound;       // the round in which length was set ...
        uint40 baseBlock;       // ... and its first block
        uint32 lastInitialized;
    }

    Clock private clock;
    /// Initialised rounds, 256 a word.
    mapping(uint256 word => uint256) private initialized;
    mapping(uint256 blockNumber => bytes32) public sealedHash;

    constructor(IController controller_, IBondingManager bondingManager_, IMinter minter_) Manager(controller_) {
        bondingManager = bondingManager_;
        minter = minter_;
    }

    function initialize(uint256 roundLength_, uint256 roundLockAmount_) external initializer {
        clock.baseRound = 1;
        clock.baseBlock = block.number.toUint40();
        _setRoundLength(roundLength_);
        _setRoundLockAmount(roundLockAmount_);
    }

    // ---- rounds ----

    function initializeRound() external whenNotPaused {
        Clock memory c = clock;
        (uint256 round, uint256 start) = _round(c);
        if (c.lastInitialized >= round) revert RoundAlreadyInitialized(round);
        if (block.number <= start) revert RoundNotDrawable(round, start + 1);
        clock.lastInitialized = uint32(round);
        initialized[round >> 8] |= 1 << (round & 255);
        bytes32 drawHash = _find(start);
        bondingManager.setCurrentRoundTotalActiveStake(drawHash);
        minter.setCurrentRewardTokens(msg.sender);
        emit NewRound(round, drawHash);
    }

    function currentRound() external view returns (uint256 round) {
        (round,) = _round(clock);
    }

    function currentRoundStartBlock() external view returns (uint256 start) {
        (, start) = _round(clock);
    }

    function currentRoundInitialized() external view returns (bool) {
        Clock memory c = clock;
        (uint256 round,) = _round(c);
        return c.lastInitialized == round;
    }

    function currentRoundLocked() external view returns (bool) {
        Clock memory c = clock;
        (, uint256 start) = _round(c);
        return _locked(c, start);
    }

    function roundState() external view returns (uint256 round, bool isInitialized, bool locked) {
        Clock memory c = clock;
        uint256 start;
        (round, start) = _round(c);
        return (round, c.lastInitialized == round, _locked(c, start));
    }

    function lastInitializedRound() external view returns (uint256) {
        return clock.lastInitialized;
    }

    function initializedRound(uint256 round) external view returns (bool) {
        return initialized[round >> 8] >> (round & 255) & 1 != 0;
    }

    /// Reads one word for each 256 rounds that nobody initialised.
    function lastInitializedUpTo(uint256 round) external view returns (uint256) {
        uint256 last = clock.lastInitialized;
        if (round >= last) return last;
        uint256 word = round >> 8;
        uint256 bits = initialized[word] & (type(uint256).max >> (255 - (round & 255)));
        while (bits == 0 && word > 0) bits = initialized[--word];
        return bits == 0 ? 0 : word << 8 | Math.log2(bits);
    }

    function blockNum() external view returns (uint256) {
        return block.number;
    }

    function lastRoundLengthUpdateRound() external view returns (uint256) {
        return clock.baseRound;
    }

    function lastRoundLengthUpdateStartBlock() external view returns (uint256) {
        return clock.baseBlock;
    }

    // ---- block hashes ----

    /// Works while paused: what is not sealed in time is lost for good.
    function seal(uint256 n) external returns (bytes32 hash) {
        hash = sealedHash[n];
        if (hash != 0) return hash;
        hash = _find(n);
        if (hash == 0) revert BlockHashUnavailable(n);
        sealedHash[n] = hash;
        emit Sealed(n, hash);
    }

    function blockHash(uint256 n) external view returns (bytes32 hash) {
        hash = _find(n);
        if (hash == 0) revert BlockHashUnavailable(n);
    }

    /// Sealed or recent; 0 if it cannot be had (any more, or yet).
    function _find(uint256 n) private view returns (bytes32 hash) {
        hash = sealedHash[n];
        if (hash == 0) hash = BlockHash.recent(n);
    }

    // ---- parameters ----

    function roundLength() external view returns (uint256) {
        return clock.length;
    }

    function roundLockAmount() external view returns (uint256) {
        return clock.lockAmount;
    }

    /// Counts from the current round's start.  With a length shorter than what has passed of the
    /// round, some rounds are over at once, uninitialised; no round comes twice.
    function setRoundLength(uint256 blocks) external onlyControllerOwner {
        (uint256 round, uint256 start) = _round(clock);
        clock.baseRound = round.toUint32();
        clock.baseBlock = start.toUint40();
        _setRoundLength(blocks);
    }

    function setRoundLockAmount(uint256 perc) external onlyControllerOwner {
        _setRoundLockAmount(perc);
    }

    function _setRoundLength(uint256 blocks) private {
        if (blocks < LENGTH_MIN || blocks > LENGTH_MAX) revert InvalidParameter("roundLength", blocks);
        clock.length = uint32(blocks);
        emit ParameterUpdate("roundLength");
    }

    function _setRoundLockAmount(uint256 perc) private {
        if (!Perc.valid(perc)) revert InvalidParameter("roundLockAmount", perc);
        clock.lockAmount = uint32(perc);
        emit ParameterUpdate("roundLockAmount");
    }

    // ---- the clock ----

    function _round(Clock memory c) private view returns (uint256 round, uint256 start) {
        // No block is before baseBlock, and none of these numbers is near 2^256.
        unchecked {
            uint256 past = (block.number - c.baseBlock) / c.length;
            return (c.baseRound + past, c.baseBlock + past * c.length);
        }
    }

    function _locked(Clock memory c, uint256 start) private view returns (bool) {
        return block.number - start >= c.length - Perc.part(c.length, c.lockAmount);
    }
}

// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity ^0.8.28;

import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";
import {BondingBase} from "./BondingBase.sol";
import {IBondingRest} from "./interfaces/IBondingManager.sol";
import {IController} from "./interfaces/IController.sol";
import {IJobsManager} from "./interfaces/IJobsManager.sol";
import {IRoundsManager} from "./interfaces/IRoundsManager.sol";
import {Perc} from "./lib/Perc.sol";
import {Records} from "./lib/Records.sol";
import {Candidate} from "./lib/PoolHeap.sol";
import {Delegation, LockState, Vault, VaultState, Vaults} from "./lib/Vault.sol";

/// What BondingManager had no room for: what is seldom called, what only reads, parameters.  Runs
/// on its storage, by delegatecall.
contract BondingExtension is BondingBase, IBondingRest {
    using Vaults for *;
    using Checkpoints for Checkpoints.Trace208;

    uint256 private constant UNBONDING_MAX = 10_000;
    uint256 private constant MISSED_MAX = 100;

    constructor(IController controller_, IJobsManager jobsManager_, IRoundsManager roundsManager_)
        BondingBase(controller_, jobsManager_, roundsManager_)
    {}

    // ---- transcoders ----
    function lowerPrice(uint256 pricePerSegment, address matched) external {
        uint256 round = _open();
        if (!candidates[msg.sender].registered) revert NotRegistered(msg.sender);
        // Another candidate: whoever cannot be chosen offers no price.
        Candidate storage c = candidates[matched];
        if (matched == msg.sender || c.position == 0 && c.waiting == 0) revert NotRegistered(matched);
        Entry memory e = _nextEntry(msg.sender, round);
        uint256 floor = _entryAt(matched, round + 1).price;
        if (pricePerSegment >= e.price) revert PriceNotLower(pricePerSegment, e.price);
        if (pricePerSegment < floor) revert PriceBelowMatched(pricePerSegment, floor);
        e.price = uint64(pricePerSegment);
        _update(msg.sender, e, round);
    }

    function transcodeAvailability(bool available) external {
        _open();
        if (!candidates[msg.sender].registered) revert NotRegistered(msg.sender);
        absences[msg.sender].push(uint48(block.number + 1), available ? 0 : 1);
        emit TranscoderAvailability(msg.sender, available, block.number + 1);
    }

    // ---- finders ----
    function commitFinding(bytes32 commitment) external {
        // The first counts: nobody can make another's younger.
        if (findings[commitment] == 0) findings[commitment] = block.number;
        emit FindingCommitted(msg.sender, commitment);
    }

    function takeFinding(address finder, bytes32 salt, bytes32 action) external returns (bool) {
        if (msg.sender != address(jobsManager)) revert OnlyJobsManager(msg.sender);
        return _takeFinding(finder, salt, action);
    }

    // ---- delegators ----
    function delegatorStatus(address delegator) external view returns (DelegatorStatus) {
        (Delegation memory d, VaultState memory v) = _settled(delegator);
        if (d.worth(v) != 0) return DelegatorStatus.Bonded;
        return d.pending != 0 ? DelegatorStatus.Pending : DelegatorStatus.Unbonded;
    }

    function pendingStake(address delegator, uint256) external view returns (uint256) {
        (Delegation memory d, VaultState memory v) = _settled(delegator);
        return d.pending + d.worth(v);
    }

    function pendingFees(address delegator, uint256) external view returns (uint256) {
        (Delegation memory d,) = _settled(delegator);
        return d.fees;
    }

    function getDelegator(address delegator)
        external
        view
        returns (
            uint256 bondedAmount,
            uint256 fees,
            address delegateAddress,
            uint256 delegatedAmount,
            uint256 startRound,
            uint256 lastClaimRound,
            uint256 nextUnbondingLockId
        )
    {
        (Delegation memory d, VaultState memory v) = _settled(delegator);
        bondedAmount = d.pending + d.worth(v);
        fees = d.fees;
        delegateAddress = d.delegate;
        delegatedAmount = transcoderTotalStake(delegator);
        startRound = d.delegate == address(0) ? 0 : d.pendingRound + 1;
        lastClaimRound = d.lastClaimRound;
        nextUnbondingLockId = d.nextLockId;
    }

    function getDelegatorUnbondingLock(address delegator, uint256 unbondingLockId)
        external
        view
        returns (uint256 amount, uint256 withdrawRound)
    {
        (amount, withdrawRound,,,) = getLock(delegator, unbondingLockId);
    }

    function getLock(address delegator, uint256 unbondingLockId)
        public
        view
        returns (
            uint256 amount,
            uint256 withdrawRound,
            uint256 slashableUntil,
            address delegate,
            address destination
        )
    {
        LockState memory l = locks[delegator][unbondingLockId].load();
        return (l.value(vaults[l.delegate]), l.withdrawRound, l.slashableUntil, l.delegate, l.destination);
    }

    function isValidUnbondingLock(address delegator, uint256 unbondingLockId) external view returns (bool) {
        LockState memory l = locks[delegator][unbondingLockId].load();
        return l.delegate != address(0) && l.destination == address(0);
    }

    /// The delegation as it would be if settled now, and its rolled vault.
    function _settled(address who) private view returns (Delegation memory d, VaultState memory v) {
        d = delegators[who].load();
        if (d.delegate == address(0)) return (d, v);
        uint256 round = roundsManager.currentRound();
        Vault storage s = vaults[d.delegate];
        v = s.load();
        uint256 last = v.roll(round);
        d.settle(s, v, last, round);
    }

    function delegateOf(address delegator) external view returns (address) {
        return address(uint160(delegators[delegator].place));
    }

    // ---- rounds ----
    function setCurrentRoundTotalActiveStake(bytes32 drawHash) external {
        if (msg.sender != address(roundsManager)) revert OnlyRoundsManager(msg.sender);
        uint256 round = roundsManager.currentRound();
        uint256 total = totals.next;
        uint256 n = waiting.length;
        if (drawHash != 0 && n != 0) {
            address who = waiting[uint256(drawHash) % n];
            uint256 stake = _entryAt(who, round).stake;
            // Less only if the minimum was raised since: then there is no draw.
            if (stake >= parameters.minTranscoderStake) {
                drawn[round] = who;
                total += stake;
                emit TranscoderDrawn(who, round);
            }
        }
        networkWork.total = uint96(total); // no more than all tokens
        totals.rounds = uint32(Records.put(started, totals.rounds, 0, uint32(round) | total << 32));
    }

    function totalActiveStakeAt(uint256 round) external view returns (uint256) {
        return _activeStakeAt(round);
    }

    function getTotalBonded() external view returns (uint256) {
        return totals.bonded;
    }

    function isActiveTranscoder(address transcoder) public view returns (bool) {
        uint256 round = roundsManager.currentRound();
        return _isActive(transcoder, _entryAt(transcoder, round), round);
    }

    function currentRoundTotalActiveStake() external view returns (uint256) {
        return _activeStakeAt(type(uint256).max);
    }

    function nextRoundTotalActiveStake() external view returns (uint256) {
        return totals.next;
    }

    function drawnTranscoder(uint256 round) external view returns (address) {
        return drawn[round];
    }

    // ---- candidates ----
    function entryAt(address transcoder, uint256 round) external view returns (Entry memory) {
        return _entryAt(transcoder, round);
    }

    function eligibleStake(address transcoder, uint256 round, uint256 blockNumber, uint256 maxPrice)
        external
        view
        returns (uint256)
    {
        return _eligibleStake(transcoder, round, blockNumber, maxPrice);
    }

    function isRegisteredTranscoder(address transcoder_) external view returns (bool) {
        return candidates[transcoder_].registered;
    }

    function transcoderStatus(address transcoder) external view returns (TranscoderStatus) {
        return candidates[transcoder].registered ? TranscoderStatus.Registered : TranscoderStatus.NotRegistered;
    }

    function transcoderTotalStake(address transcoder) public view returns (uint256) {
        return vaults[transcoder].held();
    }

    function getTranscoderPoolSize() external view returns (uint256) {
        return totals.size;
    }

    function getTranscoderPoolMaxSize() external view returns (uint256) {
        return parameters.numActiveTranscoders;
    }

    function getWaitingListSize() external view returns (uint256) {
        return waiting.length;
    }

    function getFirstTranscoderInPool() external view returns (address) {
        return address(uint160(~_nextBelow(type(uint256).max)));
    }

    function getNextTranscoderInPool(address transcoder) external view returns (address) {
        uint256 position = candidates[transcoder].position;
        return position == 0 ? address(0) : address(uint160(~_nextBelow(_rank(pool[position - 1]))));
    }

    /// Nodes in order of stake, of equal ones the lower address first.
    function _rank(uint256 node) private pure returns (uint256) {
        return node ^ type(uint160).max;
    }

    /// The largest rank below one; that of address 0 if there is none.
    function _nextBelow(uint256 limit) private view returns (uint256 best) {
        best = type(uint160).max;
        for (uint256 i = 0; i < totals.size; i++) {
            uint256 rank = _rank(pool[i]);
            if (rank < limit && (best == type(uint160).max || rank > best)) best = rank;
        }
    }

    function getTranscoderInfo(address transcoder) public view returns (TranscoderInfo memory info) {
        Candidate storage c = candidates[transcoder];
        uint256 round = roundsManager.currentRound();
        Entry memory e = _entryAt(transcoder, round + 1);
        (Delegation memory d, VaultState memory v) = _settled(transcoder);
        info.transcoder = transcoder;
        info.stake = uint96(transcoderTotalStake(transcoder));
        info.selfStake = d.delegate == transcoder ? uint96(d.pending + d.worth(v)) : 0;
        (info.price, info.rewardCut, info.feeShare) = (e.price, e.rewardCut, e.feeShare);
        info.registered = c.registered;
        info.inPool = c.position != 0;
        info.active = isActiveTranscoder(transcoder);
        info.available = absences[transcoder].latest() == 0;
        info.lastRewardRound = c.lastRewardRound;
        info.activeSince = c.activeSince;
        info.missedRewards = c.missedRewards;
        info.slashes = uint32(vaults[transcoder].load().slashCount);
        info.work = _decayed(works[transcoder], round);
        if (c.laterRound <= round + 1) return info;
        (info.laterRound, info.laterRewardCut, info.laterFeeShare) =
            (c.laterRound, c.laterRewardCut, c.laterFeeShare);
    }

    function getTranscoders(uint256 offset, uint256 limit)
        external
        view
        returns (TranscoderInfo[] memory rows, uint256 total)
    {
        total = totals.size + waiting.length;
        uint256 left = offset < total ? total - offset : 0;
        rows = new TranscoderInfo[](limit < left ? limit : left);
        for (uint256 i = 0; i < rows.length; i++) {
            uint256 k = offset + i;
            rows[i] = getTranscoderInfo(
                k < totals.size ? address(uint160(pool[k])) : waiting[k - totals.size]
            );
        }
    }

    function getCandidates(uint256 round, uint256 blockNumber, uint256 maxPrice)
        external
        view
        returns (address[] memory transcoders, uint256[] memory stakes)
    {
        transcoders = new address[](roster.length);
        stakes = new uint256[](roster.length);
        uint256 count = 0;
        for (uint256 i = 0; i < roster.length; i++) {
            uint256 stake = _eligibleStake(roster[i], round, blockNumber, maxPrice);
            if (stake == 0) continue;
            (transcoders[count], stakes[count]) = (roster[i], stake);
            count++;
        }
        assembly {
            mstore(transcoders, count)
            mstore(stakes, count)
        }
    }

    // ---- parameters ----
    function unbondingPeriod() external view returns (uint64) {
        return parameters.unbondingPeriod;
    }

    function numActiveTranscoders() external view returns (uint256) {
        return parameters.numActiveTranscoders;
    }

    function minTranscoderStake() external view returns (uint256) {
        return parameters.minTranscoderStake;
    }

    function missedRewardSlashAmount() external view returns (uint256) {
        return parameters.missedRewardSlashAmount;
    }

    function missedRewardRounds() external view returns (uint256) {
        return parameters.missedRewardRounds;
    }

    function competitivenessTolerance() external view returns (uint256) {
        return parameters.competitivenessTolerance;
    }

    function competitivenessGrace() external view returns (uint256) {
        return parameters.competitivenessGrace;
    }

    function competitivenessFloor() external view returns (uint256) {
        return parameters.competitivenessFloor;
    }

    function slashablePeriod() external view returns (uint256) {
        return parameters.slashablePeriod;
    }

    function finderFee() external view returns (uint256) {
        return parameters.finderFee;
    }

    function setUnbondingPeriod(uint64 rounds) external onlyControllerOwner {
        parameters.unbondingPeriod = uint32(_within("unbondingPeriod", rounds, 1, UNBONDING_MAX));
    }

    function setNumActiveTranscoders(uint256 n) external onlyControllerOwner {
        uint256 least = uint256(parameters.numActiveTranscoders) + 1;
        parameters.numActiveTranscoders = uint16(_within("numActiveTranscoders", n, least, type(uint16).max));
    }

    function setMinTranscoderStake(uint256 amount) external onlyControllerOwner {
        parameters.minTranscoderStake = uint96(_within("minTranscoderStake", amount, 1, type(uint96).max));
    }

    function setSlashablePeriod(uint256 blocks) external onlyControllerOwner {
        uint256 least = jobsManager.finality();
        parameters.slashablePeriod = uint32(_within("slashablePeriod", blocks, least, type(uint32).max));
    }

    function setMissedRewardSlashAmount(uint256 perc) external onlyControllerOwner {
        parameters.missedRewardSlashAmount = uint24(_within("missedRewardSlashAmount", perc, 0, Perc.ONE));
    }

    function setMissedRewardRounds(uint256 rounds) external onlyControllerOwner {
        parameters.missedRewardRounds = uint16(_within("missedRewardRounds", rounds, 1, MISSED_MAX));
    }

    function setCompetitiveness(uint256 tolerance, uint256 graceRounds, uint256 floorWei) external onlyControllerOwner {
        parameters.competitivenessTolerance = uint24(_within("competitivenessTolerance", tolerance, 0, Perc.ONE));
        parameters.competitivenessGrace = uint32(_within("competitivenessGrace", graceRounds, 0, type(uint32).max));
        parameters.competitivenessFloor = uint128(_within("competitivenessFloor", floorWei, 0, type(uint128).max));
    }

    function setFinderFee(uint256 perc) external onlyControllerOwner {
        parameters.finderFee = uint24(_within("finderFee", perc, 0, Perc.ONE));
    }

    function _within(string memory param, uint256 value, uint256 min, uint256 max) private returns (uint256) {
        if (value < min || value > max) revert InvalidParameter(param, value);
        emit ParameterUpdate(param);
        return value;
    }
}

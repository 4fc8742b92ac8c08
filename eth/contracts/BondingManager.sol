// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity ^0.8.28;

import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {BondingBase} from "./BondingBase.sol";
import {BondingExtension} from "./BondingExtension.sol";
import {IBondingActions, IBondingManager} from "./interfaces/IBondingManager.sol";
import {IController} from "./interfaces/IController.sol";
import {IJobsManager} from "./interfaces/IJobsManager.sol";
import {ILivepeerToken} from "./interfaces/ILivepeerToken.sol";
import {IMinter} from "./interfaces/IMinter.sol";
import {IRoundsManager} from "./interfaces/IRoundsManager.sol";
import {Perc} from "./lib/Perc.sol";
import {Candidate, PoolHeap} from "./lib/PoolHeap.sol";
import {Records} from "./lib/Records.sol";
import {Delegation, Delegator, Lock, LockState, Vault, VaultState, Vaults} from "./lib/Vault.sol";

/// Stake: docs/contracts.md 3.  Functions of IBondingManager that are not here are in
/// BondingExtension, to which the fallback delegates: one contract's code is limited.
contract BondingManager is BondingBase, IBondingActions, ReentrancyGuardTransient {
    using Vaults for *;
    using PoolHeap for mapping(uint256 => uint256);
    using SafeCast for uint256;
    using Checkpoints for Checkpoints.Trace208;

    /// Rounds in which a transcoder that comes back gets no new grace.
    uint256 private constant REENTRY = 30;

    IMinter public immutable minter;
    ILivepeerToken public immutable token;
    address public immutable treasury;
    address private immutable extension;

    constructor(
        IController controller_,
        IJobsManager jobsManager_,
        IRoundsManager roundsManager_,
        IMinter minter_,
        ILivepeerToken token_,
        address treasury_
    ) BondingBase(controller_, jobsManager_, roundsManager_) {
        minter = minter_;
        token = token_;
        treasury = treasury_;
        extension = address(new BondingExtension(controller_, jobsManager_, roundsManager_));
    }

    function initialize(Parameters calldata p) external initializer {
        parameters = p;
    }

    // ---- delegators ----
    function bond(uint256 amount, address to) external {
        uint256 round = _open();
        _checkDelegate(msg.sender, to);
        if (amount > type(uint96).max) revert AmountTooLarge(amount, type(uint96).max);
        if (candidates[msg.sender].registered && to != msg.sender) revert TranscoderCannotMove(msg.sender);
        (Delegation memory d, VaultState memory v) = _settle(msg.sender, round);
        address from = d.delegate;
        if (from != to) v = _changeDelegate(d, v, to, round);
        else if (amount == 0) revert ZeroAmount();
        _put(d, v, amount, round);
        _storeVault(d.delegate, v, round);
        _store(msg.sender, d, v);
        emit Bond(to, from, msg.sender, amount, d.pending + d.worth(v));
        if (amount != 0) token.transferFrom(msg.sender, address(minter), amount);
    }

    function unbond(uint256 amount) external {
        uint256 round = _open();
        if (amount == 0) revert ZeroAmount();
        (Delegation memory d, VaultState memory v) = _settle(msg.sender, round);
        if (d.delegate == address(0)) revert NotBonded(msg.sender);
        uint256 bonded = d.pending + d.worth(v);
        if (amount > bonded) revert InsufficientBond(amount, bonded);
        address from = d.delegate;
        (uint256 lockId, LockState memory l) = _lock(d, v, amount, address(0), round);
        emit Unbond(from, msg.sender, lockId, amount, l.withdrawRound);
        if (amount == bonded && candidates[msg.sender].registered) _resign(msg.sender, round);
        _storeVault(from, v, round);
        if (amount == bonded) d.delegate = address(0);
        _store(msg.sender, d, v);
    }

    function rebond(uint256 unbondingLockId) external {
        uint256 round = _open();
        (Delegation memory d, VaultState memory v) = _settle(msg.sender, round);
        if (d.pending + d.worth(v) == 0) revert NotBonded(msg.sender);
        _rebond(d, v, unbondingLockId, round);
    }

    function rebondFromUnbonded(address to, uint256 unbondingLockId) external {
        uint256 round = _open();
        _checkDelegate(msg.sender, to);
        if (candidates[msg.sender].registered && to != msg.sender) revert TranscoderCannotMove(msg.sender);
        (Delegation memory d, VaultState memory v) = _settle(msg.sender, round);
        uint256 bonded = d.pending + d.worth(v);
        if (bonded != 0) revert StillBonded(msg.sender, bonded);
        if (d.delegate != to) v = _changeDelegate(d, v, to, round);
        _rebond(d, v, unbondingLockId, round);
    }

    function completeMove(address delegator, uint256 unbondingLockId) external {
        uint256 round = _open();
        LockState memory l = _lockOf(delegator, unbondingLockId);
        if (l.destination == address(0)) revert InvalidLock(delegator, unbondingLockId);
        if (block.number <= l.slashableUntil) {
            revert LockNotMature(unbondingLockId, l.withdrawRound, l.slashableUntil);
        }
        (Delegation memory d, VaultState memory v) = _settle(delegator, round);
        // It goes where its owner is now; moved again meanwhile, or bonded anew, that is elsewhere.
        address to = d.pending + d.worth(v) != 0 || candidates[delegator].registered ? d.delegate : l.destination;
        if (to != delegator && !candidates[to].registered) {
            // Nobody to bond to: its owner decides.
            l.destination = address(0);
            locks[delegator][unbondingLockId].save(l);
            _storeVault(d.delegate, v, round);
            _store(delegator, d, v);
            emit MoveCompleted(address(0), delegator, unbondingLockId, 0);
            return;
        }
        if (d.delegate != to) v = _changeDelegate(d, v, to, round);
        uint256 amount = _endLock(delegator, unbondingLockId, l);
        _put(d, v, amount, round);
        _storeVault(d.delegate, v, round);
        _store(delegator, d, v);
        emit MoveCompleted(to, delegator, unbondingLockId, amount);
    }

    function withdrawStake(uint256 unbondingLockId) external {
        LockState memory l = _lockOf(msg.sender, unbondingLockId);
        if (l.destination != address(0)) revert LockHasDestination(unbondingLockId, l.destination);
        if (roundsManager.currentRound() < l.withdrawRound || block.number <= l.slashableUntil) {
            revert LockNotMature(unbondingLockId, l.withdrawRound, l.slashableUntil);
        }
        uint256 amount = _endLock(msg.sender, unbondingLockId, l);
        emit WithdrawStake(msg.sender, unbondingLockId, amount, l.withdrawRound);
        if (amount != 0) minter.trustedTransferTokens(msg.sender, amount);
    }

    function withdrawFees(address payable recipient, uint256 amount) external nonReentrant {
        if (recipient == address(0)) revert ZeroAddress();
        uint256 round = roundsManager.currentRound();
        (Delegation memory d, VaultState memory v) = _settle(msg.sender, round);
        if (amount > d.fees) revert InsufficientFees(amount, d.fees);
        d.fees -= amount;
        _storeVault(d.delegate, v, round);
        _store(msg.sender, d, v);
        emit WithdrawFees(msg.sender, recipient, amount);
        (bool ok,) = recipient.call{value: amount}("");
        if (!ok) revert FeeTransferFailed(recipient, amount);
    }

    function claimEarnings(uint256 endRound) external {
        uint256 round = _open();
        if (endRound != round) revert InvalidParameter("endRound", endRound);
        (Delegation memory d, VaultState memory v) = _settle(msg.sender, round);
        if (d.delegate == address(0)) revert NotBonded(msg.sender);
        _storeVault(d.delegate, v, round);
        _store(msg.sender, d, v);
    }

    // ---- transcoders ----
    function transcoder(uint256 rewardCut, uint256 feeShare, uint256 pricePerSegment) external {
        (uint256 round, bool initialized, bool locked) = roundsManager.roundState();
        _checkOpen(round, initialized);
        if (locked) revert RoundLocked(round);
        _checkRate("rewardCut", rewardCut, Perc.ONE);
        _checkRate("feeShare", feeShare, Perc.ONE);
        _checkRate("pricePerSegment", pricePerSegment, type(uint64).max);
        if (candidates[msg.sender].records == 0) roster.push(msg.sender);
        Entry memory e = _nextEntry(msg.sender, round);
        e.price = uint64(pricePerSegment);
        _setRates(e, rewardCut, feeShare, round);
        _update(msg.sender, e, round);
        if (!candidates[msg.sender].registered) _register(msg.sender, round);
    }

    function resignAsTranscoder() external {
        uint256 round = _open();
        if (!candidates[msg.sender].registered) revert NotRegistered(msg.sender);
        _resign(msg.sender, round);
    }

    function promote(address candidate) external {
        uint256 round = _open();
        Candidate storage c = candidates[candidate];
        if (!c.registered || c.position != 0) revert NotWaiting(candidate);
        VaultState memory v = vaults[candidate].load();
        if (v.before < parameters.minTranscoderStake) revert StakeTooSmall(v.before, parameters.minTranscoderStake);
        if (!_hasPlace(v.before)) revert NoPlaceInPool(v.before, pool[0] >> 160);
        _place(candidate, v.before, round);
    }

    function reward() external {
        uint256 round = _open();
        Entry memory e = _entryAt(msg.sender, round);
        if (!_isActive(msg.sender, e, round)) revert NotActive(msg.sender, round);
        Candidate storage c = candidates[msg.sender];
        if (c.lastRewardRound == round) revert AlreadyRewarded(msg.sender, round);
        c.lastRewardRound = uint32(round);
        uint256 total = networkWork.total;
        uint256 tokens = 0;
        if (e.stake != 0 && _isCompetitive(msg.sender, e, total, round)) tokens = minter.createReward(e.stake, total);
        if (tokens != 0) tokens = _grant(msg.sender, tokens, e.rewardCut, round);
        emit Reward(msg.sender, tokens);
    }

    // ---- finders ----
    function missedRewardSlash(address transcoder_, uint256[] calldata rounds, bytes32 salt) external {
        uint256 round = _open();
        _checkMissed(transcoder_, rounds, round);
        Candidate storage c = candidates[transcoder_];
        c.punishedUntil = uint32(rounds[rounds.length - 1]);
        c.missedRewards += uint32(rounds.length);
        bytes32 action = keccak256(abi.encode(this.missedRewardSlash.selector, transcoder_, rounds));
        address finder = _takeFinding(msg.sender, salt, action) ? msg.sender : address(0);
        _slash(transcoder_, finder, parameters.missedRewardSlashAmount, parameters.finderFee, round);
    }

    // ---- contracts ----
    function slashTranscoder(address transcoder_, address finder, uint256 slashAmount, uint256 finderFee_) external {
        if (msg.sender != address(jobsManager)) revert OnlyJobsManager(msg.sender);
        if (slashAmount > Perc.ONE) revert InvalidParameter("slashAmount", slashAmount);
        if (finderFee_ > Perc.ONE) revert InvalidParameter("finderFee", finderFee_);
        _slash(transcoder_, finder, slashAmount, finderFee_, _open());
    }

    function updateTranscoderWithFees(address transcoder_, uint256 fees, uint256 round) external payable {
        if (msg.sender != address(jobsManager)) revert OnlyJobsManager(msg.sender);
        if (msg.value != fees) revert InvalidParameter("fees", fees);
        uint256 current = _open();
        VaultState memory v = vaults[transcoder_].open(current);
        uint256 shared = v.earns() ? Perc.part(fees, _entryAt(transcoder_, round).feeShare) : 0;
        if (shared != 0) {
            v.feePerShare += (shared << 128) / v.shares;
            _addWork(works[transcoder_], shared, current);
            _addWork(networkWork, shared, current);
        }
        vaults[transcoder_].save(v);
        delegators[transcoder_].claims += fees - shared;
        emit FeesReceived(transcoder_, fees, shared, round);
    }

    // ---- views ----
    function isActiveTranscoderAt(address transcoder_, uint256 round) public view returns (bool) {
        return _isActive(transcoder_, _entryAt(transcoder_, round), round);
    }

    function delegatesOf(address[] calldata who) external view returns (address[] memory delegates) {
        delegates = new address[](who.length);
        for (uint256 i = 0; i < who.length; i++) delegates[i] = address(uint160(delegators[who[i]].place));
    }

    function hasStake(address transcoder_) public view returns (bool) {
        return vaults[transcoder_].held() >= parameters.minTranscoderStake;
    }

    function claimantStake(address transcoder_, uint256 round, uint256 blockNumber, uint256 maxPrice)
        external
        view
        returns (uint256, bool)
    {
        return (_eligibleStake(transcoder_, round, blockNumber, maxPrice), hasStake(transcoder_));
    }

    fallback() external {
        address to = extension;
        assembly {
            calldatacopy(0, 0, calldatasize())
            let ok := delegatecall(gas(), to, 0, calldatasize(), 0, 0)
            returndatacopy(0, 0, returndatasize())
            switch ok
            case 0 { revert(0, returndatasize()) }
            default { return(0, returndatasize()) }
        }
    }

    // ---- checks ----
    function _checkDelegate(address delegator, address to) private view {
        if (to == address(0)) revert ZeroAddress();
        if (to != delegator && !candidates[to].registered) revert DelegateNotRegistered(to);
    }

    function _checkRate(string memory what, uint256 rate, uint256 max) private pure {
        if (rate > max) revert InvalidRate(what, rate, max);
    }

    /// `rounds` are consecutive started ones, over, active and neither rewarded nor punished.
    function _checkMissed(address who, uint256[] calldata rounds, uint256 current) private view {
        if (rounds.length != parameters.missedRewardRounds) revert InvalidParameter("rounds", rounds.length);
        Candidate storage c = candidates[who];
        uint256 count = totals.rounds;
        (uint256 place,) = Records.find(started, count, rounds[0]);
        for (uint256 i = 0; i < rounds.length; i++) {
            uint256 r = rounds[i];
            bool missed = r < current && r > c.lastRewardRound && r > c.punishedUntil && place != 0
                && place <= count && uint32(started[place - 1]) == r && isActiveTranscoderAt(who, r);
            if (!missed) revert NoMissedRewards(who, r);
            place++;
        }
    }

    // ---- delegations ----
    /// The delegation and its delegate's vault, rolled and settled; `v` is empty without one.
    function _settle(address who, uint256 round) private returns (Delegation memory d, VaultState memory v) {
        d = delegators[who].load();
        uint256 since = d.lastClaimRound + 1;
        d.lastClaimRound = round;
        if (d.delegate == address(0)) return (d, v);
        Vault storage s = vaults[d.delegate];
        v = s.open(round);
        uint256 fees = d.fees;
        d.settle(s, v, 0, round);
        fees = d.fees - fees;
        uint256 rewards = (d.pending + d.worth(v)).less(d.claimedBond);
        if (rewards != 0 || fees != 0) emit EarningsClaimed(d.delegate, who, rewards, fees, since, round);
    }

    function _store(address who, Delegation memory d, VaultState memory v) private {
        d.claimedBond = d.pending + d.worth(v);
        delegators[who].save(d);
    }

    function _storeVault(address delegate, VaultState memory v, uint256 round) private {
        if (delegate == address(0)) return;
        vaults[delegate].save(v);
        uint256 stake = v.stake + v.pending;
        if (stake == v.before) return;
        totals.bonded = (totals.bonded + stake - v.before).toUint96();
        _restake(delegate, stake, round);
    }

    /// Leave the old delegate with all there is, in a lock that is bound for the new one.
    function _changeDelegate(Delegation memory d, VaultState memory v, address to, uint256 round)
        private
        returns (VaultState memory)
    {
        uint256 bonded = d.pending + d.worth(v);
        if (bonded != 0) {
            address from = d.delegate;
            (uint256 lockId, LockState memory l) = _lock(d, v, bonded, to, round);
            emit MoveStarted(from, to, msg.sender, lockId, bonded, l.slashableUntil);
        }
        d.take(v, 0);
        _storeVault(d.delegate, v, round);
        d.delegate = to;
        v = vaults[to].open(round);
        d.feePerShare = v.feePerShare;
        d.slashIndex = v.slashCount;
        return v;
    }

    function _put(Delegation memory d, VaultState memory v, uint256 amount, uint256 round) private {
        if (v.pending == 0 && amount != 0) vaults[d.delegate].reserve(round);
        d.put(v, amount, round);
    }

    // ---- locks ----
    function _lock(Delegation memory d, VaultState memory v, uint256 amount, address destination, uint256 round)
        private
        returns (uint256 lockId, LockState memory l)
    {
        d.take(v, amount);
        lockId = d.nextLockId++;
        l = LockState({
            delegate: d.delegate,
            slashableUntil: block.number + parameters.slashablePeriod,
            slashIndex: v.slashCount,
            withdrawRound: round + parameters.unbondingPeriod,
            amount: amount,
            destination: destination
        });
        locks[msg.sender][lockId].save(l);
    }

    function _lockOf(address delegator, uint256 lockId) private view returns (LockState memory l) {
        l = locks[delegator][lockId].load();
        if (l.delegate == address(0)) revert InvalidLock(delegator, lockId);
    }

    /// What slashes took of it goes to the CommonPool now.  Returns the rest.
    function _endLock(address delegator, uint256 lockId, LockState memory l) private returns (uint256 amount) {
        amount = l.value(vaults[l.delegate]);
        delete locks[delegator][lockId];
        if (amount != l.amount) minter.trustedTransferTokens(treasury, l.amount - amount);
    }

    /// Back into the vault it came from; into any once no misdeed of the old delegate can reach it.
    function _rebond(Delegation memory d, VaultState memory v, uint256 lockId, uint256 round) private {
        LockState memory l = _lockOf(msg.sender, lockId);
        if (l.destination != address(0)) revert LockHasDestination(lockId, l.destination);
        if (l.delegate != d.delegate && block.number <= l.slashableUntil) {
            revert LockOfOtherDelegate(lockId, l.delegate);
        }
        _checkDelegate(msg.sender, d.delegate);
        uint256 amount = _endLock(msg.sender, lockId, l);
        _put(d, v, amount, round);
        _storeVault(d.delegate, v, round);
        _store(msg.sender, d, v);
        emit Rebond(d.delegate, msg.sender, lockId, amount);
    }

    // ---- candidates ----
    /// What gets worse for delegators is shown to them for a whole round before it holds: else good
    /// rates would draw them early in a round and be taken back before its lock period.
    function _setRates(Entry memory e, uint256 rewardCut, uint256 feeShare, uint256 round) private {
        Candidate storage c = candidates[msg.sender];
        bool worse = rewardCut > e.rewardCut || feeShare < e.feeShare;
        if (worse && c.records != 0) {
            c.laterRound = uint32(round + 2);
            (c.laterRewardCut, c.laterFeeShare) = (uint24(rewardCut), uint24(feeShare));
            return;
        }
        if (c.laterRound != 0) c.laterRound = 0;
        (e.rewardCut, e.feeShare) = (uint24(rewardCut), uint24(feeShare));
    }

    function _register(address who, uint256 round) private {
        (Delegation memory d, VaultState memory v) = _settle(who, round);
        if (d.delegate != who || d.pending + d.worth(v) == 0) revert NotBonded(who);
        uint256 stake = v.stake + v.pending;
        if (stake < parameters.minTranscoderStake) revert StakeTooSmall(stake, parameters.minTranscoderStake);
        _storeVault(d.delegate, v, round);
        _store(who, d, v);
        Candidate storage c = candidates[who];
        c.registered = true;
        _place(who, stake, round);
    }

    /// Leaves the pool or the waiting list; its vault stays.
    function _resign(address who, uint256 round) private {
        Candidate storage c = candidates[who];
        c.registered = false;
        if (c.position != 0) {
            uint256 index = c.position - 1;
            totals.next -= uint96(pool[index] >> 160);
            pool.remove(candidates, index, totals.size--);
            emit TranscoderDeactivated(who, round + 1);
        }
        _leaveWaiting(c);
        Entry memory e = _nextEntry(who, round);
        e.inPool = false;
        _record(who, e, round + 1);
        emit TranscoderResigned(who, round + 1);
    }

    /// A delegate's stake is another: its entry, its place, and the next round's total follow.
    function _restake(address who, uint256 stake, uint256 round) private {
        Candidate storage c = candidates[who];
        if (!c.registered) return;
        if (c.position == 0) return _place(who, stake, round);
        uint256 index = c.position - 1;
        totals.next = (totals.next + stake - (pool[index] >> 160)).toUint96();
        pool.update(candidates, index, stake, totals.size);
        _recordStake(who, stake, true, round);
    }

    /// A place for a candidate that is not in the pool.
    function _place(address who, uint256 stake, uint256 round) private {
        Candidate storage c = candidates[who];
        bool enough = stake >= parameters.minTranscoderStake;
        if (enough && _hasPlace(stake)) return _join(who, stake, round);
        if (!enough) _leaveWaiting(c);
        else if (c.waiting == 0) _wait(who, c);
        _recordStake(who, stake, false, round);
    }

    function _hasPlace(uint256 stake) private view returns (bool) {
        return totals.size < parameters.numActiveTranscoders || stake > pool[0] >> 160;
    }

    function _join(address who, uint256 stake, uint256 round) private {
        Candidate storage c = candidates[who];
        _leaveWaiting(c);
        uint256 next = totals.next + stake;
        if (totals.size < parameters.numActiveTranscoders) {
            pool.insert(candidates, who, stake, totals.size++);
        } else {
            uint256 root = pool[0];
            next -= root >> 160;
            pool.replaceRoot(candidates, who, stake, totals.size);
            _evicted(address(uint160(root)), root >> 160, round);
        }
        totals.next = next.toUint96();
        // Its work of then still counts when it is back soon: no grace for leaving and coming back.
        uint256 since = c.activeSince;
        if (since == 0 || round + 1 >= since + REENTRY && !_entryAt(who, round).inPool) {
            c.activeSince = uint32(round + 1);
        }
        _recordStake(who, stake, true, round);
        emit TranscoderActivated(who, round + 1);
    }

    function _evicted(address who, uint256 stake, uint256 round) private {
        if (stake >= parameters.minTranscoderStake) _wait(who, candidates[who]);
        _recordStake(who, stake, false, round);
        emit TranscoderDeactivated(who, round + 1);
    }

    function _wait(address who, Candidate storage c) private {
        waiting.push(who);
        c.waiting = uint32(waiting.length);
    }

    function _leaveWaiting(Candidate storage c) private {
        uint256 place = c.waiting;
        if (place == 0) return;
        address last = waiting[waiting.length - 1];
        waiting[place - 1] = last;
        candidates[last].waiting = uint32(place);
        waiting.pop();
        c.waiting = 0;
    }

    function _recordStake(address who, uint256 stake, bool inPool, uint256 round) private {
        Entry memory e = _nextEntry(who, round);
        e.stake = stake.toUint96();
        e.inPool = inPool;
        _record(who, e, round + 1);
    }

    // ---- earnings ----
    /// Rewards that the vault cannot take go to the CommonPool.  Returns what it took.
    function _grant(address who, uint256 tokens, uint256 rewardCut, uint256 round) private returns (uint256 taken) {
        VaultState memory v = vaults[who].open(round);
        uint256 room = v.room();
        taken = tokens < room ? tokens : room;
        if (taken != 0) {
            Delegation memory d;
            if (rewardCut != 0) d = delegators[who].loadStake();
            uint256 cut = d.delegate == who ? Perc.part(taken, rewardCut) : 0;
            if (cut != 0) d.settle(vaults[who], v, 0, round);
            uint256 got = v.earn(taken, cut);
            if (got != 0) {
                d.shares += got;
                delegators[who].saveMore(d);
            }
        }
        _storeVault(who, v, round);
        if (taken != tokens) minter.trustedTransferTokens(treasury, tokens - taken);
    }

    /// CompetitivenessTolerance: fees that reached delegators are in proportion to stake.
    function _isCompetitive(address who, Entry memory e, uint256 total, uint256 round) private view returns (bool) {
        uint256 since = e.inPool ? candidates[who].activeSince : round;
        if (round < since + parameters.competitivenessGrace) return true;
        uint256 expected = _decayed(networkWork, round) * e.stake / total;
        if (expected < parameters.competitivenessFloor) return true;
        uint256 least = expected * (Perc.ONE - parameters.competitivenessTolerance);
        return _decayed(works[who], round) * Perc.ONE >= least;
    }

    function _addWork(Work storage work, uint256 fees, uint256 round) private {
        work.amount = (_decayed(work, round) + fees).toUint128();
        work.round = uint32(round);
    }

    // ---- slashing ----
    function _slash(address who, address finder, uint256 perc, uint256 fee, uint256 round) private {
        VaultState memory v = vaults[who].open(round);
        uint256 taken = vaults[who].slash(v, perc);
        _storeVault(who, v, round);
        uint256 reward_ = finder == address(0) ? 0 : Perc.part(taken, fee);
        emit TranscoderSlashed(who, finder, taken, reward_);
        if (reward_ != 0) minter.trustedTransferTokens(finder, reward_);
        if (taken != reward_) minter.trustedTransferTokens(treasury, taken - reward_);
    }
}

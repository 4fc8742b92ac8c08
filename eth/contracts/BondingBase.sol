// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity ^0.8.28;

import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Manager} from "./Manager.sol";
import {IBondingTypes} from "./interfaces/IBondingManager.sol";
import {IController} from "./interfaces/IController.sol";
import {IJobsManager} from "./interfaces/IJobsManager.sol";
import {IRoundsManager} from "./interfaces/IRoundsManager.sol";
import {Candidate} from "./lib/PoolHeap.sol";
import {Records} from "./lib/Records.sol";
import {Delegator, Lock, Vault} from "./lib/Vault.sol";

/// What BondingManager and BondingExtension share: storage, and how it is read.
abstract contract BondingBase is Manager, IBondingTypes {
    using SafeCast for uint256;
    using Checkpoints for Checkpoints.Trace208;

    struct Parameters {
        uint32 unbondingPeriod;          // rounds
        uint16 numActiveTranscoders;
        uint96 minTranscoderStake;
        uint32 slashablePeriod;          // blocks
        uint24 missedRewardSlashAmount;  // PERC
        uint16 missedRewardRounds;
        uint24 finderFee;                // PERC
        uint24 competitivenessTolerance; // PERC
        uint32 competitivenessGrace;     // rounds
        uint128 competitivenessFloor;    // wei
    }

    struct Totals {
        uint96 bonded;         // all vaults
        uint96 next;           // the pool: the next round's active stake but for the drawn one
        uint32 rounds;         // started so far
        uint16 size;           // of the pool
    }

    /// Fees that reached delegators, decayed up to `round`.
    struct Work {
        uint128 amount;
        uint32 round;
        uint96 total;          // networkWork's: the active stake of the last round started
    }

    IJobsManager public immutable jobsManager;
    IRoundsManager public immutable roundsManager;

    Parameters internal parameters;
    Totals internal totals;
    Work internal networkWork;
    mapping(uint256 => uint256) internal pool;
    address[] internal waiting;
    /// All that ever registered: who was eligible in a past round is among them.
    address[] internal roster;
    mapping(address => Candidate) internal candidates;
    mapping(address => mapping(uint256 => uint256)) internal records;
    mapping(address => Work) internal works;
    /// By block: 1 from where a transcoder takes no jobs, 0 from where it does.
    mapping(address => Checkpoints.Trace208) internal absences;
    mapping(address => Vault) internal vaults;
    mapping(address => Delegator) internal delegators;
    mapping(address => mapping(uint256 => Lock)) internal locks;
    /// Started rounds: round 32 | total active stake 96.
    mapping(uint256 => uint256) internal started;
    mapping(uint256 => address) internal drawn;
    /// Commitment => block.
    mapping(bytes32 => uint256) internal findings;

    constructor(IController controller_, IJobsManager jobsManager_, IRoundsManager roundsManager_)
        Manager(controller_)
    {
        jobsManager = jobsManager_;
        roundsManager = roundsManager_;
    }

    function _open() internal view returns (uint256 round) {
        bool initialized;
        (round, initialized,) = roundsManager.roundState();
        _checkOpen(round, initialized);
    }

    function _checkOpen(uint256 round, bool initialized) internal view {
        if (controller.paused()) revert ManagerPaused();
        if (!initialized) revert RoundNotInitialized(round);
    }

    /// Up to the next round; of that, what is known so far.
    function _entryAt(address who, uint256 round) internal view returns (Entry memory e) {
        Candidate storage c = candidates[who];
        (, uint256 word) = Records.find(records[who], c.records, round);
        e = Records.unpack(word);
        uint256 later = c.laterRound;
        if (later == 0 || later > round) return e;
        (e.fromRound, e.rewardCut, e.feeShare) = (uint32(later), c.laterRewardCut, c.laterFeeShare);
    }

    /// What will be in force next round, to be changed and put on record.  Rates that waited and
    /// whose round has come go on record here: no record is older than what waits.
    function _nextEntry(address who, uint256 round) internal returns (Entry memory e) {
        e = _entryAt(who, round + 1);
        Candidate storage c = candidates[who];
        if (e.fromRound == 0 || e.fromRound != c.laterRound) return e;
        records[who][c.records++] = Records.pack(e);
        c.laterRound = 0;
    }

    function _record(address who, Entry memory e, uint256 fromRound) internal {
        uint256 last = e.fromRound;
        e.fromRound = fromRound.toUint32();
        Candidate storage c = candidates[who];
        uint256 count = Records.put(records[who], c.records, last, Records.pack(e));
        if (count != c.records) c.records = uint32(count);
    }

    /// Of a transcoder's own will: with what is known of the round after.
    function _update(address who, Entry memory e, uint256 round) internal {
        _record(who, e, round + 1);
        emit TranscoderUpdate(who, e.rewardCut, e.feeShare, e.price, round + 1);
        Candidate storage c = candidates[who];
        uint256 later = c.laterRound;
        if (later != 0) emit TranscoderUpdate(who, c.laterRewardCut, c.laterFeeShare, e.price, later);
    }

    function _isActive(address who, Entry memory e, uint256 round) internal view returns (bool) {
        return e.inPool || drawn[round] == who;
    }

    function _activeStakeAt(uint256 round) internal view returns (uint256) {
        (, uint256 word) = Records.find(started, totals.rounds, round);
        return word >> 32;
    }

    function _takeFinding(address finder, bytes32 salt, bytes32 action) internal returns (bool) {
        bytes32 commitment = keccak256(abi.encode(finder, salt, action));
        uint256 made = findings[commitment];
        if (made == 0 || made >= block.number) return false;
        delete findings[commitment];
        return true;
    }

    function _eligibleStake(address who, uint256 round, uint256 blockNumber, uint256 maxPrice)
        internal
        view
        returns (uint256)
    {
        Entry memory e = _entryAt(who, round);
        if (e.price > maxPrice || !_isActive(who, e, round)) return 0;
        return absences[who].upperLookupRecent(uint48(blockNumber)) == 0 ? e.stake : 0;
    }

    /// x (29/30)^(rounds since), rounded down.
    function _decayed(Work memory work, uint256 round) internal pure returns (uint256) {
        uint256 left = 1e18;
        uint256 power = 29e18 / uint256(30);
        uint256 n = round - work.round;
        // left and power are at most 1e18, amount has 128 bits.
        unchecked {
            while (n != 0 && left != 0) {
                if (n & 1 != 0) left = left * power / 1e18;
                n >>= 1;
                if (n != 0) power = power * power / 1e18;
            }
            return uint256(work.amount) * left / 1e18;
        }
    }
}

// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity ^0.8.28;

/// Types, events and errors of both parts.
interface IBondingTypes {
    enum DelegatorStatus { Pending, Bonded, Unbonded }
    enum TranscoderStatus { NotRegistered, Registered }

    /// What is in force of a transcoder from a round on.  In one word of storage.
    struct Entry {
        uint32 fromRound;
        uint96 stake;        // all that is bonded to it
        uint64 price;        // wei a unit
        uint24 rewardCut;    // PERC it keeps of rewards
        uint24 feeShare;     // PERC of fees it gives to the vault
        bool inPool;
    }

    /// One row of what a delegator decides by.
    struct TranscoderInfo {
        address transcoder;
        uint96 stake;            // now, with the pending part
        uint96 selfStake;
        uint64 price;            // next round's
        uint24 rewardCut;
        uint24 feeShare;
        bool registered;
        bool inPool;             // next round
        bool active;             // this round
        bool available;
        uint32 lastRewardRound;
        uint32 activeSince;      // the grace counts from here; kept by one that is back within 30 rounds
        uint32 missedRewards;    // counted by missedRewardSlash
        uint32 slashes;
        uint256 work;            // decayed fees that reached delegators, wei
        uint32 laterRound;       // after next round, from which these two hold; 0 if no others are set
        uint24 laterRewardCut;
        uint24 laterFeeShare;
    }

    event Bond(address indexed newDelegate, address indexed oldDelegate, address indexed delegator, uint256 additionalAmount, uint256 bondedAmount);
    event Unbond(address indexed delegate, address indexed delegator, uint256 unbondingLockId, uint256 amount, uint256 withdrawRound);
    event Rebond(address indexed delegate, address indexed delegator, uint256 unbondingLockId, uint256 amount);
    /// A lock with a destination, made by bond(amount, to) with another delegate.
    event MoveStarted(address indexed fromDelegate, address indexed toDelegate, address indexed delegator, uint256 unbondingLockId, uint256 amount, uint256 slashableUntil);
    event MoveCompleted(address indexed toDelegate, address indexed delegator, uint256 unbondingLockId, uint256 amount);
    event WithdrawStake(address indexed delegator, uint256 unbondingLockId, uint256 amount, uint256 withdrawRound);
    event WithdrawFees(address indexed delegator, address recipient, uint256 amount);
    event EarningsClaimed(address indexed delegate, address indexed delegator, uint256 rewards, uint256 fees, uint256 startRound, uint256 endRound);
    /// What holds from a round on.  A call tells all that is known: two when worse rates come later.
    event TranscoderUpdate(address indexed transcoder, uint256 rewardCut, uint256 feeShare, uint256 pricePerSegment, uint256 fromRound);
    event TranscoderAvailability(address indexed transcoder, bool available, uint256 fromBlock);
    event TranscoderActivated(address indexed transcoder, uint256 activationRound);
    event TranscoderDeactivated(address indexed transcoder, uint256 deactivationRound);
    event TranscoderResigned(address indexed transcoder, uint256 fromRound);
    event TranscoderDrawn(address indexed transcoder, uint256 indexed round);
    event TranscoderSlashed(address indexed transcoder, address finder, uint256 penalty, uint256 finderReward);
    event Reward(address indexed transcoder, uint256 amount);
    event FeesReceived(address indexed transcoder, uint256 fees, uint256 delegatorsFees, uint256 round);
    event FindingCommitted(address indexed finder, bytes32 commitment);
    event ParameterUpdate(string param);

    error RoundNotInitialized(uint256 round);
    error RoundLocked(uint256 round);
    error OnlyJobsManager(address sender);
    error OnlyRoundsManager(address sender);
    error ZeroAmount();
    error ZeroAddress();
    error AmountTooLarge(uint256 amount, uint256 max);
    error InsufficientBond(uint256 asked, uint256 bonded);
    error NotBonded(address delegator);
    error DelegateNotRegistered(address delegate);
    error TranscoderCannotMove(address transcoder);
    error StillBonded(address delegator, uint256 bonded);
    error InvalidLock(address delegator, uint256 lockId);
    error LockNotMature(uint256 lockId, uint256 withdrawRound, uint256 slashableUntil);
    error LockHasDestination(uint256 lockId, address to);
    error LockOfOtherDelegate(uint256 lockId, address delegate);
    error InvalidRate(string what, uint256 value, uint256 max);
    error StakeTooSmall(uint256 stake, uint256 min);
    error NotRegistered(address transcoder);
    error NotActive(address transcoder, uint256 round);
    error AlreadyRewarded(address transcoder, uint256 round);
    error PriceNotLower(uint256 price, uint256 current);
    error PriceBelowMatched(uint256 price, uint256 matched);
    error NotWaiting(address candidate);
    error NoPlaceInPool(uint256 stake, uint256 smallest);
    error InsufficientFees(uint256 asked, uint256 fees);
    error FeeTransferFailed(address recipient, uint256 amount);
    error NoMissedRewards(address transcoder, uint256 round);
    error InvalidParameter(string param, uint256 value);

}

/// What BondingManager itself does.
interface IBondingActions is IBondingTypes {
    // ---- delegators ----
    function bond(uint256 amount, address to) external;
    function unbond(uint256 amount) external;
    function rebond(uint256 unbondingLockId) external;
    function rebondFromUnbonded(address to, uint256 unbondingLockId) external;
    /// Anyone, for anyone, after the lock's slashableUntil.
    function completeMove(address delegator, uint256 unbondingLockId) external;
    /// These two work while the system is paused.
    function withdrawStake(uint256 unbondingLockId) external;
    function withdrawFees(address payable recipient, uint256 amount) external;
    /// Settle the caller's pending stake and fees.  endRound must be the current round.
    function claimEarnings(uint256 endRound) external;

    // ---- transcoders ----
    /// Registers the caller, or changes its rates.  What makes them worse for delegators (a higher
    /// rewardCut or a lower feeShare than next round's) holds from the round after the next, both
    /// rates; else they hold from the next, and what waited is cancelled.  The price: next round.
    function transcoder(uint256 rewardCut, uint256 feeShare, uint256 pricePerSegment) external;
    function resignAsTranscoder() external;
    function promote(address candidate) external;
    function reward() external;

    // ---- finders ----
    /// `rounds`: missedRewardRounds consecutive initialised rounds, ascending, all after the last
    /// one that was rewarded or punished.  salt: of the commitment, 0 for none.
    function missedRewardSlash(address transcoder, uint256[] calldata rounds, bytes32 salt) external;

    // ---- contracts ----
    /// JobsManager only.  finder 0: no fee.
    function slashTranscoder(address transcoder, address finder, uint256 slashAmount, uint256 finderFee) external;
    /// JobsManager only, with the ETH.  round: the job's, whose feeShare counts.
    function updateTranscoderWithFees(address transcoder, uint256 fees, uint256 round) external payable;

    // ---- what other contracts read ----
    /// eligibleStake and hasStake at once.
    function claimantStake(address transcoder, uint256 round, uint256 blockNumber, uint256 maxPrice) external view returns (uint256 stake, bool hasStake_);
    function isActiveTranscoderAt(address transcoder, uint256 round) external view returns (bool);
    /// delegateOf each.
    function delegatesOf(address[] calldata delegators) external view returns (address[] memory);
    /// At least minTranscoderStake is bonded to it now, pending or not: a misdeed has a price.
    function hasStake(address transcoder) external view returns (bool);
}

/// What it hands on to BondingExtension, by delegatecall.
interface IBondingRest is IBondingTypes {
    /// RoundsManager only, at a round's start.
    function setCurrentRoundTotalActiveStake(bytes32 drawHash) external;
    function lowerPrice(uint256 pricePerSegment, address matched) external;
    function transcodeAvailability(bool available) external;
    function commitFinding(bytes32 commitment) external;
    /// Consume finder's commitment to keccak256(abi.encode(finder, salt, action)): true if it was
    /// made in an earlier block.  JobsManager only.
    function takeFinding(address finder, bytes32 salt, bytes32 action) external returns (bool);
    /// Election of a job: active in `round`, available at `blockNumber`, price <= maxPrice.
    /// stake is that of the round, 0 if not eligible.
    function eligibleStake(address transcoder, uint256 round, uint256 blockNumber, uint256 maxPrice) external view returns (uint256 stake);
    /// To whom it is bonded now, pending or not; 0 for nobody.
    function delegateOf(address delegator) external view returns (address);
    function entryAt(address transcoder, uint256 round) external view returns (Entry memory);
    function isActiveTranscoder(address transcoder) external view returns (bool);
    /// Of a past or the current round; a round never initialised has that of the last one before.
    function totalActiveStakeAt(uint256 round) external view returns (uint256);
    function getTotalBonded() external view returns (uint256);
    function currentRoundTotalActiveStake() external view returns (uint256);
    function drawnTranscoder(uint256 round) external view returns (address);
    function isRegisteredTranscoder(address transcoder) external view returns (bool);
    function transcoderStatus(address transcoder) external view returns (TranscoderStatus);
    function delegatorStatus(address delegator) external view returns (DelegatorStatus);
    function transcoderTotalStake(address transcoder) external view returns (uint256);
    function nextRoundTotalActiveStake() external view returns (uint256);
    function pendingStake(address delegator, uint256 endRound) external view returns (uint256);
    function pendingFees(address delegator, uint256 endRound) external view returns (uint256);
    /// bondedAmount and fees as they would be if settled now.
    function getDelegator(address delegator) external view returns (uint256 bondedAmount, uint256 fees, address delegateAddress, uint256 delegatedAmount, uint256 startRound, uint256 lastClaimRound, uint256 nextUnbondingLockId);
    function getDelegatorUnbondingLock(address delegator, uint256 unbondingLockId) external view returns (uint256 amount, uint256 withdrawRound);
    /// amount is what it would pay now.  destination 0: an unbonding lock.
    function getLock(address delegator, uint256 unbondingLockId) external view returns (uint256 amount, uint256 withdrawRound, uint256 slashableUntil, address delegate, address destination);
    function isValidUnbondingLock(address delegator, uint256 unbondingLockId) external view returns (bool);
    function getTranscoderPoolSize() external view returns (uint256);
    function getTranscoderPoolMaxSize() external view returns (uint256);
    /// By stake, largest first (the pool itself is not sorted: for calls off chain).
    function getFirstTranscoderInPool() external view returns (address);
    function getNextTranscoderInPool(address transcoder) external view returns (address);
    function getWaitingListSize() external view returns (uint256);
    function getTranscoderInfo(address transcoder) external view returns (TranscoderInfo memory);
    /// Rows offset .. offset+limit of all that are registered: the pool (in no order), then the
    /// waiting list; total: how many there are.
    function getTranscoders(uint256 offset, uint256 limit) external view returns (TranscoderInfo[] memory rows, uint256 total);
    /// All that are eligible for a job of this block, with their stakes: what a node ranks.
    function getCandidates(uint256 round, uint256 blockNumber, uint256 maxPrice) external view returns (address[] memory transcoders, uint256[] memory stakes);

    // ---- parameters (setters: owner of the Controller) ----
    function unbondingPeriod() external view returns (uint64);           /// rounds
    function numActiveTranscoders() external view returns (uint256);     /// N
    function minTranscoderStake() external view returns (uint256);
    function missedRewardSlashAmount() external view returns (uint256);
    function missedRewardRounds() external view returns (uint256);
    function competitivenessTolerance() external view returns (uint256);
    function competitivenessGrace() external view returns (uint256);     /// rounds
    function competitivenessFloor() external view returns (uint256);     /// wei
    function slashablePeriod() external view returns (uint256);          /// blocks
    function finderFee() external view returns (uint256);                /// PERC
    function setUnbondingPeriod(uint64 rounds) external;
    /// Only upwards.
    function setNumActiveTranscoders(uint256 n) external;
    function setMinTranscoderStake(uint256 amount) external;
    function setSlashablePeriod(uint256 blocks) external;
    function setMissedRewardSlashAmount(uint256 perc) external;
    function setMissedRewardRounds(uint256 rounds) external;
    function setCompetitiveness(uint256 tolerance, uint256 graceRounds, uint256 floorWei) external;
    function setFinderFee(uint256 perc) external;
}

/// Stake: bonding, delegation, transcoders, rewards, earnings, slashing.
/// Rules: docs/contracts.md 3.  Signatures that today's Livepeer has are the same here.
/// Unless said otherwise a function needs the system not paused and the current round
/// initialised (errors ManagerPaused, RoundNotInitialized(round)).
interface IBondingManager is IBondingActions, IBondingRest {}

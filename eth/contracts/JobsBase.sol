// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity ^0.8.28;

import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Manager} from "./Manager.sol";
import {IBondingManager} from "./interfaces/IBondingManager.sol";
import {IController} from "./interfaces/IController.sol";
import {IJobsManager} from "./interfaces/IJobsManager.sol";
import {IRoundsManager} from "./interfaces/IRoundsManager.sol";
import {IVerifier} from "./interfaces/IVerifier.sol";
import {Failures} from "./lib/Failures.sol";
import {Perc} from "./lib/Perc.sol";

/// Storage of jobs and claims, and what both halves of the JobsManager do with it.  The halves are
/// JobsManager (what is done every day) and JobsExtension (findings, verdicts that come later,
/// views, parameters): together they are larger than the 24,576 bytes a contract may have.
///
/// ETH here is deposits, escrows of jobs (what no claim has reserved), and fees reserved by pending
/// claims; nothing else, and their sum is the balance.  Fees of a claim are not stored: they follow
/// from its number of segments and the job's price, less what verifiers got for those verified.
abstract contract JobsBase is Manager, ReentrancyGuardTransient {
    using Failures for Failures.Ring;

    IBondingManager internal immutable bondingManager;
    IRoundsManager internal immutable roundsManager;
    IVerifier internal immutable verifier;

    /// How far back EIP-2935 goes.
    uint256 internal constant HISTORY = 8191;

    struct Settings {
        uint64 numJobs;
        uint16 params;  // index of those in force
        uint32 failedVerificationSlashAmount;
        uint32 missedVerificationSlashAmount;
        uint32 verificationFailureThreshold;
    }

    struct Head {
        address broadcaster;
        uint40 creationBlock;
        uint40 endBlock;
        uint16 params;
    }

    struct Money {
        uint96 escrow;
        uint64 price;
        uint32 units;
        uint32 creationRound;
        uint32 pendingClaims;
    }

    struct JobState {
        Head head;
        Money money;
        bytes32 details;
    }

    /// Of a transcoder on a job.  A refutation is one write here: its pending claims are void by
    /// `refuted`, and the sum of their fees is known.
    struct Progress {
        uint64 nextSequence;
        uint32 claims;
        uint32 pendingClaims;
        uint96 pendingFees;
        uint8 rank;
        bool relinquished;
        bool refuted;
    }

    struct ClaimWord {
        uint40 claimBlock;
        uint40 segments;
        uint64 lastVerified;
        uint16 verified;
        uint16 passed;
        uint16 batches;
        uint16 params;
        IJobsManager.ClaimStatus status;
        uint40 settledAt;
    }

    struct ClaimState {
        bytes32 content;
        ClaimWord word;
        bytes32 verifiedChain;
    }

    Settings internal settings;
    mapping(uint256 index => IJobsManager.ClaimParams) internal params;
    /// Deposits: what is in no escrow.
    mapping(address broadcaster => uint256) public broadcasters;
    mapping(uint256 jobId => JobState) internal jobs;
    mapping(uint256 jobId => mapping(address transcoder => Progress)) internal progresses;
    mapping(uint256 jobId => mapping(address transcoder => mapping(uint256 => ClaimState))) internal claims;
    mapping(address transcoder => Failures.Ring) internal failures;

    constructor(
        IController controller_,
        IBondingManager bondingManager_,
        IRoundsManager roundsManager_,
        IVerifier verifier_
    ) Manager(controller_) {
        bondingManager = bondingManager_;
        roundsManager = roundsManager_;
        verifier = verifier_;
    }

    // ---- jobs ----

    function existing(uint256 jobId) internal view returns (JobState storage job) {
        job = jobs[jobId];
        if (job.head.broadcaster == address(0)) revert IJobsManager.UnknownJob(jobId);
    }

    /// Last block in which claims are taken.
    function claimableUntil(Head memory head) internal view returns (uint256) {
        return uint256(head.endBlock) + params[head.params].claimPeriod;
    }

    /// The hash that elects.
    function electionSeed(Head memory head) internal view returns (bytes32) {
        return roundsManager.blockHash(uint256(head.creationBlock) + 1);
    }

    // ---- claims ----

    function claimOf(IJobsManager.ClaimRef memory ref) internal view returns (ClaimState storage) {
        return claims[ref.jobId][ref.transcoder][ref.claimId];
    }

    function progressOf(IJobsManager.ClaimRef memory ref) internal view returns (Progress storage) {
        return progresses[ref.jobId][ref.transcoder];
    }

    /// What a claim is: a refutation does not touch the claims it voids.
    function statusOf(ClaimWord memory word, bool refuted) internal pure returns (IJobsManager.ClaimStatus) {
        bool isVoid = refuted && word.status == IJobsManager.ClaimStatus.Pending;
        return isVoid ? IJobsManager.ClaimStatus.Void : word.status;
    }

    function isPending(IJobsManager.ClaimRef memory ref) internal view returns (bool) {
        ClaimWord memory word = claimOf(ref).word;
        return statusOf(word, progressOf(ref).refuted) == IJobsManager.ClaimStatus.Pending;
    }

    /// The claim, which is still pending.
    function pending(IJobsManager.ClaimRef memory ref)
        internal
        view
        returns (ClaimState storage claim, ClaimWord memory word)
    {
        claim = claimOf(ref);
        word = claim.word;
        if (word.status == IJobsManager.ClaimStatus.None) {
            revert IJobsManager.UnknownClaim(ref.jobId, ref.transcoder, ref.claimId);
        }
        IJobsManager.ClaimStatus status = statusOf(word, progressOf(ref).refuted);
        if (status != IJobsManager.ClaimStatus.Pending) revert IJobsManager.ClaimNotPending(status);
    }

    /// Fees reserved by a claim and not yet given to verifiers, when `verified` segments are.
    function feesOf(Money memory money, ClaimWord memory word, uint256 verifierFee_)
        internal
        pure
        returns (uint256)
    {
        uint256 segmentFee = uint256(money.units) * money.price;
        uint256 fees = word.segments * segmentFee;
        uint256 forVerifiers = Perc.part(word.verified * segmentFee, verifierFee_);
        return forVerifiers > fees / 2 ? fees - fees / 2 : fees - forVerifiers;
    }

    /// The claim is over: its fees are reserved no more.  The caller says where they go.
    function close(IJobsManager.ClaimRef memory ref, ClaimWord memory word, IJobsManager.ClaimStatus status)
        internal
        returns (uint256 fees)
    {
        Money storage money = jobs[ref.jobId].money;
        fees = feesOf(money, word, params[word.params].verifierFee);
        word.status = status;
        claimOf(ref).word = word;
        Progress storage p = progressOf(ref);
        p.pendingClaims -= 1;
        p.pendingFees -= uint96(fees);
        money.pendingClaims -= 1;
    }

    /// The fees go back to the job.
    function voidClaim(
        IJobsManager.ClaimRef memory ref,
        ClaimWord memory word,
        IJobsManager.VoidReason reason
    ) internal {
        uint256 fees = close(ref, word, IJobsManager.ClaimStatus.Void);
        jobs[ref.jobId].money.escrow += uint96(fees);
        emit IJobsManager.ClaimVoided(ref.transcoder, ref.jobId, ref.claimId, reason, fees);
    }

    /// Deadlines of a claim: last block to verify, last block to slash, first block to pay.
    function deadlines(ClaimWord memory word)
        internal
        view
        returns (uint256 verifyUntil, uint256 slashUntil, uint256 payableFrom)
    {
        IJobsManager.ClaimParams memory p = params[word.params];
        verifyUntil = uint256(word.claimBlock) + p.verificationPeriod;
        payableFrom = verifyUntil + p.slashingPeriod;
        slashUntil = payableFrom - 1;
    }

    /// The hash that challenges segments of a claim: of the block after it.
    function challengeSeed(ClaimWord memory word) internal view returns (bytes32) {
        return roundsManager.blockHash(uint256(word.claimBlock) + 1);
    }

    function isChallenged(ClaimWord memory word, bytes32 seed, uint256 sequence, uint256 rate)
        internal
        pure
        returns (bool)
    {
        return uint256(keccak256(abi.encode(uint256(word.claimBlock) + 1, seed, sequence))) % rate == 0;
    }

    function checkContent(ClaimState storage claim, bytes32 root, bytes calldata ranges) internal view {
        if (contentHash(root, ranges) != claim.content) revert IJobsManager.ContentMismatch();
    }

    function contentHash(bytes32 root, bytes calldata ranges) internal pure returns (bytes32) {
        return keccak256(abi.encode(root, keccak256(ranges)));
    }

    function chained(bytes32 chain, uint256 sequence) internal pure returns (bytes32) {
        return keccak256(abi.encode(chain, sequence));
    }

    /// All segments of a batch passed.
    function passBatch(IJobsManager.ClaimRef memory ref, uint256 count) internal {
        ClaimWord storage word = claimOf(ref).word;
        word.passed += uint16(count);
        word.settledAt = uint40(block.number);
        failures[ref.transcoder].add(roundsManager.currentRound(), count, 0);
    }
}

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

    /// A claim is one new word.  23 bytes of its content's hash are enough: who wants another root
    /// to be its claim's, too, has 2^92 hashes to try before it claims.
    struct ClaimHead {
        bytes23 content;
        uint32 claimBlock;
        uint16 segments;
        uint16 params;
        IJobsManager.ClaimStatus status;
    }

    /// What was verified of a claim: a word that only challenged claims have.
    struct Verified {
        uint64 next;    // least sequence that may follow
        uint16 count;
        uint16 passed;
        uint16 batches;
        uint32 settledAt;
        bytes14 chain;  // hash of the sequences, one after the other
    }

    struct ClaimState {
        ClaimHead head;
        Verified verified;
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
        return hashOf(uint256(head.creationBlock) + 1);
    }

    // ---- claims ----

    function claimOf(IJobsManager.ClaimRef memory ref) internal view returns (ClaimState storage) {
        return claims[ref.jobId][ref.transcoder][ref.claimId];
    }

    function progressOf(IJobsManager.ClaimRef memory ref) internal view returns (Progress storage) {
        return progresses[ref.jobId][ref.transcoder];
    }

    /// What a claim is: a refutation does not touch the claims it voids.
    function statusOf(ClaimHead memory head, bool refuted) internal pure returns (IJobsManager.ClaimStatus) {
        bool isVoid = refuted && head.status == IJobsManager.ClaimStatus.Pending;
        return isVoid ? IJobsManager.ClaimStatus.Void : head.status;
    }

    function isPending(IJobsManager.ClaimRef memory ref) internal view returns (bool) {
        ClaimHead memory head = claimOf(ref).head;
        return statusOf(head, progressOf(ref).refuted) == IJobsManager.ClaimStatus.Pending;
    }

    /// The claim, which is still pending.
    function pending(IJobsManager.ClaimRef memory ref)
        internal
        view
        returns (ClaimState storage claim, ClaimHead memory head)
    {
        claim = claimOf(ref);
        head = claim.head;
        if (head.status == IJobsManager.ClaimStatus.None) {
            revert IJobsManager.UnknownClaim(ref.jobId, ref.transcoder, ref.claimId);
        }
        IJobsManager.ClaimStatus status = statusOf(head, progressOf(ref).refuted);
        if (status != IJobsManager.ClaimStatus.Pending) revert IJobsManager.ClaimNotPending(status);
    }

    /// Fees reserved by a claim and not given to verifiers, when so many of its segments are verified.
    function feesOf(Money memory money, uint256 segments, uint256 verified, uint256 verifierFee_)
        internal
        pure
        returns (uint256)
    {
        uint256 segmentFee = uint256(money.units) * money.price;
        uint256 fees = segments * segmentFee;
        uint256 forVerifiers = Perc.part(verified * segmentFee, verifierFee_);
        return forVerifiers > fees / 2 ? fees - fees / 2 : fees - forVerifiers;
    }

    /// The claim is over: its fees are reserved no more.  The caller says where they go.
    function close(IJobsManager.ClaimRef memory ref, ClaimHead memory head, IJobsManager.ClaimStatus status)
        internal
        returns (uint256 fees)
    {
        ClaimState storage claim = claimOf(ref);
        Money storage money = jobs[ref.jobId].money;
        fees = feesOf(money, head.segments, claim.verified.count, params[head.params].verifierFee);
        claim.head.status = status;
        Progress storage p = progressOf(ref);
        p.pendingClaims -= 1;
        p.pendingFees -= uint96(fees);
        money.pendingClaims -= 1;
    }

    /// The fees go back to the job.
    function voidClaim(
        IJobsManager.ClaimRef memory ref,
        ClaimHead memory head,
        IJobsManager.VoidReason reason
    ) internal {
        uint256 fees = close(ref, head, IJobsManager.ClaimStatus.Void);
        jobs[ref.jobId].money.escrow += uint96(fees);
        emit IJobsManager.ClaimVoided(ref.transcoder, ref.jobId, ref.claimId, reason, fees);
    }

    /// Deadlines of a claim: last block to verify, last block to slash, first block to pay.
    function deadlines(ClaimHead memory head)
        internal
        view
        returns (uint256 verifyUntil, uint256 slashUntil, uint256 payableFrom)
    {
        IJobsManager.ClaimParams memory p = params[head.params];
        verifyUntil = uint256(head.claimBlock) + p.verificationPeriod;
        payableFrom = verifyUntil + p.slashingPeriod;
        slashUntil = payableFrom - 1;
    }

    /// The hash that challenges segments of a claim: of the block after it.
    function challengeSeed(ClaimHead memory head) internal view returns (bytes32) {
        return hashOf(uint256(head.claimBlock) + 1);
    }

    /// Most are asked for within the 256 blocks in which it costs nearly nothing.
    function hashOf(uint256 n) private view returns (bytes32 h) {
        h = blockhash(n);
        if (h == 0) h = roundsManager.blockHash(n);
    }

    function isChallenged(ClaimHead memory head, bytes32 seed, uint256 sequence, uint256 rate)
        internal
        pure
        returns (bool)
    {
        uint256 challengeBlock = uint256(head.claimBlock) + 1;
        uint256 h;
        // keccak256(abi.encode(challengeBlock, seed, sequence))
        assembly ("memory-safe") {
            let p := mload(0x40)
            mstore(p, challengeBlock)
            mstore(add(p, 0x20), seed)
            mstore(add(p, 0x40), sequence)
            h := keccak256(p, 0x60)
        }
        return h % rate == 0;
    }

    function checkContent(ClaimHead memory head, bytes32 root, bytes calldata ranges) internal pure {
        if (contentHash(root, ranges) != head.content) revert IJobsManager.ContentMismatch();
    }

    function contentHash(bytes32 root, bytes calldata ranges) internal pure returns (bytes23) {
        return bytes23(hash2(root, keccak256(ranges)));
    }

    function chained(bytes14 chain, uint256 sequence) internal pure returns (bytes14) {
        return bytes14(hash2(bytes32(chain), bytes32(sequence)));
    }

    /// keccak256(abi.encode(a, b)) in the scratch space.
    function hash2(bytes32 a, bytes32 b) private pure returns (bytes32 h) {
        assembly ("memory-safe") {
            mstore(0, a)
            mstore(0x20, b)
            h := keccak256(0, 0x40)
        }
    }

    /// All segments of a batch passed.  In the statistics they count once the claim is paid: nothing
    /// overturns them any more.
    function passBatch(IJobsManager.ClaimRef memory ref, uint256 count) internal {
        Verified storage v = claimOf(ref).verified;
        v.passed += uint16(count);
        v.settledAt = uint32(block.number);
    }
}

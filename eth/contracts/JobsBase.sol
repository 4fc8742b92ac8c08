// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity ^0.8.28;

import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Manager} from "./Manager.sol";
import {IBondingManager} from "./interfaces/IBondingManager.sol";
import {IController} from "./interfaces/IController.sol";
import {IJobsManager} from "./interfaces/IJobsManager.sol";
import {IRoundsManager} from "./interfaces/IRoundsManager.sol";
import {IVerifier} from "./interfaces/IVerifier.sol";
import {BlockHash} from "./lib/BlockHash.sol";
import {Failures} from "./lib/Failures.sol";
import {Perc} from "./lib/Perc.sol";

/// Storage of jobs and claims, and what both halves of the JobsManager do with it.  The halves are
/// JobsManager (what is done every day) and JobsExtension (findings, verdicts that come later,
/// views, parameters): together they are larger than the 24,576 bytes a contract may have.
///
/// ETH here is deposits, escrows of jobs (what no claim has reserved), fees reserved by pending
/// claims, fees of batches that await a verdict, and what verifiers are owed; nothing else, and
/// their sum is the balance.  Fees of a claim are not stored: they follow from its number of segments
/// and the job's price, less what is for the verifiers of those verified.
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

    /// What was verified of a claim.  The word is made with the claim, so that a batch only changes
    /// it.  17 bytes of a hash: who wants two lists of batches to be the same has 2^68 hashes to try
    /// between the challenge, which is hashed with them, and the end of the time to verify.
    struct Verified {
        uint64 next;      // least sequence that may follow
        uint16 count;     // segments
        uint8 open;       // batches whose verdict is awaited
        uint32 settledAt; // block of the last PASS that may be appealed
        bytes17 chain;    // of hashes of the batches, begun with the start of the claim's content
    }

    struct ClaimState {
        ClaimHead head;
        uint256 verified;   // a Verified, packed
    }

    Settings internal settings;
    mapping(uint256 index => IJobsManager.ClaimParams) internal params;
    /// Deposits: what is in no escrow.
    mapping(address broadcaster => uint256) public broadcasters;
    mapping(uint256 jobId => JobState) internal jobs;
    mapping(uint256 jobId => mapping(address transcoder => Progress)) internal progresses;
    mapping(uint256 jobId => mapping(address transcoder => mapping(uint256 => ClaimState))) internal claims;
    mapping(address transcoder => Failures.Ring) internal failures;
    /// Wei that a verifier, or the Treasury in place of all, may withdraw.
    mapping(address verifier => uint256) internal owed;

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

    modifier onlyVerifier() {
        if (msg.sender != address(verifier)) revert IJobsManager.OnlyVerifier(msg.sender);
        _;
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

    function segmentFeeOf(Money memory money) internal pure returns (uint256) {
        return uint256(money.units) * money.price;
    }

    /// Fees reserved by a claim and not given to verifiers, when so many of its segments are verified.
    function feesOf(uint256 segmentFee, uint256 segments, uint256 verified, uint256 verifierFee_)
        internal
        pure
        returns (uint256)
    {
        uint256 fees = segments * segmentFee;
        uint256 forVerifiers = Perc.part(verified * segmentFee, verifierFee_);
        return forVerifiers > fees / 2 ? fees - fees / 2 : fees - forVerifiers;
    }

    /// What the verifiers of so many segments get, when so many were verified before.
    function feeOfBatch(
        uint256 segmentFee,
        ClaimHead memory head,
        IJobsManager.ClaimParams memory p,
        uint256 before,
        uint256 count
    ) internal pure returns (uint256) {
        return feesOf(segmentFee, head.segments, before, p.verifierFee)
            - feesOf(segmentFee, head.segments, before + count, p.verifierFee);
    }

    /// The claim is over: its fees are reserved no more.  The caller says where they go.
    function close(IJobsManager.ClaimRef memory ref, ClaimHead memory head, IJobsManager.ClaimStatus status)
        internal
        returns (uint256 fees)
    {
        ClaimState storage claim = claimOf(ref);
        Money storage money = jobs[ref.jobId].money;
        uint256 verified = unpack(claim.verified).count;
        fees = feesOf(segmentFeeOf(money), head.segments, verified, params[head.params].verifierFee);
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

    /// Recent in most cases, which costs less than to ask whether it is sealed.
    function hashOf(uint256 n) private view returns (bytes32 h) {
        h = BlockHash.recent(n);
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

    // ---- what was verified ----

    /// In one write: a struct is written field by field.
    function pack(Verified memory v) internal pure returns (uint256) {
        return uint256(v.next) | uint256(v.count) << 64 | uint256(v.open) << 80 | uint256(v.settledAt) << 88
            | uint256(bytes32(v.chain));
    }

    function unpack(uint256 word) internal pure returns (Verified memory v) {
        v.next = uint64(word);
        v.count = uint16(word >> 64);
        v.open = uint8(word >> 80);
        v.settledAt = uint32(word >> 88);
        v.chain = bytes17(bytes32(word >> 120 << 120));
    }

    /// One batch more.  signers: hash of the words of those that settled it, 0 if it awaits a verdict.
    function chained(bytes17 chain, bytes32 seed, bytes32 sequences, bytes32 work, bytes32 signers)
        internal
        pure
        returns (bytes17)
    {
        return bytes17(keccak256(abi.encode(chain, seed, sequences, work, signers)));
    }

    /// keccak256(abi.encode(details)): it lies in call data as it is encoded.
    function detailsHash(IJobsManager.JobDetails calldata details) internal pure returns (bytes32 h) {
        assembly ("memory-safe") {
            let p := mload(0x40)
            calldatacopy(p, details, 0xc0)
            h := keccak256(p, 0xc0)
        }
    }

    /// keccak256(abi.encodePacked(words))
    function hashOfWords(uint256[] memory words) internal pure returns (bytes32 h) {
        assembly ("memory-safe") {
            h := keccak256(add(words, 0x20), shl(5, mload(words)))
        }
    }

    /// The same of a list of sequences, which lies in memory as words.
    function hashOfList(uint64[] memory sequences) internal pure returns (bytes32) {
        uint256[] memory words;
        assembly ("memory-safe") {
            words := sequences
        }
        return hashOfWords(words);
    }

    /// keccak256(abi.encode(a, b)) in the scratch space.
    function hash2(bytes32 a, bytes32 b) private pure returns (bytes32 h) {
        assembly ("memory-safe") {
            mstore(0, a)
            mstore(0x20, b)
            h := keccak256(0, 0x40)
        }
    }

    // ---- verifiers' fees ----

    /// Equal parts; what does not divide goes to the first.  An account is in the lowest 160 bits of
    /// a word.
    function share(uint256[] memory accounts, uint256 fee) internal {
        if (fee == 0) return;
        uint256 n = accounts.length;
        uint256 part = fee / n;
        owed[address(uint160(accounts[0]))] += part + fee % n;
        for (uint256 i = 1; i < n; i++) owed[address(uint160(accounts[i]))] += part;
    }

    function asWords(address[] memory list) internal pure returns (uint256[] memory same) {
        assembly ("memory-safe") {
            same := list
        }
    }
}

// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity ^0.8.28;

import {Proxy} from "@openzeppelin/contracts/proxy/Proxy.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {JobsBase} from "./JobsBase.sol";
import {JobsExtension} from "./JobsExtension.sol";
import {IBondingManager} from "./interfaces/IBondingManager.sol";
import {IController} from "./interfaces/IController.sol";
import {IJobsManager} from "./interfaces/IJobsManager.sol";
import {IRoundsManager} from "./interfaces/IRoundsManager.sol";
import {IVerifier} from "./interfaces/IVerifier.sol";
import {Failures} from "./lib/Failures.sol";
import {MultiProof} from "./lib/MultiProof.sol";
import {Options} from "./lib/Options.sol";
import {Ranges} from "./lib/Ranges.sol";
import {Typed} from "./lib/Typed.sol";

/// Deposits, jobs, claims, verification, fees: docs/contracts.md 5.  Functions of IJobsManager
/// that are not here are in JobsExtension, to which the fallback delegates.
contract JobsManager is JobsBase, Proxy {
    using SafeCast for uint256;
    using Failures for Failures.Ring;
    using Ranges for bytes;

    uint256 private constant MAX_STREAM_ID = 256;
    uint256 private constant MAX_RANK = 3;
    /// Of a claim: all of them can be verified and counted.
    uint256 private constant MAX_SEGMENTS = type(uint16).max;
    /// Of a batch: its verdicts are two bits each in a word with room.
    uint256 private constant MAX_BATCH = 64;
    uint256 private constant FALLBACK_SIZE = 74;

    address private immutable extension;

    constructor(
        IController controller_,
        IBondingManager bondingManager_,
        IRoundsManager roundsManager_,
        IVerifier verifier_
    ) JobsBase(controller_, bondingManager_, roundsManager_, verifier_) {
        extension = address(new JobsExtension(controller_, bondingManager_, roundsManager_, verifier_));
    }

    function initialize(
        uint32 verificationRate,
        uint32 verificationPeriod,
        uint32 slashingPeriod,
        uint32 claimPeriod,
        uint32 failedVerificationSlashAmount,
        uint32 missedVerificationSlashAmount,
        uint32 verificationFailureThreshold,
        uint32 verifierFee
    ) external initializer {
        params[0] = IJobsManager.ClaimParams(
            verificationRate, verificationPeriod, slashingPeriod, claimPeriod, verifierFee
        );
        settings.failedVerificationSlashAmount = failedVerificationSlashAmount;
        settings.missedVerificationSlashAmount = missedVerificationSlashAmount;
        settings.verificationFailureThreshold = verificationFailureThreshold;
    }

    function _implementation() internal view override returns (address) {
        return extension;
    }

    // ---- broadcasters ----

    function deposit() external payable whenNotPaused {
        addDeposit();
    }

    receive() external payable whenNotPaused {
        addDeposit();
    }

    function addDeposit() private {
        if (msg.value == 0) return;
        broadcasters[msg.sender] += msg.value;
        emit IJobsManager.Deposit(msg.sender, msg.value);
    }

    function withdraw() external nonReentrant {
        uint256 amount = broadcasters[msg.sender];
        if (amount == 0) revert IJobsManager.NothingToWithdraw(msg.sender);
        broadcasters[msg.sender] = 0;
        emit IJobsManager.Withdraw(msg.sender, amount);
        (bool ok,) = msg.sender.call{value: amount}("");
        if (!ok) revert IJobsManager.TransferFailed(msg.sender, amount);
    }

    /// Out of the caller's deposit.
    function take(uint256 amount) private {
        uint256 have = broadcasters[msg.sender];
        if (amount > have) revert IJobsManager.InsufficientDeposit(amount, have);
        broadcasters[msg.sender] = have - amount;
    }

    function job(
        string calldata streamId,
        bytes calldata options,
        uint256 pricePerUnit,
        uint256 endBlock,
        uint256 escrow,
        bytes32 plantCommitment
    ) external payable whenNotPaused returns (uint256 jobId) {
        addDeposit();
        take(escrow);
        uint256 length = bytes(streamId).length;
        if (length == 0 || length > MAX_STREAM_ID) revert IJobsManager.InvalidJob("streamId", length);
        if (endBlock <= block.number || endBlock > type(uint40).max) {
            revert IJobsManager.InvalidJob("endBlock", endBlock);
        }
        if (pricePerUnit > type(uint64).max) revert IJobsManager.InvalidJob("pricePerUnit", pricePerUnit);
        (uint256 units, uint256 maxSegmentMs) = Options.parse(options);
        if (units > type(uint32).max) revert IJobsManager.InvalidJob("units", units);
        jobId = ++settings.numJobs;
        JobState storage state = jobs[jobId];
        state.head = Head(msg.sender, uint40(block.number), uint40(endBlock), settings.params);
        state.money =
            Money(escrow.toUint96(), uint64(pricePerUnit), uint32(units), initializedRound().toUint32(), 0);
        state.details = keccak256(
            abi.encode(keccak256(bytes(streamId)), keccak256(options), maxSegmentMs, plantCommitment)
        );
        emit IJobsManager.NewJob(
            msg.sender,
            jobId,
            streamId,
            options,
            pricePerUnit,
            units,
            escrow,
            block.number,
            endBlock,
            plantCommitment
        );
    }

    /// A job of a round that nobody initialised could elect nobody.
    function initializedRound() private view returns (uint256 round) {
        bool initialized;
        (round, initialized,) = roundsManager.roundState();
        if (!initialized) revert IJobsManager.RoundNotInitialized(round);
    }

    function topUp(uint256 jobId, uint256 amount) external payable whenNotPaused {
        addDeposit();
        JobState storage state = existing(jobId);
        Head memory head = state.head;
        if (msg.sender != head.broadcaster) revert IJobsManager.NotBroadcaster(jobId, msg.sender);
        uint256 until = claimableUntil(head);
        if (block.number > until) revert IJobsManager.JobOver(jobId, until);
        take(amount);
        state.money.escrow += amount.toUint96();
        emit IJobsManager.JobToppedUp(jobId, amount, state.money.escrow);
    }

    function endJob(uint256 jobId) external whenNotPaused {
        Head memory head = existing(jobId).head;
        if (msg.sender != head.broadcaster) {
            progresses[jobId][msg.sender].relinquished = true;
            emit IJobsManager.JobRelinquished(jobId, msg.sender);
            return;
        }
        if (block.number > head.endBlock) revert IJobsManager.JobOver(jobId, head.endBlock);
        jobs[jobId].head.endBlock = uint40(block.number);
        emit IJobsManager.JobEnded(jobId, block.number);
    }

    function refund(uint256 jobId) external whenNotPaused {
        JobState storage state = existing(jobId);
        Head memory head = state.head;
        uint256 until = claimableUntil(head);
        if (block.number <= until) revert IJobsManager.JobNotOver(jobId, until);
        Money memory money = state.money;
        if (money.pendingClaims != 0) revert IJobsManager.ClaimsPending(jobId, money.pendingClaims);
        if (money.escrow == 0) revert IJobsManager.NothingToWithdraw(head.broadcaster);
        state.money.escrow = 0;
        broadcasters[head.broadcaster] += money.escrow;
        emit IJobsManager.JobRefunded(jobId, money.escrow);
    }

    // ---- claims ----

    function claimWork(
        uint256 jobId,
        bytes calldata ranges,
        bytes32 root,
        bytes32 seed,
        bytes calldata fallback_
    ) external whenNotPaused returns (uint256 claimId) {
        JobState storage state = existing(jobId);
        Head memory head = state.head;
        uint256 until = claimableUntil(head);
        if (block.number > until) revert IJobsManager.JobOver(jobId, until);
        Progress memory p = progresses[jobId][msg.sender];
        if (p.relinquished) revert IJobsManager.Relinquished(jobId, msg.sender);
        if (p.refuted) revert IJobsManager.NotEligible(jobId, msg.sender);
        if (p.claims == 0) p.rank = uint8(join(jobId, head, ranges, seed, fallback_));
        // A job may outlast the time for which stake that left it can be slashed.
        if (!bondingManager.hasStake(msg.sender)) revert IJobsManager.StakeGone(msg.sender);
        (uint256 segments, uint256 next) = ranges.check(p.nextSequence);
        if (segments > MAX_SEGMENTS) revert IJobsManager.InvalidRanges(ranges.length);
        uint256 fees = reserve(state, segments);

        claimId = p.claims;
        p.nextSequence = uint64(next);
        p.claims += 1;
        p.pendingClaims += 1;
        p.pendingFees += uint96(fees);
        progresses[jobId][msg.sender] = p;
        store(claims[jobId][msg.sender][claimId], contentHash(root, ranges), segments, head);
        emit IJobsManager.NewClaim(msg.sender, jobId, claimId, root, ranges, segments, fees, p.rank);
    }

    /// First claim: is the caller elected, as far as can be seen without ranking all?
    function join(
        uint256 jobId,
        Head memory head,
        bytes calldata ranges,
        bytes32 seed,
        bytes calldata fallback_
    ) private view returns (uint256 rank) {
        bytes32 actual = electionSeed(head);
        if (seed != actual) revert IJobsManager.ElectionSeedMismatch(seed, actual);
        Money memory money = jobs[jobId].money;
        uint256 stake =
            bondingManager.eligibleStake(msg.sender, money.creationRound, head.creationBlock, money.price);
        if (stake == 0) revert IJobsManager.NotEligible(jobId, msg.sender);
        if (fallback_.length != 0) rank = checkFallback(jobId, head.broadcaster, ranges, fallback_);
    }

    /// The broadcaster's word that the caller may work in place of those ranked before it.
    function checkFallback(
        uint256 jobId,
        address broadcaster,
        bytes calldata ranges,
        bytes calldata fallback_
    ) private view returns (uint256 rank) {
        if (fallback_.length != FALLBACK_SIZE) revert IJobsManager.InvalidFallback(0, address(0));
        rank = uint8(fallback_[0]);
        uint64 from = uint64(bytes8(fallback_[1:9]));
        bytes32 digest = Typed.fallback_(Typed.domain(address(this)), jobId, uint8(rank), msg.sender, from);
        address signer = Typed.signer(digest, fallback_[9:]);
        if (rank == 0 || rank > MAX_RANK || signer != broadcaster) {
            revert IJobsManager.InvalidFallback(rank, signer);
        }
        (uint256 start,) = ranges.get(0);
        if (start < from) revert IJobsManager.BeforeFallback(start, from);
    }

    function reserve(JobState storage state, uint256 segments) private returns (uint256 fees) {
        Money memory money = state.money;
        fees = segments * money.units * money.price;
        if (fees > money.escrow) revert IJobsManager.InsufficientEscrow(fees, money.escrow);
        money.escrow -= uint96(fees);
        money.pendingClaims += 1;
        state.money = money;
    }

    function store(ClaimState storage claim, bytes23 content, uint256 segments, Head memory head) private {
        uint16 index = settings.params;
        checkRefutable(head, params[index]);
        claim.head = ClaimHead({
            content: content,
            claimBlock: uint32(block.number),
            segments: uint16(segments),
            params: index,
            status: IJobsManager.ClaimStatus.Pending
        });
    }

    /// The election's seed must be there for who refutes: sealed, or in history until the claim can
    /// be paid (whoever needs it longer can seal it until then).
    function checkRefutable(Head memory head, IJobsManager.ClaimParams memory p) private view {
        uint256 seedBlock = uint256(head.creationBlock) + 1;
        if (block.number + p.verificationPeriod + p.slashingPeriod <= seedBlock + HISTORY) return;
        if (roundsManager.sealedHash(seedBlock) == 0) revert IJobsManager.SeedNotSealed(seedBlock);
    }

    // ---- verification ----

    function verifyWithVerdicts(
        IJobsManager.ClaimRef calldata ref,
        IJobsManager.VerifySegment[] calldata segments,
        IJobsManager.VerifyProof calldata proof,
        bytes calldata answers
    ) external whenNotPaused nonReentrant {
        IVerifier.Request memory r = submit(ref, segments, proof);
        uint256 verdicts = verifier.settle{value: r.fee}(r, answers);
        emit IJobsManager.VerdictReceived(
            ref.transcoder, ref.jobId, ref.claimId, r.batch, verdicts, segments.length
        );
        if (verdicts == 0) passBatch(ref, segments.length);
    }

    function verify(
        IJobsManager.ClaimRef calldata ref,
        IJobsManager.VerifySegment[] calldata segments,
        IJobsManager.VerifyProof calldata proof,
        bytes calldata statements
    ) external whenNotPaused nonReentrant {
        IVerifier.Request memory r = submit(ref, segments, proof);
        verifier.request{value: r.fee}(r, statements);
    }

    /// What the loop over segments carries.
    struct Batch {
        bytes32 domain;
        uint64[] sequences;
        bytes32[] queue;    // leaves, and room for the nodes above them
        bytes32[] work;     // as abi.encode of a list of (sequence, dataHash, transcodedHash)
    }

    /// Checks the evidence and books the batch.
    function submit(
        IJobsManager.ClaimRef calldata ref,
        IJobsManager.VerifySegment[] calldata segments,
        IJobsManager.VerifyProof calldata proof
    ) private returns (IVerifier.Request memory r) {
        if (msg.sender != ref.transcoder) revert IJobsManager.NotTranscoder(ref.jobId, msg.sender);
        (ClaimState storage claim, ClaimHead memory head) = pending(ref);
        IJobsManager.ClaimParams memory p = params[head.params];
        uint256 until = uint256(head.claimBlock) + p.verificationPeriod;
        if (block.number > until) revert IJobsManager.TooLate(until);
        if (segments.length == 0 || segments.length > MAX_BATCH) {
            revert IJobsManager.InvalidBatch(segments.length, MAX_BATCH);
        }
        checkContent(head, proof.root, proof.ranges);
        if (keccak256(abi.encode(proof.details)) != jobs[ref.jobId].details) {
            revert IJobsManager.DetailsMismatch();
        }
        r.ref = ref;
        Verified memory v = claim.verified;
        r.batch = v.batches;
        r.broadcaster = jobs[ref.jobId].head.broadcaster;
        r.seed = challengeSeed(head);
        r.challengeBlock = uint256(head.claimBlock) + 1;
        r.count = segments.length;

        Batch memory b = newBatch(segments.length, proof.flagCount);
        for (uint256 i; i < segments.length; i++) {
            IJobsManager.VerifySegment calldata s = segments[i];
            uint64 sequence = s.sequence;
            checkSequence(sequence, v.next, head, r.seed, p.verificationRate, proof.ranges);
            checkSegment(b, i, r, s, sequence, proof.details);
            v.chain = chained(v.chain, sequence);
            v.next = sequence + 1;
        }
        checkProof(proof, b.queue, segments.length);
        r.work = workHash(b.work);
        r.fee = book(ref, claim, head, v, p.verifierFee, segments.length);
        emit IJobsManager.Verify(ref.transcoder, ref.jobId, ref.claimId, b.sequences, r.work);
    }

    function newBatch(uint256 n, uint256 flags) private view returns (Batch memory b) {
        b.domain = Typed.domain(address(this));
        b.sequences = new uint64[](n);
        b.queue = new bytes32[](n + flags);
        b.work = new bytes32[](2 + 3 * n);
        b.work[0] = bytes32(uint256(32));
        b.work[1] = bytes32(n);
    }

    function checkSequence(
        uint256 sequence,
        uint256 next,
        ClaimHead memory head,
        bytes32 seed,
        uint256 rate,
        bytes calldata ranges
    ) private pure {
        if (sequence < next) revert IJobsManager.NotAscending(sequence, next);
        if (!isChallenged(head, seed, sequence, rate)) revert IJobsManager.NotChallenged(sequence);
        if (!ranges.contains(sequence)) revert IJobsManager.NotInRanges(sequence);
    }

    /// The broadcaster gave this segment to this transcoder on this job, and the transcoder says
    /// what it made of it.  Fills in what goes on from it: leaf and work.
    function checkSegment(
        Batch memory b,
        uint256 i,
        IVerifier.Request memory r,
        IJobsManager.VerifySegment calldata s,
        uint64 sequence,
        IJobsManager.JobDetails calldata details
    ) private pure {
        uint32 durationMs = s.durationMs;
        if (durationMs > details.maxSegmentMs) {
            revert IJobsManager.SegmentTooLong(sequence, durationMs, details.maxSegmentMs);
        }
        bytes32 streamId = details.streamIdHash;
        uint256 jobId = r.ref.jobId;
        address transcoder = r.ref.transcoder;
        bytes calldata sig = s.broadcasterSig;
        bytes32 digest =
            Typed.segment(b.domain, jobId, transcoder, streamId, sequence, durationMs, s.dataHash);
        if (Typed.signer(digest, sig) != r.broadcaster) {
            revert IJobsManager.BadSignature("broadcaster", sequence);
        }
        digest = Typed.receipt(b.domain, jobId, streamId, sequence, s.dataHash, s.transcodedHash, sig);
        if (Typed.signer(digest, s.transcoderSig) != transcoder) {
            revert IJobsManager.BadSignature("transcoder", sequence);
        }
        b.queue[i] = leafOf(digest);
        b.sequences[i] = sequence;
        b.work[2 + 3 * i] = bytes32(uint256(sequence));
        b.work[3 + 3 * i] = s.dataHash;
        b.work[4 + 3 * i] = s.transcodedHash;
    }

    /// keccak256(bytes.concat(keccak256(abi.encode(digest))))
    function leafOf(bytes32 digest) private pure returns (bytes32 leaf) {
        assembly ("memory-safe") {
            mstore(0, digest)
            mstore(0, keccak256(0, 0x20))
            leaf := keccak256(0, 0x20)
        }
    }

    function checkProof(IJobsManager.VerifyProof calldata p, bytes32[] memory queue, uint256 n) private pure {
        if (!MultiProof.verify(queue, n, p.proof, p.flagBits, p.flagCount, p.root)) {
            revert IJobsManager.BadMerkleProof();
        }
    }

    function workHash(bytes32[] memory work) private pure returns (bytes32 h) {
        assembly ("memory-safe") {
            h := keccak256(add(work, 0x20), shl(5, mload(work)))
        }
    }

    /// The batch counts as verified, and its verifiers' fee leaves the claim.
    function book(
        IJobsManager.ClaimRef calldata ref,
        ClaimState storage claim,
        ClaimHead memory head,
        Verified memory v,
        uint256 verifierFee_,
        uint256 count
    ) private returns (uint256 fee) {
        Money memory money = jobs[ref.jobId].money;
        uint256 before = feesOf(money, head.segments, v.count, verifierFee_);
        v.count += uint16(count);
        v.batches += 1;
        claim.verified = v;
        fee = before - feesOf(money, head.segments, v.count, verifierFee_);
        progressOf(ref).pendingFees -= uint96(fee);
    }

    // ---- fees ----

    function distributeFees(uint256 jobId, address transcoder, uint256 claimId)
        external
        whenNotPaused
        nonReentrant
    {
        distribute(IJobsManager.ClaimRef(jobId, transcoder, claimId.toUint32()));
    }

    function batchDistributeFees(IJobsManager.ClaimRef[] calldata refs) external whenNotPaused nonReentrant {
        for (uint256 i; i < refs.length; i++) distribute(refs[i]);
    }

    function distribute(IJobsManager.ClaimRef memory ref) private {
        (ClaimState storage claim, ClaimHead memory head) = pending(ref);
        (,, uint256 from) = deadlines(head);
        if (block.number < from) revert IJobsManager.TooEarly(from);
        Verified memory v = claim.verified;
        if (v.passed != v.count) revert IJobsManager.UnverifiedVerdicts(v.passed, v.count);
        // Without the hash nobody could look whether anything had to be verified: not paid for that.
        if (v.count == 0) challengeSeed(head);
        else if (!verifier.isSettled(ref)) {
            revert IJobsManager.NotSettled(ref.jobId, ref.transcoder, ref.claimId);
        }
        if (v.count != 0) failures[ref.transcoder].add(roundsManager.currentRound(), v.count, 0);
        uint256 fees = close(ref, head, IJobsManager.ClaimStatus.Paid);
        emit IJobsManager.DistributeFees(ref.transcoder, ref.jobId, ref.claimId, fees);
        if (fees == 0) return;
        uint256 round = jobs[ref.jobId].money.creationRound;
        bondingManager.updateTranscoderWithFees{value: fees}(ref.transcoder, fees, round);
    }
}

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
import {Perc} from "./lib/Perc.sol";
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
    /// Batches of a claim whose verdicts are awaited.
    uint8 private constant MAX_OPEN = type(uint8).max;
    uint256 private constant FALLBACK_SIZE = 74;
    uint256 private constant FAIL = 1;
    uint256 private constant INVALID_INPUT = 2;

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
            abi.encode(
                keccak256(bytes(streamId)),
                keccak256(options),
                maxSegmentMs,
                plantCommitment,
                msg.sender,
                units * pricePerUnit
            )
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
        Money memory money = state.money;
        if (p.claims == 0) p.rank = uint8(join(jobId, head, money, ranges, seed, fallback_));
        else checkStake(bondingManager.hasStake(msg.sender));
        (uint256 segments, uint256 next) = ranges.check(p.nextSequence);
        if (segments > MAX_SEGMENTS) revert IJobsManager.InvalidRanges(ranges.length);
        uint256 fees = reserve(state.money, money, segments);

        claimId = p.claims;
        p.nextSequence = uint64(next);
        p.claims += 1;
        p.pendingClaims += 1;
        p.pendingFees += uint96(fees);
        put(progresses[jobId][msg.sender], p);
        store(claims[jobId][msg.sender][claimId], contentHash(root, ranges), segments, head);
        emit IJobsManager.NewClaim(msg.sender, jobId, claimId, root, ranges, segments, fees, p.rank);
    }

    /// First claim: is the caller elected, as far as can be seen without ranking all?
    function join(
        uint256 jobId,
        Head memory head,
        Money memory money,
        bytes calldata ranges,
        bytes32 seed,
        bytes calldata fallback_
    ) private view returns (uint256 rank) {
        bytes32 actual = electionSeed(head);
        if (seed != actual) revert IJobsManager.ElectionSeedMismatch(seed, actual);
        (uint256 stake, bool stays) =
            bondingManager.claimantStake(msg.sender, money.creationRound, head.creationBlock, money.price);
        if (stake == 0) revert IJobsManager.NotEligible(jobId, msg.sender);
        checkStake(stays);
        if (fallback_.length != 0) rank = checkFallback(jobId, head.broadcaster, ranges, fallback_);
    }

    /// A job may outlast the time for which stake that left it can be slashed.
    function checkStake(bool stays) private view {
        if (!stays) revert IJobsManager.StakeGone(msg.sender);
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

    function reserve(Money storage kept, Money memory money, uint256 segments)
        private
        returns (uint256 fees)
    {
        fees = segments * money.units * money.price;
        if (fees > money.escrow) revert IJobsManager.InsufficientEscrow(fees, money.escrow);
        money.escrow -= uint96(fees);
        money.pendingClaims += 1;
        put(kept, money);
    }

    /// kept = money, in one write: a struct is written field by field.
    function put(Money storage kept, Money memory money) private {
        uint256 word = money.escrow | uint256(money.price) << 96 | uint256(money.units) << 160
            | uint256(money.creationRound) << 192 | uint256(money.pendingClaims) << 224;
        assembly ("memory-safe") {
            sstore(kept.slot, word)
        }
    }

    /// kept = p
    function put(Progress storage kept, Progress memory p) private {
        uint256 word = p.nextSequence | uint256(p.claims) << 64 | uint256(p.pendingClaims) << 96
            | uint256(p.pendingFees) << 128 | uint256(p.rank) << 224 | (p.relinquished ? 1 << 232 : 0)
            | (p.refuted ? 1 << 240 : 0);
        assembly ("memory-safe") {
            sstore(kept.slot, word)
        }
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
        claim.verified =
            pack(Verified({next: 0, count: 0, open: 0, settledAt: 0, chain: bytes17(content)}));
    }

    /// The election's seed must be there for who refutes: sealed, or in history until the claim can
    /// be paid (whoever needs it longer can seal it until then).
    function checkRefutable(Head memory head, IJobsManager.ClaimParams memory p) private view {
        uint256 seedBlock = uint256(head.creationBlock) + 1;
        if (block.number + p.verificationPeriod + p.slashingPeriod <= seedBlock + HISTORY) return;
        if (roundsManager.sealedHash(seedBlock) == 0) revert IJobsManager.SeedNotSealed(seedBlock);
    }

    // ---- verification ----

    /// The Verifier only looks, and nothing else is called: there is no way back in from here.
    function verifyWithVerdicts(
        IJobsManager.ClaimRef calldata ref,
        IJobsManager.VerifySegment[] calldata segments,
        IJobsManager.VerifyProof calldata proof,
        bytes calldata answers
    ) external whenNotPaused {
        (ClaimState storage claim, Verified memory v, IVerifier.Request memory r, uint64[] memory sequences) =
            submit(ref, segments, proof);
        uint256[] memory signers = verifier.settle(r, answers);
        v.settledAt = uint32(block.number);
        v.chain = chained(v.chain, r.seed, hashOfList(sequences), r.work, hashOfWords(signers));
        claim.verified = pack(v);
        share(signers, r.fee);
        emit IJobsManager.VerifyWithVerdicts(
            msg.sender, r.ref.jobId, r.ref.claimId, sequences, r.work, signers, r.fee
        );
    }

    function verify(
        IJobsManager.ClaimRef calldata ref,
        IJobsManager.VerifySegment[] calldata segments,
        IJobsManager.VerifyProof calldata proof,
        bytes calldata statements
    ) external whenNotPaused nonReentrant {
        (ClaimState storage claim, Verified memory v, IVerifier.Request memory r, uint64[] memory sequences) =
            submit(ref, segments, proof);
        if (v.open == MAX_OPEN) revert IJobsManager.TooManyOpen(MAX_OPEN);
        v.open += 1;
        v.chain = chained(v.chain, r.seed, hashOfList(sequences), r.work, 0);
        claim.verified = pack(v);
        emit IJobsManager.Verify(msg.sender, r.ref.jobId, r.ref.claimId, sequences, r.work);
        verifier.request(r, statements);
    }

    /// What the loop over segments carries.
    struct Evidence {
        bytes32 domain;
        bytes32 streamIdHash;
        uint256 maxSegmentMs;
        uint256 jobId;
        address transcoder;
        address broadcaster;
        uint64[] sequences;
        bytes32[] queue;    // leaves, and room for the nodes above them
        uint256[] work;     // as abi.encode of a list of (sequence, dataHash, transcodedHash)
    }

    /// Checks the evidence and takes the verifiers' fee out of the claim.  What is left to the caller:
    /// to put the batch on the chain and to keep v.
    function submit(
        IJobsManager.ClaimRef calldata ref,
        IJobsManager.VerifySegment[] calldata segments,
        IJobsManager.VerifyProof calldata proof
    )
        private
        returns (
            ClaimState storage claim,
            Verified memory v,
            IVerifier.Request memory r,
            uint64[] memory sequences
        )
    {
        r.ref = ref;
        if (msg.sender != r.ref.transcoder) revert IJobsManager.NotTranscoder(r.ref.jobId, msg.sender);
        ClaimHead memory head;
        (claim, head) = pending(r.ref);
        IJobsManager.ClaimParams memory p = params[head.params];
        uint256 until = uint256(head.claimBlock) + p.verificationPeriod;
        if (block.number > until) revert IJobsManager.TooLate(until);
        r.count = segments.length;
        if (r.count == 0 || r.count > MAX_BATCH) revert IJobsManager.InvalidBatch(r.count, MAX_BATCH);
        checkContent(head, proof.root, proof.ranges);
        IJobsManager.JobDetails calldata details = proof.details;
        if (detailsHash(details) != jobs[r.ref.jobId].details) revert IJobsManager.DetailsMismatch();
        v = unpack(claim.verified);
        r.batch = v.count;
        r.broadcaster = details.broadcaster;
        r.seed = challengeSeed(head);
        r.challengeBlock = uint256(head.claimBlock) + 1;

        Evidence memory b = newEvidence(r, details, proof.flagCount);
        bytes calldata ranges = proof.ranges;
        for (uint256 i; i < segments.length; i++) {
            IJobsManager.VerifySegment calldata s = segments[i];
            uint64 sequence = s.sequence;
            checkSequence(sequence, v.next, head, r.seed, p.verificationRate, ranges);
            checkSegment(b, i, s, sequence);
            v.next = sequence + 1;
        }
        checkProof(proof, b.queue, r.count);
        sequences = b.sequences;
        r.work = hashOfWords(b.work);
        r.fee = feeOfBatch(details.segmentFee, head, p, v.count, r.count);
        v.count += uint16(r.count);
        progressOf(r.ref).pendingFees -= uint96(r.fee);
    }

    function newEvidence(IVerifier.Request memory r, IJobsManager.JobDetails calldata details, uint256 flags)
        private
        view
        returns (Evidence memory b)
    {
        b.domain = Typed.domain(address(this));
        b.streamIdHash = details.streamIdHash;
        b.maxSegmentMs = details.maxSegmentMs;
        (b.jobId, b.transcoder, b.broadcaster) = (r.ref.jobId, r.ref.transcoder, r.broadcaster);
        b.sequences = new uint64[](r.count);
        b.queue = new bytes32[](r.count + flags);
        b.work = new uint256[](2 + 3 * r.count);
        (b.work[0], b.work[1]) = (32, r.count);
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
        Evidence memory b,
        uint256 i,
        IJobsManager.VerifySegment calldata s,
        uint64 sequence
    ) private pure {
        uint32 durationMs = s.durationMs;
        if (durationMs > b.maxSegmentMs) {
            revert IJobsManager.SegmentTooLong(sequence, durationMs, b.maxSegmentMs);
        }
        bytes32 dataHash = s.dataHash;
        IJobsManager.Signature calldata sig = s.broadcasterSig;
        bytes32 digest =
            Typed.segment(b.domain, b.jobId, b.transcoder, b.streamIdHash, sequence, durationMs, dataHash);
        if (Typed.signer(digest, sig) != b.broadcaster) {
            revert IJobsManager.BadSignature("broadcaster", sequence);
        }
        digest = Typed.receipt(b.domain, b.jobId, b.streamIdHash, sequence, dataHash, s.transcodedHash, sig);
        if (Typed.signer(digest, s.transcoderSig) != b.transcoder) {
            revert IJobsManager.BadSignature("transcoder", sequence);
        }
        keep(b, i, leafOf(digest), sequence, s);
    }

    /// (sequences[i], queue[i]) = (sequence, leaf), and (work[2 + 3 i], work[3 + 3 i], work[4 + 3 i]) =
    /// (sequence, s.dataHash, s.transcodedHash): all lists have room for the batch.
    function keep(
        Evidence memory b,
        uint256 i,
        bytes32 leaf,
        uint64 sequence,
        IJobsManager.VerifySegment calldata s
    ) private pure {
        uint64[] memory sequences = b.sequences;
        bytes32[] memory queue = b.queue;
        uint256[] memory work = b.work;
        assembly ("memory-safe") {
            let offset := add(0x20, shl(5, i))
            mstore(add(sequences, offset), sequence)
            mstore(add(queue, offset), leaf)
            let item := add(work, add(0x60, mul(0x60, i)))
            mstore(item, sequence)
            calldatacopy(add(item, 0x20), add(s, 0x40), 0x40)
        }
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

    // ---- verdicts that come later ----

    function receiveVerdicts(
        IJobsManager.ClaimRef calldata ref,
        uint256 verdicts,
        uint256 count,
        bool isFinal,
        address[] calldata verifiers,
        uint256 fee
    ) external onlyVerifier {
        share(asWords(verifiers), fee);
        if (!isPending(ref)) return;
        if (verdicts == 0) passBatch(ref, isFinal);
        else if (isFinal) failBatch(ref, verdicts, count);
    }

    /// All segments of a batch passed.  In the statistics they count once the claim is paid: nothing
    /// overturns them any more.
    function passBatch(IJobsManager.ClaimRef calldata ref, bool isFinal) private {
        ClaimState storage claim = claimOf(ref);
        Verified memory v = unpack(claim.verified);
        v.open -= 1;
        if (!isFinal) v.settledAt = uint32(block.number);
        claim.verified = pack(v);
    }

    /// Something did not pass: the claim is void.  Failures above the threshold are slashed.
    function failBatch(IJobsManager.ClaimRef calldata ref, uint256 verdicts, uint256 count) private {
        (uint256 failed, IJobsManager.VoidReason reason) = judge(verdicts, count);
        Failures.Ring storage ring = failures[ref.transcoder];
        uint256 round = roundsManager.currentRound();
        ring.add(round, count, failed);
        ClaimHead memory head = claimOf(ref).head;
        voidClaim(ref, head, reason);
        if (failed == 0 || !isAboveThreshold(ring, round)) return;
        bondingManager.slashTranscoder(ref.transcoder, address(0), settings.failedVerificationSlashAmount, 0);
    }

    function judge(uint256 verdicts, uint256 count)
        private
        pure
        returns (uint256 failed, IJobsManager.VoidReason reason)
    {
        bool isInvalid;
        for (uint256 i; i < count; i++) {
            uint256 answer = (verdicts >> (2 * i)) & 3;
            if (answer == FAIL) failed++;
            if (answer == INVALID_INPUT) isInvalid = true;
        }
        if (failed != 0) reason = IJobsManager.VoidReason.FailedVerification;
        else reason = isInvalid ? IJobsManager.VoidReason.InvalidInput : IJobsManager.VoidReason.Unavailable;
    }

    function isAboveThreshold(Failures.Ring storage ring, uint256 round) private view returns (bool) {
        (uint256 judged, uint256 failed) = ring.sum(round);
        return failed > 1 && failed * Perc.ONE > judged * settings.verificationFailureThreshold;
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
        Verified memory v = unpack(claim.verified);
        if (v.open != 0) revert IJobsManager.VerdictsAwaited(v.open);
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

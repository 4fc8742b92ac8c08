// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity ^0.8.28;

import {JobsBase} from "./JobsBase.sol";
import {IBondingManager} from "./interfaces/IBondingManager.sol";
import {IController} from "./interfaces/IController.sol";
import {IJobsManager} from "./interfaces/IJobsManager.sol";
import {IRoundsManager} from "./interfaces/IRoundsManager.sol";
import {IVerifier} from "./interfaces/IVerifier.sol";
import {Election} from "./lib/Election.sol";
import {Failures} from "./lib/Failures.sol";
import {Options} from "./lib/Options.sol";
import {Perc} from "./lib/Perc.sol";
import {Ranges} from "./lib/Ranges.sol";

/// The other half of the JobsManager, which delegates to it: findings, verdicts that come later,
/// views and parameters.  Of no use at its own address, where there is no job.
contract JobsExtension is JobsBase {
    using Failures for Failures.Ring;
    using Ranges for bytes;

    constructor(
        IController controller_,
        IBondingManager bondingManager_,
        IRoundsManager roundsManager_,
        IVerifier verifier_
    ) JobsBase(controller_, bondingManager_, roundsManager_, verifier_) {}

    // ---- finders ----

    /// The finder's fee is paid only for a finding that was committed to before it could be seen.
    function punish(address transcoder, uint256 amount, bytes32 salt, bytes32 action) private {
        bool committed = salt != 0 && bondingManager.takeFinding(msg.sender, salt, action);
        if (!committed) return bondingManager.slashTranscoder(transcoder, address(0), amount, 0);
        bondingManager.slashTranscoder(transcoder, msg.sender, amount, bondingManager.finderFee());
    }

    function missedVerificationSlash(
        IJobsManager.ClaimRef calldata ref,
        uint64 sequence,
        bytes calldata ranges,
        bytes32 root,
        IJobsManager.VerifiedBatch[] calldata batches,
        bytes32 salt
    ) external whenNotPaused {
        (ClaimState storage claim, ClaimHead memory head) = pending(ref);
        (uint256 verifyUntil, uint256 slashUntil,) = deadlines(head);
        if (block.number <= verifyUntil) revert IJobsManager.TooEarly(verifyUntil + 1);
        if (block.number > slashUntil) revert IJobsManager.TooLate(slashUntil);
        checkContent(head, root, ranges);
        if (!ranges.contains(sequence)) revert IJobsManager.NotInRanges(sequence);
        uint256 rate = params[head.params].verificationRate;
        bytes32 seed = challengeSeed(head);
        if (!isChallenged(head, seed, sequence, rate)) revert IJobsManager.NotChallenged(sequence);
        checkUnverified(batches, sequence);
        checkChain(head, unpack(claim.verified), seed, batches);
        voidClaim(ref, head, IJobsManager.VoidReason.MissedVerification);
        bytes32 action =
            keccak256(abi.encode("missedVerification", ref.jobId, ref.transcoder, ref.claimId, sequence));
        punish(ref.transcoder, settings.missedVerificationSlashAmount, salt, action);
    }

    function checkUnverified(IJobsManager.VerifiedBatch[] calldata batches, uint64 sequence) private pure {
        for (uint256 i; i < batches.length; i++) {
            uint64[] calldata verified = batches[i].sequences;
            for (uint256 j; j < verified.length; j++) {
                if (verified[j] == sequence) revert IJobsManager.AlreadyVerified(sequence);
            }
        }
    }

    /// These are all batches of the claim, in order.
    function checkChain(
        ClaimHead memory head,
        Verified memory v,
        bytes32 seed,
        IJobsManager.VerifiedBatch[] calldata batches
    ) private pure {
        bytes17 h = bytes17(head.content);
        for (uint256 i; i < batches.length; i++) {
            uint256[] memory signers = batches[i].signers;
            bytes32 who = signers.length == 0 ? bytes32(0) : hashOfWords(signers);
            h = chained(h, seed, hashOfList(batches[i].sequences), batches[i].work, who);
        }
        if (h != v.chain) revert IJobsManager.ContentMismatch();
    }

    function refuteElection(uint256 jobId, address transcoder, address[] calldata better, bytes32 salt)
        external
        whenNotPaused
    {
        JobState storage job = existing(jobId);
        Progress memory p = progresses[jobId][transcoder];
        if (p.claims == 0) revert IJobsManager.UnknownClaim(jobId, transcoder, 0);
        if (p.refuted || p.pendingClaims == 0) {
            revert IJobsManager.ClaimNotPending(
                p.refuted ? IJobsManager.ClaimStatus.Void : IJobsManager.ClaimStatus.Paid
            );
        }
        if (better.length < uint256(p.rank) + 1) {
            revert IJobsManager.NotEnoughBetter(better.length, uint256(p.rank) + 1);
        }
        checkBetter(jobId, job, transcoder, better);
        uint96 fees = p.pendingFees;
        job.money.escrow += fees;
        job.money.pendingClaims -= p.pendingClaims;
        p.pendingFees = 0;
        p.pendingClaims = 0;
        p.refuted = true;
        progresses[jobId][transcoder] = p;
        emit IJobsManager.ElectionRefuted(transcoder, jobId, better, fees);
        bytes32 action = keccak256(abi.encode("refuteElection", jobId, transcoder));
        punish(transcoder, settings.failedVerificationSlashAmount, salt, action);
    }

    /// All of them, each once, come before the transcoder.
    function checkBetter(uint256 jobId, JobState storage job, address transcoder, address[] calldata better)
        private
        view
    {
        Head memory head = job.head;
        Money memory money = job.money;
        bytes32 seed = electionSeed(head);
        // It was eligible when it claimed, and that does not change.
        uint256 mine = Election.score(seed, jobId, transcoder, stakeOf(transcoder, head, money));
        address last;
        for (uint256 i; i < better.length; i++) {
            address candidate = better[i];
            uint256 stake = candidate > last ? stakeOf(candidate, head, money) : 0;
            if (stake == 0) revert IJobsManager.NotBetter(candidate);
            uint256 score = Election.score(seed, jobId, candidate, stake);
            bool isBetter = Election.isBefore(score, candidate, mine, transcoder);
            if (!isBetter) revert IJobsManager.NotBetter(candidate);
            last = candidate;
        }
    }

    function stakeOf(address candidate, Head memory head, Money memory money) private view returns (uint256) {
        return bondingManager.eligibleStake(candidate, money.creationRound, head.creationBlock, money.price);
    }

    function voidUnsealed(IJobsManager.ClaimRef calldata ref) external whenNotPaused {
        (ClaimState storage claim, ClaimHead memory head) = pending(ref);
        uint256 n = uint256(head.claimBlock) + 1;
        if (block.number <= n + HISTORY) revert IJobsManager.TooEarly(n + HISTORY + 1);
        // What was verified was challenged: its hash was there.
        bool isSealed = unpack(claim.verified).count != 0 || roundsManager.sealedHash(n) != 0;
        if (isSealed) revert IJobsManager.ChallengeSealed(n);
        voidClaim(ref, head, IJobsManager.VoidReason.NeverSealed);
    }

    function revealPlanted(
        IJobsManager.ClaimRef calldata ref,
        IJobsManager.JobDetails calldata details,
        bytes32 salt,
        uint64[] calldata sequences,
        bytes calldata verdictProof
    ) external whenNotPaused nonReentrant {
        JobState storage job = existing(ref.jobId);
        if (msg.sender != job.head.broadcaster) revert IJobsManager.NotBroadcaster(ref.jobId, msg.sender);
        if (detailsHash(details) != job.details) revert IJobsManager.DetailsMismatch();
        if (keccak256(abi.encode(salt, sequences)) != details.plantCommitment) {
            revert IJobsManager.PlantMismatch();
        }
        (, ClaimHead memory head) = pending(ref);
        voidClaim(ref, head, IJobsManager.VoidReason.Planted);
        uint256 forfeited = job.money.escrow;
        job.money.escrow = 0;
        emit IJobsManager.PlantRevealed(
            msg.sender, ref.jobId, ref.transcoder, ref.claimId, sequences, forfeited
        );
        share(asWords(verifier.punishPlanted(ref, msg.sender, sequences, verdictProof)), forfeited);
    }

    // ---- the Verifier ----

    function receiveNoVerdict(IJobsManager.ClaimRef calldata ref, address[] calldata verifiers, uint256 fee)
        external
        onlyVerifier
    {
        if (verifiers.length != 0) share(asWords(verifiers), fee);
        else jobs[ref.jobId].money.escrow += uint96(fee);
        if (isPending(ref)) voidClaim(ref, claimOf(ref).head, IJobsManager.VoidReason.NoVerdict);
    }

    /// A batch that passed in one transaction, as the Verifier was asked about it then.
    function settledBatch(
        IJobsManager.ClaimRef calldata ref,
        IJobsManager.VerifiedBatch[] calldata batches,
        uint256 index
    ) external view returns (IVerifier.Request memory r, uint256 settledAt) {
        ClaimHead memory head = known(ref.jobId, ref.transcoder, ref.claimId);
        Verified memory v = unpack(claimOf(ref).verified);
        r.seed = challengeSeed(head);
        checkChain(head, v, r.seed, batches);
        if (index >= batches.length || batches[index].signers.length == 0) {
            revert IJobsManager.NotSettledAtOnce(index);
        }
        for (uint256 i; i < index; i++) r.batch += batches[i].sequences.length;
        r.ref = ref;
        r.broadcaster = jobs[ref.jobId].head.broadcaster;
        r.challengeBlock = uint256(head.claimBlock) + 1;
        r.work = batches[index].work;
        r.count = batches[index].sequences.length;
        r.fee = feeOfBatch(segmentFeeOf(jobs[ref.jobId].money), head, params[head.params], r.batch, r.count);
        settledAt = v.settledAt;
    }

    // ---- verifiers' fees: pulled, so that no receiver can stop another ----

    function withdrawVerifierFees(address payable account) external nonReentrant {
        uint256 amount = owed[account];
        if (amount == 0) revert IJobsManager.NothingToWithdraw(account);
        owed[account] = 0;
        emit IJobsManager.WithdrawVerifierFees(account, amount);
        (bool ok,) = account.call{value: amount}("");
        if (!ok) revert IJobsManager.TransferFailed(account, amount);
    }

    function verifierFees(address account) external view returns (uint256) {
        return owed[account];
    }

    // ---- views ----

    function getJob(uint256 jobId) external view returns (IJobsManager.Job memory) {
        JobState memory job = existing(jobId);
        return IJobsManager.Job({
            broadcaster: job.head.broadcaster,
            creationBlock: job.head.creationBlock,
            endBlock: job.head.endBlock,
            creationRound: job.money.creationRound,
            escrow: job.money.escrow,
            price: job.money.price,
            units: job.money.units,
            pendingClaims: job.money.pendingClaims,
            params: job.head.params,
            details: job.details
        });
    }

    function jobStatus(uint256 jobId) external view returns (IJobsManager.JobStatus) {
        bool isActive = block.number <= existing(jobId).head.endBlock;
        return isActive ? IJobsManager.JobStatus.Active : IJobsManager.JobStatus.Inactive;
    }

    function numJobs() external view returns (uint256) {
        return settings.numJobs;
    }

    function getClaim(uint256 jobId, address transcoder, uint256 claimId)
        external
        view
        returns (IJobsManager.Claim memory)
    {
        ClaimState memory claim = claims[jobId][transcoder][claimId];
        ClaimHead memory head = claim.head;
        Verified memory v = unpack(claim.verified);
        IJobsManager.ClaimStatus status = statusOf(head, progresses[jobId][transcoder].refuted);
        uint256 fees;
        if (status == IJobsManager.ClaimStatus.Pending) {
            uint256 segmentFee = segmentFeeOf(jobs[jobId].money);
            fees = feesOf(segmentFee, head.segments, v.count, params[head.params].verifierFee);
        }
        return IJobsManager.Claim({
            content: head.content,
            claimBlock: head.claimBlock,
            segments: head.segments,
            lastVerified: v.next,
            verified: v.count,
            open: v.open,
            params: head.params,
            status: status,
            settledAt: v.settledAt,
            verifiedChain: v.chain,
            fees: uint96(fees)
        });
    }

    function claimParams(uint256 index) external view returns (IJobsManager.ClaimParams memory) {
        return params[index];
    }

    function claimDeadlines(uint256 jobId, address transcoder, uint256 claimId)
        external
        view
        returns (uint256 verifyUntil, uint256 slashUntil, uint256 payableFrom)
    {
        return deadlines(known(jobId, transcoder, claimId));
    }

    function known(uint256 jobId, address transcoder, uint256 claimId)
        private
        view
        returns (ClaimHead memory head)
    {
        head = claims[jobId][transcoder][claimId].head;
        if (head.status == IJobsManager.ClaimStatus.None) {
            revert IJobsManager.UnknownClaim(jobId, transcoder, claimId);
        }
    }

    function progress(uint256 jobId, address transcoder)
        external
        view
        returns (uint64 nextSequence, uint32 numClaims, uint8 rank, bool relinquished, bool refuted)
    {
        Progress memory p = progresses[jobId][transcoder];
        return (p.nextSequence, p.claims, p.rank, p.relinquished, p.refuted);
    }

    function getElection(uint256 jobId)
        external
        view
        returns (bytes32 seed, address[] memory ranked, uint256[] memory scores)
    {
        Head memory head = existing(jobId).head;
        Money memory money = jobs[jobId].money;
        seed = electionSeed(head);
        (ranked, scores) = bondingManager.getCandidates(money.creationRound, head.creationBlock, money.price);
        for (uint256 i; i < ranked.length; i++) {
            address candidate = ranked[i];
            uint256 score = Election.score(seed, jobId, candidate, scores[i]);
            uint256 j = i;
            for (; j > 0 && Election.isBefore(score, candidate, scores[j - 1], ranked[j - 1]); j--) {
                scores[j] = scores[j - 1];
                ranked[j] = ranked[j - 1];
            }
            scores[j] = score;
            ranked[j] = candidate;
        }
    }

    function getChallenges(uint256 jobId, address transcoder, uint256 claimId, bytes calldata ranges)
        external
        view
        returns (bytes32 seed, uint64[] memory sequences)
    {
        ClaimHead memory head = known(jobId, transcoder, claimId);
        (uint256 segments,) = ranges.check(0);
        uint256 rate = params[head.params].verificationRate;
        seed = challengeSeed(head);
        sequences = new uint64[](segments);
        uint256 n;
        for (uint256 i; i < ranges.length; i += Ranges.SIZE) {
            (uint256 start, uint256 length) = ranges.get(i);
            for (uint256 s = start; s < start + length; s++) {
                if (isChallenged(head, seed, s, rate)) sequences[n++] = uint64(s);
            }
        }
        assembly ("memory-safe") {
            mstore(sequences, n)
        }
    }

    function unitsOf(bytes calldata options) external pure returns (uint256 units, uint256 maxSegmentMs) {
        return Options.parse(options);
    }

    // ---- parameters ----

    function inForce() private view returns (IJobsManager.ClaimParams memory) {
        return params[settings.params];
    }

    function verificationRate() external view returns (uint256) {
        return inForce().verificationRate;
    }

    function verificationPeriod() external view returns (uint256) {
        return inForce().verificationPeriod;
    }

    function slashingPeriod() external view returns (uint256) {
        return inForce().slashingPeriod;
    }

    function claimPeriod() external view returns (uint256) {
        return inForce().claimPeriod;
    }

    function verifierFee() external view returns (uint256) {
        return inForce().verifierFee;
    }

    function failedVerificationSlashAmount() external view returns (uint256) {
        return settings.failedVerificationSlashAmount;
    }

    function missedVerificationSlashAmount() external view returns (uint256) {
        return settings.missedVerificationSlashAmount;
    }

    function verificationFailureThreshold() external view returns (uint256) {
        return settings.verificationFailureThreshold;
    }

    function finderFee() external view returns (uint256) {
        return bondingManager.finderFee();
    }

    function finality() external view returns (uint256) {
        return finalityOf(inForce());
    }

    function finalityOf(IJobsManager.ClaimParams memory p) private view returns (uint256) {
        uint256 judging = verifier.finality();
        uint256 after_ = judging > p.slashingPeriod ? judging : p.slashingPeriod;
        return uint256(p.claimPeriod) + p.verificationPeriod + after_;
    }

    /// A value that fits, and is at least `min`.
    function checked(string memory param, uint256 value, uint256 min, uint256 max)
        private
        pure
        returns (uint32)
    {
        if (value < min || value > max) revert IJobsManager.InvalidParameter(param, value);
        return uint32(value);
    }

    /// Claims and jobs that there are keep what they were made with: only new ones see this.
    function change(string memory param, IJobsManager.ClaimParams memory p) private {
        uint16 index = settings.params + 1;
        params[index] = p;
        settings.params = index;
        emit IJobsManager.ParameterUpdate(param);
    }

    /// Stake that leaves stays slashable until all claims that it stood for are final.
    function changePeriods(string memory param, IJobsManager.ClaimParams memory p) private {
        uint256 blocks = finalityOf(p);
        if (blocks > bondingManager.slashablePeriod()) revert IJobsManager.InvalidParameter(param, blocks);
        change(param, p);
    }

    function setVerificationRate(uint256 oneIn) external onlyControllerOwner {
        IJobsManager.ClaimParams memory p = inForce();
        p.verificationRate = checked("verificationRate", oneIn, 1, type(uint32).max);
        change("verificationRate", p);
    }

    function setVerificationPeriods(uint256 verificationBlocks, uint256 slashingBlocks)
        external
        onlyControllerOwner
    {
        IJobsManager.ClaimParams memory p = inForce();
        p.verificationPeriod = checked("verificationPeriod", verificationBlocks, 2, type(uint32).max);
        p.slashingPeriod = checked("slashingPeriod", slashingBlocks, 2, type(uint32).max);
        changePeriods("verificationPeriods", p);
    }

    function setClaimPeriod(uint256 blocks) external onlyControllerOwner {
        IJobsManager.ClaimParams memory p = inForce();
        p.claimPeriod = checked("claimPeriod", blocks, 1, type(uint32).max);
        changePeriods("claimPeriod", p);
    }

    function setVerifierFee(uint256 perc) external onlyControllerOwner {
        IJobsManager.ClaimParams memory p = inForce();
        p.verifierFee = checked("verifierFee", perc, 0, type(uint32).max);
        change("verifierFee", p);
    }

    function setFailedVerificationSlashAmount(uint256 perc) external onlyControllerOwner {
        settings.failedVerificationSlashAmount = checked("failedVerificationSlashAmount", perc, 0, Perc.ONE);
        emit IJobsManager.ParameterUpdate("failedVerificationSlashAmount");
    }

    function setMissedVerificationSlashAmount(uint256 perc) external onlyControllerOwner {
        settings.missedVerificationSlashAmount = checked("missedVerificationSlashAmount", perc, 0, Perc.ONE);
        emit IJobsManager.ParameterUpdate("missedVerificationSlashAmount");
    }

    function setVerificationFailureThreshold(uint256 perc) external onlyControllerOwner {
        settings.verificationFailureThreshold = checked("verificationFailureThreshold", perc, 0, Perc.ONE);
        emit IJobsManager.ParameterUpdate("verificationFailureThreshold");
    }
}

// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity ^0.8.28;

import {IVerifier} from "./IVerifier.sol";

/// Deposits, jobs, election, claims, verification and fees.  Rules: docs/contracts.md 5.
/// Unless said otherwise a function needs the system not paused.
interface IJobsManager {
    enum JobStatus { Inactive, Active }
    /// Pending: may still be verified, slashed, paid.  Void: refunded.  Paid: fees distributed.
    enum ClaimStatus { None, Pending, Void, Paid }
    enum VoidReason { None, MissedVerification, FailedVerification, InvalidInput, Unavailable, NoVerdict, NeverSealed, ElectionRefuted, Planted }

    struct Job {
        address broadcaster;
        uint40 creationBlock;
        uint40 endBlock;
        uint32 creationRound;
        uint96 escrow;          // wei not reserved by claims
        uint64 price;           // wei a unit
        uint48 units;           // a segment
        uint32 pendingClaims;
        uint16 params;          // index: its claimPeriod is this job's
        bytes32 details;        // keccak256(abi.encode(JobDetails))
    }

    /// What a job fixed at its creation and only its hash is stored of.
    struct JobDetails {
        bytes32 streamIdHash;     // keccak256(streamId)
        bytes32 optionsHash;      // keccak256(options)
        uint32 maxSegmentMs;
        bytes32 plantCommitment;  // 0 for none
        address broadcaster;
        uint256 segmentFee;       // wei a segment: units x price
    }

    struct Claim {
        bytes23 content;        // start of keccak256(abi.encode(root, keccak256(ranges)))
        uint40 claimBlock;
        uint40 segments;
        uint64 lastVerified;    // sequence + 1; 0 for none
        uint16 verified;        // segments with a verdict or awaiting one
        uint8 open;             // batches whose verdict is awaited
        uint16 params;          // which periods and rate hold for it
        ClaimStatus status;
        uint40 settledAt;       // block of the last PASS that an appeal may follow
        bytes17 verifiedChain;  // of all batches: see VerifiedBatch
        uint96 fees;            // reserved: what is left of them after the verifiers' fees
    }

    struct ClaimParams {
        uint32 verificationRate;       // one in so many
        uint32 verificationPeriod;     // blocks
        uint32 slashingPeriod;         // blocks
        uint32 claimPeriod;            // blocks
        uint32 verifierFee;            // PERC of a segment's price for all answers to it together
    }

    /// What a claim keeps of a batch is a link of a chain: h = start of keccak256(abi.encode(h, seed of
    /// the challenge, keccak256 of the sequences' words, work, keccak256 of the signers' words or 0 for
    /// none)).  It begins with the start of the claim's content.
    struct VerifiedBatch {
        uint64[] sequences;
        bytes32 work;           // IVerifier.Request's
        uint256[] signers;      // as in VerifyWithVerdicts; none if its verdict came later
    }

    struct ClaimRef {
        uint256 jobId;
        address transcoder;
        uint32 claimId;
    }

    /// The 65 bytes of a signature.
    struct Signature {
        bytes32 r;
        bytes32 s;
        uint8 v;
    }

    /// What a claimant shows of one challenged segment.
    struct VerifySegment {
        uint64 sequence;
        uint32 durationMs;
        bytes32 dataHash;
        bytes32 transcodedHash;
        Signature broadcasterSig;    // over Segment(...)
        Signature transcoderSig;     // over Receipt(...)
    }

    /// The rest of it: preimages of what is stored as hashes, and OpenZeppelin's multiproof with
    /// its flags as bits of words, lowest first.
    struct VerifyProof {
        JobDetails details;
        bytes ranges;
        bytes32 root;
        bytes32[] proof;
        uint256[] flagBits;
        uint16 flagCount;
    }

    event Deposit(address indexed broadcaster, uint256 amount);
    event Withdraw(address indexed broadcaster, uint256 amount);
    event NewJob(address indexed broadcaster, uint256 indexed jobId, string streamId, bytes options, uint256 pricePerUnit, uint256 units, uint256 escrow, uint256 creationBlock, uint256 endBlock, bytes32 plantCommitment);
    event JobToppedUp(uint256 indexed jobId, uint256 amount, uint256 escrow);
    event JobEnded(uint256 indexed jobId, uint256 endBlock);
    event JobRelinquished(uint256 indexed jobId, address indexed transcoder);
    event JobRefunded(uint256 indexed jobId, uint256 amount);
    event NewClaim(address indexed transcoder, uint256 indexed jobId, uint256 claimId, bytes32 root, bytes ranges, uint256 segments, uint256 fees, uint256 rank);
    event Verify(address indexed transcoder, uint256 indexed jobId, uint256 indexed claimId, uint64[] sequences, bytes32 work);
    /// signers: a word each, see IVerifier.settle; the fee is theirs in equal parts.
    event VerifyWithVerdicts(address indexed transcoder, uint256 indexed jobId, uint256 indexed claimId, uint64[] sequences, bytes32 work, uint256[] signers, uint256 fee);
    event WithdrawVerifierFees(address indexed account, uint256 amount);
    event ClaimVoided(address indexed transcoder, uint256 indexed jobId, uint256 indexed claimId, VoidReason reason, uint256 refunded);
    event DistributeFees(address indexed transcoder, uint256 indexed jobId, uint256 indexed claimId, uint256 fees);
    event ElectionRefuted(address indexed transcoder, uint256 indexed jobId, address[] better, uint256 refunded);
    event PlantRevealed(address indexed broadcaster, uint256 indexed jobId, address indexed transcoder, uint256 claimId, uint64[] sequences, uint256 forfeited);
    event ParameterUpdate(string param);

    error RoundNotInitialized(uint256 round);
    error OnlyVerifier(address sender);
    error InsufficientDeposit(uint256 need, uint256 have);
    error InsufficientEscrow(uint256 need, uint256 have);
    error NothingToWithdraw(address broadcaster);
    error TransferFailed(address to, uint256 amount);
    error InvalidOptions(uint256 offset);
    error InvalidJob(string what, uint256 value);
    error UnknownJob(uint256 jobId);
    error NotBroadcaster(uint256 jobId, address sender);
    error JobOver(uint256 jobId, uint256 deadlineBlock);
    error JobNotOver(uint256 jobId, uint256 untilBlock);
    error ClaimsPending(uint256 jobId, uint256 count);
    error Relinquished(uint256 jobId, address transcoder);
    error NotTranscoder(uint256 jobId, address sender);
    error NotEligible(uint256 jobId, address transcoder);
    /// It was elected for stake that it has no more.
    error StakeGone(address transcoder);
    error ElectionSeedMismatch(bytes32 expected, bytes32 actual);
    /// Sealing the seed (RoundsManager.seal) must come first.
    error SeedNotSealed(uint256 blockNumber);
    error InvalidRanges(uint256 offset);
    error RangeNotAscending(uint256 start, uint256 atLeast);
    error InvalidFallback(uint256 rank, address signer);
    error BeforeFallback(uint256 start, uint256 fromSequence);
    error UnknownClaim(uint256 jobId, address transcoder, uint256 claimId);
    error ClaimNotPending(ClaimStatus status);
    error ContentMismatch();
    error DetailsMismatch();
    error TooEarly(uint256 fromBlock);
    error TooLate(uint256 untilBlock);
    error NotSettled(uint256 jobId, address transcoder, uint256 claimId);
    error ChallengeSealed(uint256 blockNumber);
    error InvalidBatch(uint256 count, uint256 max);
    error NotChallenged(uint256 sequence);
    error NotInRanges(uint256 sequence);
    error NotAscending(uint256 sequence, uint256 atLeast);
    error AlreadyVerified(uint256 sequence);
    error SegmentTooLong(uint256 sequence, uint256 durationMs, uint256 maxMs);
    error BadSignature(string which, uint256 sequence);
    error BadMerkleProof();
    error VerdictsAwaited(uint256 batches);
    error TooManyOpen(uint256 max);
    error NotSettledAtOnce(uint256 index);
    error NotBetter(address candidate);
    error NotEnoughBetter(uint256 given, uint256 needed);
    error PlantMismatch();
    error InvalidParameter(string param, uint256 value);

    // ---- broadcasters ----
    /// Plain ETH sent here is a deposit, too.
    function deposit() external payable;
    /// Everything that is in no escrow.  Works while paused.
    function withdraw() external;
    /// msg.value is added to the deposit first.  streamId at most 256 bytes, options see lib/Options.
    function job(string calldata streamId, bytes calldata options, uint256 pricePerUnit, uint256 endBlock, uint256 escrow, bytes32 plantCommitment) external payable returns (uint256 jobId);
    function topUp(uint256 jobId, uint256 amount) external payable;
    /// By the broadcaster: no segment after this block.  By another: it takes no more part.
    function endJob(uint256 jobId) external;
    /// Anyone, after endBlock + claimPeriod with no claim pending: what is left goes to the deposit.
    function refund(uint256 jobId) external;
    function revealPlanted(ClaimRef calldata ref, JobDetails calldata details, bytes32 salt, uint64[] calldata sequences, bytes calldata verdictProof) external;

    // ---- transcoders ----
    /// ranges: packed (uint64 start, uint32 length) of 12 bytes each, ascending and disjoint.
    /// fallback_: empty for rank 0, else rank (1 byte), fromSequence (8), signature (65).  It and
    /// seed are read in the first claim of a transcoder on a job, whose rank holds for all later ones.
    /// The claimant must still have minTranscoderStake: claim first, then unbond.
    function claimWork(uint256 jobId, bytes calldata ranges, bytes32 root, bytes32 seed, bytes calldata fallback_) external returns (uint256 claimId);
    /// By the claim's transcoder.  1 to 64 segments, ascending.  `answers`: see IVerifier.settle.
    function verifyWithVerdicts(ClaimRef calldata ref, VerifySegment[] calldata segments, VerifyProof calldata proof, bytes calldata answers) external;
    /// `statements`: see IVerifier.request.
    function verify(ClaimRef calldata ref, VerifySegment[] calldata segments, VerifyProof calldata proof, bytes calldata statements) external;
    /// By anyone, once the claim is final: the transcoder and its vault are paid.
    function distributeFees(uint256 jobId, address transcoder, uint256 claimId) external;
    function batchDistributeFees(ClaimRef[] calldata refs) external;

    // ---- finders ----
    /// `batches`: all that were verified, in order (their chain is stored).
    function missedVerificationSlash(ClaimRef calldata ref, uint64 sequence, bytes calldata ranges, bytes32 root, VerifiedBatch[] calldata batches, bytes32 salt) external;
    /// better: rank + 1 eligible addresses with smaller scores, ascending by address.
    function refuteElection(uint256 jobId, address transcoder, address[] calldata better, bytes32 salt) external;
    /// A claim whose challenge block can be had no more: refunded.
    function voidUnsealed(ClaimRef calldata ref) external;

    // ---- the Verifier ----
    /// verdicts: two bits a segment, lowest first (docs/contracts.md 6).  isFinal false: PASS on all
    /// segments counts at once, anything else waits for the call with isFinal, and voids the claim
    /// then.  An overturned PASS comes with isFinal as well.  So PASS comes once a batch, and not for
    /// one that settle passed.  Ignored, never refused, for a claim that is no longer pending.
    /// verifiers: get the fee of the batch (0: it is paid already) in equal parts, in any case.
    function receiveVerdicts(ClaimRef calldata ref, uint256 verdicts, uint256 count, bool isFinal, address[] calldata verifiers, uint256 fee) external;
    /// No verdict after all extensions.  The batch's fee is for those who answered; if nobody did, it
    /// goes back to the job's escrow.
    function receiveNoVerdict(ClaimRef calldata ref, address[] calldata verifiers, uint256 fee) external;
    /// Was batches[index] settled in one transaction?  What the Verifier was asked then, and until
    /// when appeals count from.  batches: all of the claim, in order.  By anyone.
    function settledBatch(ClaimRef calldata ref, VerifiedBatch[] calldata batches, uint256 index) external view returns (IVerifier.Request memory request, uint256 settledAt);

    // ---- verifiers ----
    /// By anyone for anyone.  Works while paused.
    function withdrawVerifierFees(address payable account) external;
    function verifierFees(address account) external view returns (uint256 wei_);

    // ---- views ----
    function getJob(uint256 jobId) external view returns (Job memory);
    function jobStatus(uint256 jobId) external view returns (JobStatus);
    function numJobs() external view returns (uint256);
    function broadcasters(address broadcaster) external view returns (uint256 deposit);
    function getClaim(uint256 jobId, address transcoder, uint256 claimId) external view returns (Claim memory);
    function claimParams(uint256 index) external view returns (ClaimParams memory);
    /// Blocks: until when verify works, until when a finder may slash, from when fees may be distributed.
    function claimDeadlines(uint256 jobId, address transcoder, uint256 claimId) external view returns (uint256 verifyUntil, uint256 slashUntil, uint256 payableFrom);
    function progress(uint256 jobId, address transcoder) external view returns (uint64 nextSequence, uint32 claims, uint8 rank, bool relinquished, bool refuted);
    /// The whole election in order of rank, computed here: for calls off chain.
    function getElection(uint256 jobId) external view returns (bytes32 seed, address[] memory ranked, uint256[] memory scores);
    /// Challenged sequences of a claim, given its ranges: for calls off chain.  Reverts until the
    /// challenge block's hash can be had.
    function getChallenges(uint256 jobId, address transcoder, uint256 claimId, bytes calldata ranges) external view returns (bytes32 seed, uint64[] memory sequences);
    function unitsOf(bytes calldata options) external pure returns (uint256 units, uint256 maxSegmentMs);

    // ---- parameters (setters: owner of the Controller) ----
    function verificationRate() external view returns (uint256);
    function verificationPeriod() external view returns (uint256);
    function slashingPeriod() external view returns (uint256);
    function claimPeriod() external view returns (uint256);
    function failedVerificationSlashAmount() external view returns (uint256);
    function missedVerificationSlashAmount() external view returns (uint256);
    function verificationFailureThreshold() external view returns (uint256);
    function finderFee() external view returns (uint256);
    function verifierFee() external view returns (uint256);
    function setVerificationRate(uint256 oneIn) external;
    function setVerificationPeriods(uint256 verificationBlocks, uint256 slashingBlocks) external;
    function setClaimPeriod(uint256 blocks) external;
    function setFailedVerificationSlashAmount(uint256 perc) external;
    function setMissedVerificationSlashAmount(uint256 perc) external;
    function setVerificationFailureThreshold(uint256 perc) external;
    function setVerifierFee(uint256 perc) external;
    /// Blocks from a job's end until nothing can happen to any claim on it any more, at the most:
    /// periods to claim, verify, and then to slash or to judge and appeal.  Never more than the
    /// BondingManager's slashablePeriod.
    function finality() external view returns (uint256);
}

// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity ^0.8.28;

import {IJobsManager} from "./IJobsManager.sol";
import {IVerifier} from "./IVerifier.sol";

/// What verifiers, appellants and finders use of the Verifier.  Rules: docs/contracts.md 6.
///
/// An opening is 147 bytes: k (uint16), answers (uint128, two bits a segment, lowest first), workHash
/// (32), salt (32), signature (65) of the holder of draw k over Verdict(uint256 jobId,address
/// transcoder,uint32 claimId,bytes32 work,bytes32 commitment), commitment = keccak256(abi.encode(
/// verifier, answers, workHash, salt)).  EIP-712 domain: "lpnode", "1", chain id, JobsManager.
/// k ascends.  A juror signs keccak256(abi.encode(work, jury's seed)) in place of work.
///
/// What was heard of a signer is one word: answers in bits 0..127, seat id 128..175, k 176..191.
interface IVerifierSeats {
    /// Open: answers are due.  Settled: PASS, in force, may be appealed.  Decided: another verdict,
    /// in force once its appeal time is over.  Appealed: a jury is drawn.  Final: nothing follows.
    enum Phase { None, Open, Settled, Decided, Appealed, Final }
    enum Fault { Silence, StoredThenUnavailable, Overturned, Planted }
    enum Outcome { Overturned, Upheld, NoQuorum }

    /// The word that is stored of a batch.
    struct Record {
        uint168 content;     // start of the hash of the Request, later of it and the Decision
        uint32 deadline;     // block: the last for answers (a verdict's: for an appeal)
        uint32 done;         // bit k: answered or fined
        uint8 stored;        // bit k: signed Stored
        Phase phase;
        uint8 extensions;
    }

    /// A verdict and who gave it: as in the event Decided, only its hash is stored.
    struct Decision {
        uint256 verdicts;    // two bits a segment
        uint256[] answers;   // a word a signer
    }

    struct Appeal {
        address appellant;
        uint48 atBlock;      // the jury is drawn among its seats by the hash of the next
        uint128 bond;
        Record jury;
    }

    struct Seat {
        address owner;
        uint48 index;        // in the list that is drawn from
        uint48 leftAt;       // block; 0 while it is drawn
        uint256 stake;
    }

    struct Draw {
        uint256 k;
        uint256 seatId;
        address owner;
        bool empty;          // conflicted, or its owner has a smaller k
    }

    /// What a segment's `work` is made of.
    struct WorkItem {
        uint64 sequence;
        bytes32 dataHash;
        bytes32 transcodedHash;
    }

    /// A batch with planted segments: batches ascend, items are all that `work` is the hash of.
    struct PlantedBatch {
        IVerifier.Request request;
        Decision decision;
        WorkItem[] items;
    }

    struct Parameters {
        uint8 committee;         // draws of a request, at most 8
        uint8 quorum;            // equal answers for a verdict
        uint8 extensionDraws;    // more draws an extension
        uint8 juryDraws;         // of an appeal, and as many of its redraw: at most 16
        uint8 juryQuorum;
        uint32 verdictPeriod;    // blocks
        uint32 appealPeriod;     // blocks
        uint32 juryPeriod;       // blocks
        uint24 overturnedSlash;  // PERC of seatStake
        uint24 finderShare;      // PERC of a fine for silence, to who reports it
        uint24 appellantShare;   // PERC of what the overturned lose; the rest is the jury's
        uint24 juryShare;        // PERC of the bond, when the jury found no verdict
        uint96 seatStake;        // LPT base units
        uint96 silenceAmount;    // LPT base units
        uint96 appealBond;       // LPT base units
    }

    event SeatJoined(address indexed owner, uint256 indexed seatId, uint256 stake);
    event SeatToppedUp(address indexed owner, uint256 indexed seatId, uint256 amount, uint256 stake);
    /// Drawn no more, for challenges after this block.
    event SeatLeft(address indexed owner, uint256 indexed seatId);
    /// Drawn again.
    event SeatReturned(address indexed owner, uint256 indexed seatId);
    event SeatWithdrawn(address indexed owner, uint256 indexed seatId, uint256 amount);
    event SeatFined(address indexed owner, uint256 indexed seatId, Fault fault, uint256 amount);
    event FeesWithdrawn(address indexed account, uint256 amount);
    event TokensWithdrawn(address indexed account, uint256 amount);
    event Requested(uint256 indexed jobId, address indexed transcoder, uint256 indexed claimId, IVerifier.Request request, uint256 stored, uint256 deadline);
    /// Heard, without a verdict yet.
    event Answered(uint256 indexed jobId, address indexed transcoder, uint256 indexed claimId, uint256 batch, bool jury, uint256[] answers);
    event Decided(uint256 indexed jobId, address indexed transcoder, uint256 indexed claimId, uint256 batch, uint256 fee, uint256 verdicts, uint256[] answers);
    event Extended(uint256 indexed jobId, address indexed transcoder, uint256 indexed claimId, uint256 batch, bool jury, uint256 extensions, uint256 deadline);
    event NoVerdict(uint256 indexed jobId, address indexed transcoder, uint256 indexed claimId, uint256 batch);
    event Finalized(uint256 indexed jobId, address indexed transcoder, uint256 indexed claimId, uint256 batch, uint256 verdicts);
    event AppealOpened(uint256 indexed jobId, address indexed transcoder, uint256 indexed claimId, uint256 batch, address appellant, uint256 bond, uint256 deadline);
    event AppealEnded(uint256 indexed jobId, address indexed transcoder, uint256 indexed claimId, uint256 batch, Outcome outcome, uint256 verdicts);
    event PlantPunished(uint256 indexed jobId, address indexed transcoder, uint256 indexed claimId, uint256 passed, uint256 failed, uint256 forfeited);
    event ParameterUpdate(string param);

    error OnlyJobsManager(address sender);
    error ZeroAmount();
    error NotSeatOwner(uint256 seatId, address sender);
    error SeatAlreadyLeft(uint256 seatId);
    error SeatNotLeft(uint256 seatId);
    error SeatNotFinal(uint256 seatId, uint256 fromBlock);
    error StakeBelowSeat(uint256 seatId, uint256 stake, uint256 seatStake);
    error NothingOwed(address account);
    error TransferFailed(address account, uint256 amount);
    error InvalidParameter(string param, uint256 value);
    error BadLength(uint256 length, uint256 unit);
    error BadCount(uint256 count);
    error NotAscending(uint256 k);
    error NotDrawn(uint256 k, uint256 draws);
    error AlreadyDone(uint256 k);
    error SameVerifier(uint256 k, address verifier);
    error Conflicted(uint256 k, address verifier);
    error BadAnswers(uint256 k, uint256 answers);
    error BadSigner(uint256 k, address signer, address holder);
    error NotPass(uint256 k, uint256 answers);
    error QuorumMissing(uint256 have, uint256 need);
    error NoSeats(uint256 atBlock);
    error WrongPhase(Phase phase);
    error ContentMismatch();
    error TooEarly(uint256 fromBlock);
    error TooLate(uint256 untilBlock);
    error NoMoreExtensions(uint256 extensions);
    error EmptyDraw(uint256 k);
    error WrongClaim(uint256 batch);
    error NotPlanted(uint256 sequence);
    error PlantNotShown();

    // ---- seats ----
    /// n seats more; n x seatStake LPT is taken from the caller.  Drawn from the next block on.
    function join(uint256 n) external;
    /// The caller's seats are drawn no more; what they were drawn for before is still theirs to answer.
    function leave(uint256[] calldata seatIds) external;
    /// Stake beyond seatStake keeps a seat drawn after a fine; a seat that is out comes back.
    function topUp(uint256 seatId, uint256 amount) external;
    /// JobsManager's finality after they left.  These three work while the system is paused, the
    /// latter two by anyone for anyone.
    function withdrawSeats(uint256[] calldata seatIds) external;
    function withdrawFees(address payable account) external;
    function withdrawTokens(address account) external;

    // ---- requests: by anyone ----
    function answer(IVerifier.Request calldata request, bytes calldata openings) external;
    /// silent: their draws' k, ascending; each is fined, the caller gets its share.
    function extend(IVerifier.Request calldata request, uint256[] calldata silent) external;
    function endWithoutVerdict(IVerifier.Request calldata request, uint256[] calldata silent) external;
    /// A Decided verdict's appeal time is over.
    function finalize(IVerifier.Request calldata request, Decision calldata decision) external;

    // ---- appeals: by anyone ----
    function appeal(IVerifier.Request calldata request, Decision calldata decision) external;
    function judge(IVerifier.Request calldata request, Decision calldata decision, bytes calldata openings) external;
    /// The one redraw of a jury that found no verdict in time.
    function redraw(IVerifier.Request calldata request, Decision calldata decision, uint256[] calldata silent) external;
    /// Nor did the redrawn: the first verdict stands.
    function endAppeal(IVerifier.Request calldata request, Decision calldata decision, uint256[] calldata silent) external;

    // ---- views ----
    function getSeat(uint256 seatId) external view returns (Seat memory);
    function seatsCreated() external view returns (uint256);
    function seatCount() external view returns (uint256);
    function seatCountAt(uint256 blockNumber) external view returns (uint256);
    function seatAt(uint256 index, uint256 blockNumber) external view returns (uint256 seatId, address owner);
    function fees(address account) external view returns (uint256);    /// ETH it may withdraw
    function tokens(address account) external view returns (uint256);  /// LPT it may withdraw
    function getRecord(IJobsManager.ClaimRef calldata ref, uint256 batch) external view returns (Record memory);
    function getAppeal(IJobsManager.ClaimRef calldata ref, uint256 batch) external view returns (Appeal memory);
    /// Draws from..to-1 of a request; for calls off chain.
    function getDraws(IVerifier.Request calldata request, uint256 from, uint256 to) external view returns (Draw[] memory);
    function getJury(IVerifier.Request calldata request, Decision calldata decision, uint256 from, uint256 to) external view returns (bytes32 seed, Draw[] memory);

    // ---- parameters (setters: owner of the Controller) ----
    function parameters() external view returns (Parameters memory);
    function setSeatStake(uint256 amount) external;
    function setSilenceAmount(uint256 amount) external;
    function setAppealBond(uint256 amount) external;
    function setOverturnedSlash(uint256 perc) external;
    function setShares(uint256 finderPerc, uint256 appellantPerc, uint256 juryPerc) external;
    /// JobsManager's finality must still fit into BondingManager's slashablePeriod.
    function setPeriods(uint256 verdictBlocks, uint256 appealBlocks, uint256 juryBlocks) external;
    function setCommittee(uint256 draws, uint256 quorum, uint256 extensionDraws) external;
    function setJury(uint256 draws, uint256 quorum) external;
}

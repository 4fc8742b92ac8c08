// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity ^0.8.28;

import {IVerifier} from "./IVerifier.sol";

/// Records, events and errors of the Verifier.
///
/// What was heard of a signer is one word: answers in bits 0..127, seat id 128..175, k 176..191.
interface IVerifierTypes {
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

    /// A verdict and who gave it: as in the events Decided and Recorded, only its hash is stored.
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
    event TokensWithdrawn(address indexed account, uint256 amount);
    event Requested(uint256 indexed jobId, address indexed transcoder, uint256 indexed claimId, IVerifier.Request request, uint256 stored, uint256 deadline);
    /// Heard, without a verdict yet.
    event Answered(uint256 indexed jobId, address indexed transcoder, uint256 indexed claimId, uint256 batch, bool jury, uint256[] answers);
    /// Of a batch that was settled in one transaction, PASS throughout: what an appeal needs.
    event Recorded(uint256 indexed jobId, address indexed transcoder, uint256 indexed claimId, IVerifier.Request request, uint256[] answers, uint256 deadline);
    event Decided(uint256 indexed jobId, address indexed transcoder, uint256 indexed claimId, uint256 batch, uint256 fee, uint256 verdicts, uint256[] answers);
    event Extended(uint256 indexed jobId, address indexed transcoder, uint256 indexed claimId, uint256 batch, bool jury, uint256 extensions, uint256 deadline);
    event NoVerdict(uint256 indexed jobId, address indexed transcoder, uint256 indexed claimId, uint256 batch);
    event Finalized(uint256 indexed jobId, address indexed transcoder, uint256 indexed claimId, uint256 batch, uint256 verdicts);
    event AppealOpened(uint256 indexed jobId, address indexed transcoder, uint256 indexed claimId, uint256 batch, address appellant, uint256 bond, uint256 deadline);
    event AppealEnded(uint256 indexed jobId, address indexed transcoder, uint256 indexed claimId, uint256 batch, Outcome outcome, uint256 verdicts);
    event PlantPunished(uint256 indexed jobId, address indexed transcoder, uint256 indexed claimId, uint256 passed, uint256 failed);
    event ParameterUpdate(string param);

    error OnlyJobsManager(address sender);
    error ZeroAmount();
    error NotSeatOwner(uint256 seatId, address sender);
    error SeatAlreadyLeft(uint256 seatId);
    error SeatNotLeft(uint256 seatId);
    error SeatNotFinal(uint256 seatId, uint256 fromBlock);
    error StakeBelowSeat(uint256 seatId, uint256 stake, uint256 seatStake);
    error NothingOwed(address account);
    /// It holds LPT only.
    error NoEther();
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
}

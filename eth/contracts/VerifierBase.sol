// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Manager} from "./Manager.sol";
import {IBondingManager} from "./interfaces/IBondingManager.sol";
import {IController} from "./interfaces/IController.sol";
import {IJobsManager} from "./interfaces/IJobsManager.sol";
import {IRoundsManager} from "./interfaces/IRoundsManager.sol";
import {IVerifier} from "./interfaces/IVerifier.sol";
import {IVerifierTypes} from "./interfaces/IVerifierTypes.sol";
import {Perc} from "./lib/Perc.sol";
import {SeatList} from "./lib/SeatList.sol";
import {Typed} from "./lib/Typed.sol";

/// What both halves of the Verifier share: the storage, who is drawn, what they say, and fines.
///
/// A batch has one word, its Record, and none if it passed in one transaction and nobody wants
/// anything of it: Requests and Decisions are given again by whoever does and compared by hash, and so
/// are the signers, a word each.  First verdicts and appeals are heard by the same code: a Bench is who
/// may be drawn, from what, and how many.
///
/// LPT held = stakes of seats + bonds of open appeals + tokens owed.  ETH: none, JobsManager keeps the
/// fees and is told who gets them.
abstract contract VerifierBase is IVerifierTypes, Manager {
    using Perc for uint256;
    using SeatList for SeatList.List;

    /// A court in memory: a request's committee or an appeal's jury.
    struct Bench {
        bytes32 seed;
        uint256 jobId;
        address transcoder;
        uint256 claimId;
        address broadcaster;
        bytes32 work;        // what is signed
        uint256 count;       // segments
        uint256 atBlock;     // whose seats are drawn from
        uint256 seats;
        uint256 draws;
        uint256 quorum;
        uint256 trusted;     // bit k: was found free of conflicts before
        address[] barred;    // who may not sit besides the parties
    }

    /// What was heard: a word each and whose it is.
    struct Heard {
        uint256[] words;
        address[] owners;
        uint256 known;       // of them from earlier transactions
        uint256 bits;        // k's of the new ones
    }

    uint256 internal constant FAIL = 1;
    uint256 internal constant UNAVAILABLE = 3;
    uint256 private constant COUNT_MAX = 64;
    uint256 private constant OPENING_SIZE = 147;
    uint256 private constant SIGNATURE_OF_OPENING = 82;
    /// The lower bit of each answer.
    uint256 private constant LOWER_BITS = type(uint128).max / 3;

    IBondingManager internal immutable bonding;
    IJobsManager internal immutable jobs;
    IRoundsManager internal immutable rounds;
    IERC20 internal immutable token;
    address internal immutable treasury;

    Parameters internal _params;
    SeatList.List internal _list;
    uint256 internal _seatsCreated;
    mapping(uint256 seatId => Seat) internal _seats;
    mapping(address account => uint256) internal _tokens;
    mapping(bytes32 key => Record) internal _records;
    mapping(bytes32 key => Appeal) internal _appeals;
    mapping(bytes32 claim => uint256) internal _openAppeals;
    /// Words heard of a bench that has no verdict yet; a jury's key is ~ of its record's.
    mapping(bytes32 key => mapping(uint256 k => uint256)) internal _answers;

    constructor(
        IController controller_,
        IBondingManager bondingManager_,
        IJobsManager jobsManager_,
        IRoundsManager roundsManager_,
        IERC20 token_,
        address treasury_
    ) Manager(controller_) {
        (bonding, jobs, rounds) = (bondingManager_, jobsManager_, roundsManager_);
        (token, treasury) = (token_, treasury_);
    }

    modifier onlyJobs() {
        if (msg.sender != address(jobs)) revert OnlyJobsManager(msg.sender);
        _;
    }

    // ---- keys and contents ----

    function _claimOf(IJobsManager.ClaimRef memory ref) internal pure returns (bytes32) {
        return keccak256(abi.encode(ref.jobId, ref.transcoder, ref.claimId));
    }

    function _keyOf(IJobsManager.ClaimRef memory ref, uint256 batch) internal pure returns (bytes32) {
        return keccak256(abi.encode(ref.jobId, ref.transcoder, ref.claimId, batch));
    }

    function _requestContent(IVerifier.Request calldata r) internal pure returns (uint168) {
        return uint168(uint256(_requestHash(r)));
    }

    /// keccak256(abi.encode(r)): it lies in call data as it is encoded.
    function _requestHash(IVerifier.Request calldata r) private pure returns (bytes32 h) {
        assembly ("memory-safe") {
            let p := mload(0x40)
            calldatacopy(p, r, 0x140)
            h := keccak256(p, 0x140)
        }
    }

    function _decisionContent(IVerifier.Request memory r, uint256 verdicts, uint256[] memory words)
        internal
        pure
        returns (uint168)
    {
        return _decisionContent(keccak256(abi.encode(r)), verdicts, words);
    }

    function _contentOf(IVerifier.Request calldata r, uint256 verdicts, uint256[] memory words)
        internal
        pure
        returns (uint168)
    {
        return _decisionContent(_requestHash(r), verdicts, words);
    }

    function _decisionContent(bytes32 requestHash, uint256 verdicts, uint256[] memory words)
        private
        pure
        returns (uint168)
    {
        bytes32 all;
        // keccak256(abi.encodePacked(words))
        assembly ("memory-safe") {
            all := keccak256(add(words, 0x20), shl(5, mload(words)))
        }
        return uint168(uint256(keccak256(abi.encode(requestHash, verdicts, all))));
    }

    function _openRecord(bytes32 key, IVerifier.Request calldata r) internal view returns (Record memory rec) {
        rec = _records[key];
        if (rec.phase != Phase.Open) revert WrongPhase(rec.phase);
        if (rec.content != _requestContent(r)) revert ContentMismatch();
    }

    function _decidedRecord(bytes32 key, IVerifier.Request calldata r, Decision calldata decision)
        internal
        view
        returns (Record memory rec)
    {
        rec = _records[key];
        if (rec.phase < Phase.Settled) revert WrongPhase(rec.phase);
        if (rec.content != _contentOf(r, decision.verdicts, decision.answers)) revert ContentMismatch();
    }

    function _after(uint256 blockNumber) internal view {
        if (block.number <= blockNumber) revert TooEarly(blockNumber + 1);
    }

    function _notAfter(uint256 blockNumber) internal view {
        if (block.number > blockNumber) revert TooLate(blockNumber);
    }

    // ---- draws ----

    function _bench(IVerifier.Request calldata r, uint256 atBlock) internal view returns (Bench memory b) {
        b.jobId = r.ref.jobId;
        b.transcoder = r.ref.transcoder;
        b.claimId = r.ref.claimId;
        b.broadcaster = r.broadcaster;
        b.count = r.count;
        b.atBlock = atBlock;
        b.seats = _list.countAt(atBlock);
    }

    function _committee(IVerifier.Request calldata r, uint256 extensions) internal view returns (Bench memory b) {
        if (r.count == 0 || r.count > COUNT_MAX) revert BadCount(r.count);
        b = _bench(r, r.challengeBlock);
        b.seed = r.seed;
        b.work = r.work;
        b.draws = _params.committee + extensions * _params.extensionDraws;
        b.quorum = _params.quorum;
    }

    function _draw(Bench memory b, uint256 k) internal view returns (SeatList.Slot memory) {
        if (k >= b.draws) revert NotDrawn(k, b.draws);
        if (b.seats == 0) revert NoSeats(b.atBlock);
        uint256 h;
        // keccak256(abi.encode(seed, jobId, transcoder, claimId, k)): the first four fields of b, and k
        assembly ("memory-safe") {
            let p := mload(0x40)
            mcopy(p, b, 0x80)
            mstore(add(p, 0x80), k)
            h := keccak256(p, 0xa0)
        }
        return _list.slotAt(h % b.seats, b.atBlock);
    }

    function _isConflicted(Bench memory b, address holder) internal view returns (bool) {
        return _isParty(b, holder) || _isBarred(b, holder) || _isParty(b, bonding.delegateOf(holder));
    }

    /// Address 0, the delegate of those who have none, is none.
    function _isParty(Bench memory b, address who) private pure returns (bool) {
        return who != address(0) && (who == b.transcoder || who == b.broadcaster);
    }

    function _isBarred(Bench memory b, address who) private pure returns (bool) {
        for (uint256 i = 0; i < b.barred.length; i++) {
            if (who == b.barred[i]) return true;
        }
        return false;
    }

    /// None of those heard now may sit on the bench, but for those that are trusted.
    function _checkConflicts(Bench memory b, Heard memory heard) internal view {
        if (heard.bits & ~b.trusted == 0) return;
        address[] memory holders = _since(heard.owners, heard.known);
        address[] memory delegates = bonding.delegatesOf(holders);
        for (uint256 i = 0; i < holders.length; i++) {
            address holder = holders[i];
            if (!_isParty(b, holder) && !_isParty(b, delegates[i]) && !_isBarred(b, holder)) continue;
            uint256 k = _kOf(heard.words[heard.known + i]);
            if (b.trusted >> k & 1 == 0) revert Conflicted(k, holder);
        }
    }

    /// What follows the first n of a list.
    function _since(address[] memory list, uint256 n) private pure returns (address[] memory rest) {
        if (n == 0) return list;
        rest = new address[](list.length - n);
        for (uint256 i = 0; i < rest.length; i++) rest[i] = list[n + i];
    }

    function _isEmpty(Bench memory b, uint256 k, address holder) internal view returns (bool) {
        for (uint256 j = 0; j < k; j++) {
            if (_draw(b, j).owner == holder) return true;
        }
        return _isConflicted(b, holder);
    }

    // ---- signatures ----

    /// Checks openings and adds them to what was heard.  done: k's that may answer no more.
    function _hear(Bench memory b, Heard memory heard, bytes calldata openings, uint256 done) internal view {
        uint256 n = openings.length / OPENING_SIZE;
        if (n == 0 || n * OPENING_SIZE != openings.length) revert BadLength(openings.length, OPENING_SIZE);
        _grow(heard, n);
        bytes32 domain = Typed.domain(address(jobs));
        for (uint256 i = 0; i < n; i++) {
            bytes calldata one = _item(openings, i, OPENING_SIZE);
            (uint256 k, uint256 answers) = _headOf(one);
            SeatList.Slot memory slot = _draw(b, k);
            if (heard.bits >> k != 0) revert NotAscending(k);
            if (done >> k & 1 != 0) revert AlreadyDone(k);
            if (answers >> (2 * b.count) != 0) revert BadAnswers(k, answers);
            bytes32 digest = _verdictDigest(domain, b, slot.owner, answers, one);
            _checkSigner(k, slot.owner, digest, one, SIGNATURE_OF_OPENING);
            _checkNew(k, slot.owner, heard.owners, heard.known + i);
            heard.bits |= 1 << k;
            heard.words[heard.known + i] = answers | uint256(slot.seatId) << 128 | k << 176;
        }
        _checkConflicts(b, heard);
    }

    /// list[i * size:(i + 1) * size], which is there.
    function _item(bytes calldata list, uint256 i, uint256 size) internal pure returns (bytes calldata one) {
        assembly ("memory-safe") {
            one.offset := add(list.offset, mul(i, size))
            one.length := size
        }
    }

    /// (uint16(bytes2(one)), uint128(bytes16(one[2:])))
    function _headOf(bytes calldata one) private pure returns (uint256 k, uint256 answers) {
        uint256 word;
        assembly ("memory-safe") {
            word := calldataload(one.offset)
        }
        return (word >> 240, uint128(word >> 112));
    }

    /// opening: OPENING_SIZE bytes
    function _verdictDigest(
        bytes32 domain,
        Bench memory b,
        address holder,
        uint256 answers,
        bytes calldata opening
    ) private pure returns (bytes32) {
        uint256 who = uint160(holder);
        bytes32 commitment;
        // keccak256(abi.encode(holder, answers, workHash, salt)), the last two from the opening
        assembly ("memory-safe") {
            let p := mload(0x40)
            mstore(p, who)
            mstore(add(p, 0x20), answers)
            calldatacopy(add(p, 0x40), add(opening.offset, 18), 0x40)
            commitment := keccak256(p, 0x80)
        }
        return Typed.verdict(domain, b.jobId, b.transcoder, uint32(b.claimId), b.work, commitment);
    }

    /// signature: the 65 bytes at `offset` of `item`, which are there.
    function _checkSigner(uint256 k, address holder, bytes32 digest, bytes calldata item, uint256 offset)
        internal
        pure
    {
        address signer = Typed.signerAt(digest, item, offset);
        if (signer == address(0) || signer != holder) revert BadSigner(k, signer, holder);
    }

    /// owners[n] = holder, unless it is there already: an address is heard once, however many seats.
    function _checkNew(uint256 k, address holder, address[] memory owners, uint256 n) internal pure {
        for (uint256 i = 0; i < n; i++) {
            if (owners[i] == holder) revert SameVerifier(k, holder);
        }
        owners[n] = holder;
    }

    // ---- what was heard ----

    function _grow(Heard memory heard, uint256 n) internal pure {
        uint256[] memory words = new uint256[](heard.known + n);
        address[] memory owners = new address[](heard.known + n);
        for (uint256 i = 0; i < heard.known; i++) (words[i], owners[i]) = (heard.words[i], heard.owners[i]);
        (heard.words, heard.owners) = (words, owners);
    }

    /// From storage: what earlier transactions brought.
    function _recall(bytes32 key, uint256 done) internal view returns (Heard memory heard) {
        if (done == 0) return heard;
        heard.words = new uint256[](32);
        heard.owners = new address[](32);
        for (uint256 k = 0; done >> k != 0; k++) {
            uint256 word = done >> k & 1 == 0 ? 0 : _answers[key][k];
            if (word == 0) continue;
            heard.words[heard.known] = word;
            heard.owners[heard.known++] = _seats[_seatOf(word)].owner;
        }
        _cut(heard.owners, heard.known);
    }

    function _remember(bytes32 key, IVerifier.Request calldata r, Heard memory heard, bool jury) internal {
        for (uint256 i = heard.known; i < heard.words.length; i++) {
            _answers[key][_kOf(heard.words[i])] = heard.words[i];
        }
        emit Answered(r.ref.jobId, r.ref.transcoder, r.ref.claimId, r.batch, jury, heard.words);
    }

    /// Of what was heard of `owner`, PASS throughout: the word of IVerifier.settle, and back.
    function _signerOf(uint256 word, address owner) internal pure returns (uint256) {
        return uint160(owner) | _seatOf(word) << 160 | _kOf(word) << 208;
    }

    function _passOf(uint256 signer) internal pure returns (uint256) {
        return uint256(uint48(signer >> 160)) << 128 | signer >> 208 << 176;
    }

    function _answersOf(uint256 word) internal pure returns (uint256) {
        return uint128(word);
    }

    function _seatOf(uint256 word) internal pure returns (uint256) {
        return uint48(word >> 128);
    }

    function _kOf(uint256 word) internal pure returns (uint256) {
        return word >> 176;
    }

    /// Is one of the answers UNAVAILABLE, which has both bits?
    function _saysUnavailable(uint256 word) internal pure returns (bool) {
        return word & word >> 1 & LOWER_BITS != 0;
    }

    /// A verdict on all segments, or none.
    function _tally(uint256[] memory words, uint256 count, uint256 quorum)
        internal
        pure
        returns (bool found, uint256 verdicts)
    {
        if (_isUnanimous(words)) return words.length < quorum ? (false, 0) : (true, _answersOf(words[0]));
        for (uint256 s = 0; s < count; s++) {
            uint256 v;
            (found, v) = _majority(words, 2 * s, quorum);
            if (!found) return (false, 0);
            verdicts |= v << (2 * s);
        }
    }

    function _isUnanimous(uint256[] memory words) private pure returns (bool) {
        for (uint256 i = 1; i < words.length; i++) {
            if (_answersOf(words[i]) != _answersOf(words[0])) return false;
        }
        return true;
    }

    /// The most frequent answer, when a quorum gave it and no other as many.
    function _majority(uint256[] memory words, uint256 shift, uint256 quorum)
        internal
        pure
        returns (bool found, uint256 best)
    {
        uint256[4] memory n;
        for (uint256 i = 0; i < words.length; i++) n[words[i] >> shift & 3]++;
        for (uint256 v = 1; v < 4; v++) {
            if (n[v] > n[best]) best = v;
        }
        found = n[best] >= quorum;
        for (uint256 v = 0; v < 4; v++) {
            if (v != best && n[v] == n[best]) found = false;
        }
    }

    /// What JobsManager is told: data that is not there is the transcoder's failure, unless a quorum
    /// of the drawn had signed that they stored it.
    function _reported(uint256 verdicts, uint256 stored, uint256 count) internal view returns (uint256 reported) {
        if (!_saysUnavailable(verdicts)) return verdicts;
        uint256 n = 0;
        for (uint256 k = 0; stored >> k != 0; k++) n += stored >> k & 1;
        if (n >= _params.quorum) return verdicts;
        for (uint256 s = 0; s < count; s++) {
            uint256 v = verdicts >> (2 * s) & 3;
            reported |= (v == UNAVAILABLE ? FAIL : v) << (2 * s);
        }
    }

    /// Those whose answers are the verdict; all, if it is put together from several answers.
    function _agreeing(Heard memory heard, uint256 verdicts) internal pure returns (address[] memory list) {
        list = new address[](heard.words.length);
        uint256 n = 0;
        for (uint256 i = 0; i < heard.words.length; i++) {
            if (_answersOf(heard.words[i]) == verdicts) list[n++] = heard.owners[i];
        }
        if (n == 0) return heard.owners;
        _cut(list, n);
    }

    /// The list becomes its first n.
    function _cut(address[] memory list, uint256 n) internal pure {
        assembly ("memory-safe") {
            mstore(list, n)
        }
    }

    function _tellFinal(IVerifier.Request calldata r, Record memory rec, uint256 verdicts) internal {
        emit Finalized(r.ref.jobId, r.ref.transcoder, r.ref.claimId, r.batch, verdicts);
        uint256 reported = _reported(verdicts, rec.stored, r.count);
        jobs.receiveVerdicts(r.ref, reported, r.count, true, new address[](0), 0);
    }

    // ---- what is taken and owed ----

    /// Take from a seat, in or out, what it has of `amount`.  The caller says to whom it goes.
    function _fine(uint256 seatId, uint256 amount, Fault fault) internal returns (uint256 taken) {
        Seat storage seat = _seats[seatId];
        uint256 stake = seat.stake;
        taken = amount < stake ? amount : stake;
        seat.stake = stake - taken;
        emit SeatFined(seat.owner, seatId, fault, taken);
        if (seat.leftAt == 0 && stake - taken < _params.seatStake) _takeOut(seat, seatId);
    }

    function _takeOut(Seat storage seat, uint256 seatId) internal {
        uint48 index = seat.index;
        uint256 moved = _list.remove(index);
        if (moved != 0) _seats[moved].index = index;
        seat.leftAt = uint48(block.number);
        emit SeatLeft(seat.owner, seatId);
    }

    /// Equal parts; what does not divide goes to the first.
    function _share(address[] memory to, uint256 amount) internal {
        if (amount == 0) return;
        uint256 n = to.length;
        uint256 part = amount / n;
        _tokens[to[0]] += part + amount % n;
        for (uint256 i = 1; i < n; i++) _tokens[to[i]] += part;
    }

    function _overturnedAmount() internal view returns (uint256) {
        return uint256(_params.seatStake).part(_params.overturnedSlash);
    }

    /// Returns done with the bits of the fined: they answer no more.
    function _fineSilent(Bench memory b, bytes32 key, uint32 done, uint256[] calldata silent)
        internal
        returns (uint32)
    {
        if (silent.length == 0) return done;
        Heard memory heard = _recall(key, done);
        uint256 amount = _params.silenceAmount;
        uint256 taken = 0;
        for (uint256 i = 0; i < silent.length; i++) {
            uint256 k = silent[i];
            SeatList.Slot memory slot = _draw(b, k);
            if (done >> k & 1 != 0) revert AlreadyDone(k);
            if (_isAmong(slot.owner, heard) || _isEmpty(b, k, slot.owner)) revert EmptyDraw(k);
            done |= uint32(1 << k);
            taken += _fine(slot.seatId, amount, Fault.Silence);
        }
        uint256 part = taken.part(_params.finderShare);
        _tokens[msg.sender] += part;
        _tokens[treasury] += taken - part;
        return done;
    }

    function _isAmong(address holder, Heard memory heard) internal pure returns (bool) {
        for (uint256 i = 0; i < heard.known; i++) {
            if (heard.owners[i] == holder) return true;
        }
        return false;
    }

    function _emitExtended(IVerifier.Request calldata r, Record memory rec, bool jury) internal {
        emit Extended(
            r.ref.jobId, r.ref.transcoder, r.ref.claimId, r.batch, jury, rec.extensions, rec.deadline
        );
    }
}

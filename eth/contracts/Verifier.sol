// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity ^0.8.28;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {IBondingManager} from "./interfaces/IBondingManager.sol";
import {IController} from "./interfaces/IController.sol";
import {IJobsManager} from "./interfaces/IJobsManager.sol";
import {IRoundsManager} from "./interfaces/IRoundsManager.sol";
import {IVerifier} from "./interfaces/IVerifier.sol";
import {Perc} from "./lib/Perc.sol";
import {SeatList} from "./lib/SeatList.sol";
import {VerifierSeats} from "./lib/VerifierSeats.sol";

/// Judges challenged segments by drawn verifiers with LPT at stake.  Rules: docs/contracts.md 6.
///
/// A batch has one word, its Record: Requests and Decisions are given again by whoever wants
/// something of them and compared by hash, and so are the signers, a word each.  First verdicts and
/// appeals are heard by the same code: a Bench is who may be drawn, from what, and how many.
contract Verifier is IVerifier, VerifierSeats {
    using Perc for uint256;
    using SafeERC20 for IERC20;
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

    bytes32 private constant DOMAIN_TYPEHASH =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    bytes32 private constant VERDICT_TYPEHASH =
        keccak256("Verdict(uint256 jobId,address transcoder,uint32 claimId,bytes32 work,bytes32 commitment)");
    bytes32 private constant STORED_TYPEHASH =
        keccak256("Stored(uint256 jobId,address transcoder,uint32 claimId,bytes32 work)");

    uint256 private constant FAIL = 1;
    uint256 private constant UNAVAILABLE = 3;
    uint256 private constant EXTENSIONS_MAX = 3;
    uint256 private constant COUNT_MAX = 64;
    uint256 private constant OPENING_SIZE = 147;
    uint256 private constant STATEMENT_SIZE = 67;

    uint256 private immutable _chainId;
    bytes32 private immutable _domain;

    mapping(bytes32 key => Record) private _records;
    mapping(bytes32 key => Appeal) private _appeals;
    mapping(bytes32 claim => uint256) private _openAppeals;
    /// Words heard of a bench that has no verdict yet; a jury's key is ~ of its record's.
    mapping(bytes32 key => mapping(uint256 k => uint256)) private _answers;

    constructor(
        IController controller_,
        IBondingManager bonding_,
        IJobsManager jobs_,
        IRoundsManager rounds_,
        IERC20 token_,
        address treasury_
    ) VerifierSeats(controller_, bonding_, jobs_, rounds_, token_, treasury_) {
        _chainId = block.chainid;
        _domain = _makeDomain();
    }

    function initialize(Parameters calldata p) external initializer {
        _setParameters(p);
    }

    // ---- JobsManager ----

    function settle(Request calldata r, bytes calldata openings) external payable onlyJobs returns (uint256) {
        Bench memory bench = _committee(r, 0);
        Heard memory heard;
        _hear(bench, heard, openings, 0);
        uint256 n = heard.words.length;
        if (n < bench.quorum) revert QuorumMissing(n, bench.quorum);
        for (uint256 i = 0; i < n; i++) {
            if (_answersOf(heard.words[i]) != 0) revert NotPass(_kOf(heard.words[i]), _answersOf(heard.words[i]));
        }
        Record memory rec;
        _keepVerdict(r, rec, heard, 0);
        return 0;
    }

    function request(Request calldata r, bytes calldata statements) external payable onlyJobs {
        Record memory rec;
        rec.content = _requestContent(r);
        rec.deadline = uint32(block.number + _params.verdictPeriod);
        rec.stored = _readStatements(r, statements);
        rec.phase = Phase.Open;
        _records[_keyOf(r.ref, r.batch)] = rec;
        emit Requested(r.ref.jobId, r.ref.transcoder, r.ref.claimId, r, rec.stored, rec.deadline);
    }

    function punishPlanted(
        IJobsManager.ClaimRef calldata ref,
        address broadcaster,
        uint64[] calldata sequences,
        bytes calldata proof
    ) external payable onlyJobs {
        (bytes32 salt, PlantedBatch[] memory batches) = abi.decode(proof, (bytes32, PlantedBatch[]));
        uint256[] memory passed = new uint256[](32 * batches.length);
        address[] memory failed = new address[](32 * batches.length);
        uint256 nPassed = 0;
        uint256 nFailed = 0;
        uint256 next = 0;
        for (uint256 i = 0; i < batches.length; i++) {
            Request memory r = batches[i].request;
            // Ascending: no signer is punished twice for one answer.
            if (r.batch < next || _claimOf(r.ref) != _claimOf(ref)) revert WrongClaim(r.batch);
            next = r.batch + 1;
            _checkPlanted(batches[i]);
            uint256 mask = _plantedMask(batches[i], sequences, salt);
            (nPassed, nFailed) = _sortSigners(batches[i].decision.answers, mask, passed, nPassed, failed, nFailed);
        }
        uint256 taken = 0;
        uint256 amount = _overturnedAmount();
        for (uint256 i = 0; i < nPassed; i++) taken += _fine(passed[i], amount, Fault.Planted);
        tokens[broadcaster] += taken / 2;
        tokens[treasury] += taken - taken / 2;
        _share(fees, failed, nFailed, msg.value, treasury);
        emit PlantPunished(ref.jobId, ref.transcoder, ref.claimId, nPassed, nFailed, msg.value);
    }

    // ---- requests ----

    function answer(Request calldata r, bytes calldata openings) external whenNotPaused {
        bytes32 key = _keyOf(r.ref, r.batch);
        Record memory rec = _openRecord(key, r);
        _notAfter(uint256(rec.deadline) + _params.verdictPeriod);
        Bench memory bench = _committee(r, rec.extensions);
        bench.trusted = rec.stored;
        Heard memory heard = _recall(key, rec.done);
        _hear(bench, heard, openings, rec.done);
        _punishDeniers(heard, rec.stored, r.count);
        (bool found, uint256 verdicts) = _tally(heard.words, r.count, bench.quorum);
        if (found) {
            _keepVerdict(r, rec, heard, verdicts);
            jobs.receiveVerdicts(r.ref, r.batch, _reported(verdicts, rec.stored, r.count), r.count, false);
        } else {
            rec.done |= uint32(heard.bits);
            _records[key] = rec;
            _remember(key, r, heard, false);
        }
    }

    function extend(Request calldata r, uint256[] calldata silent) external whenNotPaused {
        bytes32 key = _keyOf(r.ref, r.batch);
        Record memory rec = _openRecord(key, r);
        _after(rec.deadline);
        _notAfter(uint256(rec.deadline) + _params.verdictPeriod);
        if (rec.extensions == EXTENSIONS_MAX) revert NoMoreExtensions(rec.extensions);
        rec.done = _fineSilent(_committee(r, rec.extensions), key, rec.done, silent);
        rec.extensions++;
        rec.deadline = uint32(block.number + _params.verdictPeriod);
        _records[key] = rec;
        _emitExtended(r, rec, false);
    }

    /// After the last extension, or when nobody called extend() in time: then the request is dead,
    /// so that there is an end that all can reckon with.
    function endWithoutVerdict(Request calldata r, uint256[] calldata silent) external whenNotPaused {
        bytes32 key = _keyOf(r.ref, r.batch);
        Record memory rec = _openRecord(key, r);
        uint256 end = rec.deadline;
        if (rec.extensions < EXTENSIONS_MAX) end += _params.verdictPeriod;
        _after(end);
        _fineSilent(_committee(r, rec.extensions), key, rec.done, silent);
        delete _records[key];
        Heard memory heard = _recall(key, rec.done);
        _share(fees, heard.owners, heard.known, r.fee, r.broadcaster);
        emit NoVerdict(r.ref.jobId, r.ref.transcoder, r.ref.claimId, r.batch);
        jobs.receiveNoVerdict(r.ref, r.batch, r.count);
    }

    function finalize(Request calldata r, Decision calldata decision) external whenNotPaused {
        bytes32 key = _keyOf(r.ref, r.batch);
        Record memory rec = _decidedRecord(key, r, decision);
        if (rec.phase != Phase.Decided) revert WrongPhase(rec.phase);
        _after(rec.deadline);
        _records[key].phase = Phase.Final;
        _tellFinal(r, rec, decision.verdicts);
    }

    // ---- appeals ----

    function appeal(Request calldata r, Decision calldata decision) external whenNotPaused {
        bytes32 key = _keyOf(r.ref, r.batch);
        Record memory rec = _decidedRecord(key, r, decision);
        if (rec.phase != Phase.Settled && rec.phase != Phase.Decided) revert WrongPhase(rec.phase);
        _notAfter(rec.deadline);
        _records[key].phase = Phase.Appealed;
        _openAppeals[_claimOf(r.ref)]++;
        Appeal storage a = _appeals[key];
        uint256 bond = _params.appealBond;
        (a.appellant, a.atBlock, a.bond) = (msg.sender, uint48(block.number), uint128(bond));
        a.jury.phase = Phase.Open;
        a.jury.deadline = uint32(block.number + 1 + _params.juryPeriod);
        emit AppealOpened(
            r.ref.jobId, r.ref.transcoder, r.ref.claimId, r.batch, msg.sender, bond, a.jury.deadline
        );
        token.safeTransferFrom(msg.sender, address(this), bond);
    }

    function judge(Request calldata r, Decision calldata decision, bytes calldata openings) external whenNotPaused {
        (bytes32 key, Record memory rec, Appeal memory a) = _openAppeal(r, decision);
        _notAfter(uint256(a.jury.deadline) + _params.juryPeriod);
        Bench memory bench = _jury(r, decision, a);
        Heard memory heard = _recall(~key, a.jury.done);
        _hear(bench, heard, openings, a.jury.done);
        (bool found, uint256 verdicts) = _tally(heard.words, r.count, bench.quorum);
        if (found) {
            _conclude(r, decision, rec, a, heard, verdicts);
        } else {
            _appeals[key].jury.done = a.jury.done | uint32(heard.bits);
            _remember(~key, r, heard, true);
        }
    }

    function redraw(Request calldata r, Decision calldata decision, uint256[] calldata silent)
        external
        whenNotPaused
    {
        (bytes32 key, , Appeal memory a) = _openAppeal(r, decision);
        _after(a.jury.deadline);
        _notAfter(uint256(a.jury.deadline) + _params.juryPeriod);
        if (a.jury.extensions != 0) revert NoMoreExtensions(a.jury.extensions);
        a.jury.done = _fineJurors(r, decision, a, key, silent);
        a.jury.extensions = 1;
        a.jury.deadline = uint32(block.number + _params.juryPeriod);
        _appeals[key].jury = a.jury;
        _emitExtended(r, a.jury, true);
    }

    function endAppeal(Request calldata r, Decision calldata decision, uint256[] calldata silent)
        external
        whenNotPaused
    {
        (bytes32 key, Record memory rec, Appeal memory a) = _openAppeal(r, decision);
        uint256 end = a.jury.deadline;
        if (a.jury.extensions == 0) end += _params.juryPeriod;
        _after(end);
        _fineJurors(r, decision, a, key, silent);
        Heard memory heard = _recall(~key, a.jury.done);
        uint256 part = heard.known == 0 ? 0 : uint256(a.bond).of(_params.juryShare);
        _share(tokens, heard.owners, heard.known, part, treasury);
        tokens[a.appellant] += a.bond - part;
        _closeAppeal(r, rec, decision.verdicts, decision.verdicts, Outcome.NoQuorum);
    }

    // ---- views ----

    function isSettled(IJobsManager.ClaimRef calldata ref) external view returns (bool) {
        if (_openAppeals[_claimOf(ref)] != 0) return false;
        uint256 last = jobs.getClaim(ref.jobId, ref.transcoder, ref.claimId).settledAt;
        return last == 0 || block.number > last + _params.appealPeriod;
    }

    function getRecord(IJobsManager.ClaimRef calldata ref, uint256 batch) external view returns (Record memory) {
        return _records[_keyOf(ref, batch)];
    }

    function getAppeal(IJobsManager.ClaimRef calldata ref, uint256 batch) external view returns (Appeal memory) {
        return _appeals[_keyOf(ref, batch)];
    }

    function getDraws(Request calldata r, uint256 from, uint256 to) external view returns (Draw[] memory) {
        return _drawsOf(_committee(r, 0), from, to);
    }

    function getJury(Request calldata r, Decision calldata decision, uint256 from, uint256 to)
        external
        view
        returns (bytes32, Draw[] memory)
    {
        (, , Appeal memory a) = _openAppeal(r, decision);
        Bench memory bench = _jury(r, decision, a);
        return (bench.seed, _drawsOf(bench, from, to));
    }

    // ---- keys and contents ----

    function _claimOf(IJobsManager.ClaimRef memory ref) private pure returns (bytes32) {
        return keccak256(abi.encode(ref.jobId, ref.transcoder, ref.claimId));
    }

    function _keyOf(IJobsManager.ClaimRef memory ref, uint256 batch) private pure returns (bytes32) {
        return keccak256(abi.encode(ref.jobId, ref.transcoder, ref.claimId, batch));
    }

    function _requestContent(Request memory r) private pure returns (uint168) {
        return uint168(uint256(keccak256(abi.encode(r))));
    }

    function _decisionContent(Request memory r, uint256 verdicts, uint256[] memory words)
        private
        pure
        returns (uint168)
    {
        bytes32 requestHash = keccak256(abi.encode(r));
        return uint168(uint256(keccak256(abi.encode(requestHash, verdicts, keccak256(abi.encodePacked(words))))));
    }

    function _openRecord(bytes32 key, Request calldata r) private view returns (Record memory rec) {
        rec = _records[key];
        if (rec.phase != Phase.Open) revert WrongPhase(rec.phase);
        if (rec.content != _requestContent(r)) revert ContentMismatch();
    }

    function _decidedRecord(bytes32 key, Request calldata r, Decision calldata decision)
        private
        view
        returns (Record memory rec)
    {
        rec = _records[key];
        if (rec.phase < Phase.Settled) revert WrongPhase(rec.phase);
        if (rec.content != _decisionContent(r, decision.verdicts, decision.answers)) revert ContentMismatch();
    }

    function _openAppeal(Request calldata r, Decision calldata decision)
        private
        view
        returns (bytes32 key, Record memory rec, Appeal memory a)
    {
        key = _keyOf(r.ref, r.batch);
        rec = _decidedRecord(key, r, decision);
        if (rec.phase != Phase.Appealed) revert WrongPhase(rec.phase);
        a = _appeals[key];
    }

    function _after(uint256 blockNumber) private view {
        if (block.number <= blockNumber) revert TooEarly(blockNumber + 1);
    }

    function _notAfter(uint256 blockNumber) private view {
        if (block.number > blockNumber) revert TooLate(blockNumber);
    }

    // ---- draws ----

    function _bench(Request calldata r, uint256 atBlock) private view returns (Bench memory b) {
        b.jobId = r.ref.jobId;
        b.transcoder = r.ref.transcoder;
        b.claimId = r.ref.claimId;
        b.broadcaster = r.broadcaster;
        b.count = r.count;
        b.atBlock = atBlock;
        b.seats = _list.countAt(atBlock);
    }

    function _committee(Request calldata r, uint256 extensions) private view returns (Bench memory b) {
        if (r.count == 0 || r.count > COUNT_MAX) revert BadCount(r.count);
        b = _bench(r, r.challengeBlock);
        b.seed = r.seed;
        b.work = r.work;
        b.draws = _params.committee + extensions * _params.extensionDraws;
        b.quorum = _params.quorum;
    }

    /// Nobody may judge its own verdict or its own appeal.
    function _jury(Request calldata r, Decision calldata decision, Appeal memory a)
        private
        view
        returns (Bench memory b)
    {
        b = _bench(r, a.atBlock);
        b.seed = rounds.blockHash(uint256(a.atBlock) + 1);
        b.work = keccak256(abi.encode(r.work, b.seed));
        b.draws = _params.juryDraws * (1 + uint256(a.jury.extensions));
        b.quorum = _params.juryQuorum;
        b.barred = new address[](decision.answers.length + 1);
        for (uint256 i = 0; i < decision.answers.length; i++) {
            b.barred[i] = _seats[_seatOf(decision.answers[i])].owner;
        }
        b.barred[decision.answers.length] = a.appellant;
    }

    function _draw(Bench memory b, uint256 k) private view returns (SeatList.Slot memory) {
        if (k >= b.draws) revert NotDrawn(k, b.draws);
        if (b.seats == 0) revert NoSeats(b.atBlock);
        uint256 h = uint256(keccak256(abi.encode(b.seed, b.jobId, b.transcoder, b.claimId, k)));
        return _list.at(h % b.seats, b.atBlock);
    }

    function _isConflicted(Bench memory b, address holder) private view returns (bool) {
        if (holder == b.transcoder || holder == b.broadcaster) return true;
        for (uint256 i = 0; i < b.barred.length; i++) {
            if (holder == b.barred[i]) return true;
        }
        address delegate = bonding.delegateOf(holder);
        return delegate != address(0) && (delegate == b.transcoder || delegate == b.broadcaster);
    }

    function _isEmpty(Bench memory b, uint256 k, address holder) private view returns (bool) {
        for (uint256 j = 0; j < k; j++) {
            if (_draw(b, j).owner == holder) return true;
        }
        return _isConflicted(b, holder);
    }

    function _drawsOf(Bench memory b, uint256 from, uint256 to) private view returns (Draw[] memory draws) {
        b.draws = to;
        draws = new Draw[](to - from);
        for (uint256 k = from; k < to; k++) {
            SeatList.Slot memory slot = _draw(b, k);
            draws[k - from] = Draw(k, slot.seatId, slot.owner, _isEmpty(b, k, slot.owner));
        }
    }

    // ---- signatures ----

    function _makeDomain() private view returns (bytes32) {
        return keccak256(
            abi.encode(DOMAIN_TYPEHASH, keccak256("lpnode"), keccak256("1"), block.chainid, address(jobs))
        );
    }

    function _digest(bytes32 structHash) private view returns (bytes32) {
        return MessageHashUtils.toTypedDataHash(block.chainid == _chainId ? _domain : _makeDomain(), structHash);
    }

    function _readStatements(Request calldata r, bytes calldata statements) private view returns (uint8 stored) {
        Bench memory b = _committee(r, 0);
        uint256 n = statements.length / STATEMENT_SIZE;
        if (n * STATEMENT_SIZE != statements.length) revert BadLength(statements.length, STATEMENT_SIZE);
        bytes32 digest = _digest(keccak256(abi.encode(STORED_TYPEHASH, b.jobId, b.transcoder, b.claimId, b.work)));
        address[] memory owners = new address[](n);
        for (uint256 i = 0; i < n; i++) {
            bytes calldata one = statements[i * STATEMENT_SIZE:(i + 1) * STATEMENT_SIZE];
            uint256 k = uint16(bytes2(one));
            if (stored >> k != 0) revert NotAscending(k);
            address holder = _draw(b, k).owner;
            _checkSigner(k, holder, digest, one[2:]);
            _checkNew(k, holder, owners, i);
            if (_isConflicted(b, holder)) revert Conflicted(k, holder);
            stored |= uint8(1 << k);
        }
    }

    /// Checks openings and adds them to what was heard.  done: k's that may answer no more.
    function _hear(Bench memory b, Heard memory heard, bytes calldata openings, uint256 done) private view {
        uint256 n = openings.length / OPENING_SIZE;
        if (n == 0 || n * OPENING_SIZE != openings.length) revert BadLength(openings.length, OPENING_SIZE);
        _grow(heard, n);
        for (uint256 i = 0; i < n; i++) {
            bytes calldata one = openings[i * OPENING_SIZE:(i + 1) * OPENING_SIZE];
            uint256 k = uint16(bytes2(one));
            SeatList.Slot memory slot = _draw(b, k);
            if (heard.bits >> k != 0) revert NotAscending(k);
            if (done >> k & 1 != 0) revert AlreadyDone(k);
            uint256 answers = uint128(bytes16(one[2:]));
            if (answers >> (2 * b.count) != 0) revert BadAnswers(k, answers);
            _checkSigner(k, slot.owner, _verdictDigest(b, slot.owner, answers, one), one[82:]);
            _checkNew(k, slot.owner, heard.owners, heard.known + i);
            if (b.trusted >> k & 1 == 0 && _isConflicted(b, slot.owner)) revert Conflicted(k, slot.owner);
            heard.bits |= 1 << k;
            heard.words[heard.known + i] = answers | uint256(slot.seatId) << 128 | k << 176;
        }
    }

    function _verdictDigest(Bench memory b, address holder, uint256 answers, bytes calldata opening)
        private
        view
        returns (bytes32)
    {
        bytes32 commitment =
            keccak256(abi.encode(holder, answers, bytes32(opening[18:50]), bytes32(opening[50:82])));
        return _digest(
            keccak256(abi.encode(VERDICT_TYPEHASH, b.jobId, b.transcoder, b.claimId, b.work, commitment))
        );
    }

    function _checkSigner(uint256 k, address holder, bytes32 digest, bytes calldata signature) private pure {
        (address signer, , ) = ECDSA.tryRecoverCalldata(digest, signature);
        if (signer == address(0) || signer != holder) revert BadSigner(k, signer, holder);
    }

    /// owners[n] = holder, unless it is there already: an address is heard once, however many seats.
    function _checkNew(uint256 k, address holder, address[] memory owners, uint256 n) private pure {
        for (uint256 i = 0; i < n; i++) {
            if (owners[i] == holder) revert SameVerifier(k, holder);
        }
        owners[n] = holder;
    }

    // ---- what was heard ----

    function _grow(Heard memory heard, uint256 n) private pure {
        uint256[] memory words = new uint256[](heard.known + n);
        address[] memory owners = new address[](heard.known + n);
        for (uint256 i = 0; i < heard.known; i++) (words[i], owners[i]) = (heard.words[i], heard.owners[i]);
        (heard.words, heard.owners) = (words, owners);
    }

    /// From storage: what earlier transactions brought.
    function _recall(bytes32 key, uint256 done) private view returns (Heard memory heard) {
        if (done == 0) return heard;
        heard.words = new uint256[](32);
        heard.owners = new address[](32);
        for (uint256 k = 0; done >> k != 0; k++) {
            uint256 word = done >> k & 1 == 0 ? 0 : _answers[key][k];
            if (word == 0) continue;
            heard.words[heard.known] = word;
            heard.owners[heard.known++] = _seats[_seatOf(word)].owner;
        }
    }

    function _remember(bytes32 key, Request calldata r, Heard memory heard, bool jury) private {
        for (uint256 i = heard.known; i < heard.words.length; i++) {
            _answers[key][_kOf(heard.words[i])] = heard.words[i];
        }
        emit Answered(r.ref.jobId, r.ref.transcoder, r.ref.claimId, r.batch, jury, heard.words);
    }

    function _answersOf(uint256 word) private pure returns (uint256) {
        return uint128(word);
    }

    function _seatOf(uint256 word) private pure returns (uint256) {
        return uint48(word >> 128);
    }

    function _kOf(uint256 word) private pure returns (uint256) {
        return word >> 176;
    }

    /// A verdict on all segments, or none.
    function _tally(uint256[] memory words, uint256 count, uint256 quorum)
        private
        pure
        returns (bool found, uint256 verdicts)
    {
        for (uint256 s = 0; s < count; s++) {
            uint256 v;
            (found, v) = _majority(words, 2 * s, quorum);
            if (!found) return (false, 0);
            verdicts |= v << (2 * s);
        }
    }

    /// The most frequent answer, when a quorum gave it and no other as many.
    function _majority(uint256[] memory words, uint256 shift, uint256 quorum)
        private
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
    function _reported(uint256 verdicts, uint256 stored, uint256 count) private view returns (uint256 reported) {
        uint256 n = 0;
        for (uint256 k = 0; stored >> k != 0; k++) n += stored >> k & 1;
        if (verdicts == 0 || n >= _params.quorum) return verdicts;
        for (uint256 s = 0; s < count; s++) {
            uint256 v = verdicts >> (2 * s) & 3;
            reported |= (v == UNAVAILABLE ? FAIL : v) << (2 * s);
        }
    }

    // ---- verdicts ----

    function _keepVerdict(Request calldata r, Record memory rec, Heard memory heard, uint256 verdicts) private {
        rec.content = _decisionContent(r, verdicts, heard.words);
        rec.phase = verdicts == 0 ? Phase.Settled : Phase.Decided;
        rec.deadline = uint32(block.number + _params.appealPeriod);
        _records[_keyOf(r.ref, r.batch)] = rec;
        _payAgreeing(fees, heard, verdicts, r.fee);
        emit Decided(r.ref.jobId, r.ref.transcoder, r.ref.claimId, r.batch, r.fee, verdicts, heard.words);
    }

    /// To those whose answers are the verdict; to all, if it is put together from several answers.
    function _payAgreeing(
        mapping(address => uint256) storage owed,
        Heard memory heard,
        uint256 verdicts,
        uint256 amount
    ) private {
        address[] memory agreeing = new address[](heard.words.length);
        uint256 n = 0;
        for (uint256 i = 0; i < heard.words.length; i++) {
            if (_answersOf(heard.words[i]) == verdicts) agreeing[n++] = heard.owners[i];
        }
        if (n == 0) (agreeing, n) = (heard.owners, heard.owners.length);
        _share(owed, agreeing, n, amount, treasury);
    }

    function _tellFinal(Request calldata r, Record memory rec, uint256 verdicts) private {
        emit Finalized(r.ref.jobId, r.ref.transcoder, r.ref.claimId, r.batch, verdicts);
        jobs.receiveVerdicts(r.ref, r.batch, _reported(verdicts, rec.stored, r.count), r.count, true);
    }

    /// A jury's verdict.  UNAVAILABLE is no finding: else a transcoder that withholds the data from
    /// the jury would overturn whom it likes.
    function _conclude(
        Request calldata r,
        Decision calldata decision,
        Record memory rec,
        Appeal memory a,
        Heard memory heard,
        uint256 found
    ) private {
        uint256 verdicts = 0;
        for (uint256 s = 0; s < 2 * r.count; s += 2) {
            uint256 v = found >> s & 3;
            verdicts |= (v == UNAVAILABLE ? decision.verdicts >> s & 3 : v) << s;
        }
        bool won = verdicts != decision.verdicts;
        if (won) {
            uint256 taken = _punishOverturned(decision, verdicts, r.count);
            uint256 part = taken.of(_params.appellantShare);
            tokens[a.appellant] += a.bond + part;
            _payAgreeing(tokens, heard, found, taken - part);
        } else {
            _payAgreeing(tokens, heard, found, a.bond);
        }
        _closeAppeal(r, rec, decision.verdicts, verdicts, won ? Outcome.Overturned : Outcome.Upheld);
    }

    function _closeAppeal(
        Request calldata r,
        Record memory rec,
        uint256 first,
        uint256 verdicts,
        Outcome outcome
    ) private {
        bytes32 key = _keyOf(r.ref, r.batch);
        _records[key].phase = Phase.Final;
        delete _appeals[key];
        _openAppeals[_claimOf(r.ref)]--;
        emit AppealEnded(r.ref.jobId, r.ref.transcoder, r.ref.claimId, r.batch, outcome, verdicts);
        // A PASS that stands is in force already.
        if (first != 0 || verdicts != 0) _tellFinal(r, rec, verdicts);
    }

    // ---- punishments ----

    function _overturnedAmount() private view returns (uint256) {
        return uint256(_params.seatStake).of(_params.overturnedSlash);
    }

    /// Who gave an answer that the jury overturned.  UNAVAILABLE is spared: what one could not get
    /// then, the jury may get now.
    function _punishOverturned(Decision calldata decision, uint256 verdicts, uint256 count)
        private
        returns (uint256 taken)
    {
        uint256 amount = _overturnedAmount();
        for (uint256 i = 0; i < decision.answers.length; i++) {
            if (_isOverturned(decision.answers[i], decision.verdicts, verdicts, count)) {
                taken += _fine(_seatOf(decision.answers[i]), amount, Fault.Overturned);
            }
        }
    }

    function _isOverturned(uint256 word, uint256 before, uint256 verdicts, uint256 count)
        private
        pure
        returns (bool)
    {
        for (uint256 s = 0; s < 2 * count; s += 2) {
            uint256 v = word >> s & 3;
            if (v != UNAVAILABLE && v == before >> s & 3 && v != verdicts >> s & 3) return true;
        }
        return false;
    }

    /// Who signed that it stored the input and now says that it is not to be had.
    function _punishDeniers(Heard memory heard, uint256 stored, uint256 count) private {
        if (stored == 0) return;
        uint256 taken = 0;
        for (uint256 i = heard.known; i < heard.words.length; i++) {
            uint256 word = heard.words[i];
            if (stored >> _kOf(word) & 1 == 0 || !_saysUnavailable(word, count)) continue;
            taken += _fine(_seatOf(word), _overturnedAmount(), Fault.StoredThenUnavailable);
        }
        if (taken != 0) tokens[treasury] += taken;
    }

    function _saysUnavailable(uint256 word, uint256 count) private pure returns (bool) {
        for (uint256 s = 0; s < 2 * count; s += 2) {
            if (word >> s & 3 == UNAVAILABLE) return true;
        }
        return false;
    }

    function _fineJurors(
        Request calldata r,
        Decision calldata decision,
        Appeal memory a,
        bytes32 key,
        uint256[] calldata silent
    ) private returns (uint32) {
        // The jury's seed may be gone for good: the appeal must end all the same.
        if (silent.length == 0) return a.jury.done;
        return _fineSilent(_jury(r, decision, a), ~key, a.jury.done, silent);
    }

    /// Returns done with the bits of the fined: they answer no more.
    function _fineSilent(Bench memory b, bytes32 key, uint32 done, uint256[] calldata silent)
        private
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
        uint256 part = taken.of(_params.finderShare);
        tokens[msg.sender] += part;
        tokens[treasury] += taken - part;
        return done;
    }

    function _isAmong(address holder, Heard memory heard) private pure returns (bool) {
        for (uint256 i = 0; i < heard.known; i++) {
            if (heard.owners[i] == holder) return true;
        }
        return false;
    }

    function _emitExtended(Request calldata r, Record memory rec, bool jury) private {
        emit Extended(
            r.ref.jobId, r.ref.transcoder, r.ref.claimId, r.batch, jury, rec.extensions, rec.deadline
        );
    }

    // ---- plants ----

    function _checkPlanted(PlantedBatch memory p) private view {
        Record memory rec = _records[_keyOf(p.request.ref, p.request.batch)];
        if (rec.phase < Phase.Settled) revert WrongPhase(rec.phase);
        if (rec.content != _decisionContent(p.request, p.decision.verdicts, p.decision.answers)) {
            revert ContentMismatch();
        }
        if (keccak256(abi.encode(p.items)) != p.request.work) revert ContentMismatch();
    }

    /// Both bits of each segment of the batch that is a plant.  A planted result is keccak256 of 40
    /// bytes, salt and sequence: no list of 32-byte hashes is that long, so no work has this hash
    /// and nobody who works can be trapped.
    function _plantedMask(PlantedBatch memory p, uint64[] calldata sequences, bytes32 salt)
        private
        pure
        returns (uint256 mask)
    {
        uint256 j = 0;
        for (uint256 i = 0; i < p.items.length; i++) {
            uint64 sequence = p.items[i].sequence;
            while (j < sequences.length && sequences[j] < sequence) j++;
            if (j == sequences.length || sequences[j] != sequence) continue;
            if (p.items[i].transcodedHash != keccak256(abi.encodePacked(salt, sequence))) {
                revert NotPlanted(sequence);
            }
            mask |= 3 << (2 * i);
        }
        if (mask == 0) revert PlantNotShown();
    }

    function _sortSigners(
        uint256[] memory words,
        uint256 mask,
        uint256[] memory passed,
        uint256 nPassed,
        address[] memory failed,
        uint256 nFailed
    ) private view returns (uint256, uint256) {
        for (uint256 i = 0; i < words.length; i++) {
            (bool saidPass, bool saidFail) = _saidOfPlanted(words[i], mask);
            if (saidPass) passed[nPassed++] = _seatOf(words[i]);
            else if (saidFail) failed[nFailed++] = _seats[_seatOf(words[i])].owner;
        }
        return (nPassed, nFailed);
    }

    function _saidOfPlanted(uint256 word, uint256 mask) private pure returns (bool saidPass, bool saidFail) {
        for (uint256 s = 0; mask >> s != 0; s += 2) {
            if (mask >> s & 3 == 0) continue;
            if (word >> s & 3 == 0) saidPass = true;
            if (word >> s & 3 == FAIL) saidFail = true;
        }
    }
}

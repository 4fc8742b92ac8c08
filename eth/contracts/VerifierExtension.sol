// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {VerifierBase} from "./VerifierBase.sol";
import {IBondingManager} from "./interfaces/IBondingManager.sol";
import {IController} from "./interfaces/IController.sol";
import {IJobsManager} from "./interfaces/IJobsManager.sol";
import {IRoundsManager} from "./interfaces/IRoundsManager.sol";
import {IVerifier} from "./interfaces/IVerifier.sol";
import {IVerifierTypes} from "./interfaces/IVerifierTypes.sol";
import {Perc} from "./lib/Perc.sol";
import {SeatList} from "./lib/SeatList.sol";

/// The other half of the Verifier, which delegates to it.  Of no use at its own address.
contract VerifierExtension is VerifierBase {
    using Perc for uint256;
    using SafeERC20 for IERC20;
    using SeatList for SeatList.List;

    constructor(
        IController controller_,
        IBondingManager bondingManager_,
        IJobsManager jobsManager_,
        IRoundsManager roundsManager_,
        IERC20 token_,
        address treasury_
    ) VerifierBase(controller_, bondingManager_, jobsManager_, roundsManager_, token_, treasury_) {}

    // ---- seats ----

    function joinSeats(uint256 n) external whenNotPaused {
        uint256 stake = _params.seatStake;
        if (n == 0) revert ZeroAmount();
        for (uint256 i = 0; i < n; i++) _newSeat(stake);
        token.safeTransferFrom(msg.sender, address(this), n * stake);
    }

    function leaveSeats(uint256[] calldata seatIds) external whenNotPaused {
        for (uint256 i = 0; i < seatIds.length; i++) {
            Seat storage seat = _ownSeat(seatIds[i]);
            if (seat.leftAt != 0) revert SeatAlreadyLeft(seatIds[i]);
            _takeOut(seat, seatIds[i]);
        }
    }

    function topUpSeat(uint256 seatId, uint256 amount) external whenNotPaused {
        Seat storage seat = _ownSeat(seatId);
        uint256 stake = seat.stake + amount;
        seat.stake = stake;
        emit SeatToppedUp(msg.sender, seatId, amount, stake);
        if (seat.leftAt != 0) {
            if (stake < _params.seatStake) revert StakeBelowSeat(seatId, stake, _params.seatStake);
            (seat.leftAt, seat.index) = (0, _list.add(msg.sender, seatId));
            emit SeatReturned(msg.sender, seatId);
        }
        token.safeTransferFrom(msg.sender, address(this), amount);
    }

    function withdrawSeats(uint256[] calldata seatIds) external {
        uint256 delay = jobs.finality();
        uint256 sum = 0;
        for (uint256 i = 0; i < seatIds.length; i++) sum += _emptySeat(seatIds[i], delay);
        token.safeTransfer(msg.sender, sum);
    }

    function _newSeat(uint256 stake) private {
        uint256 id = ++_seatsCreated;
        _seats[id] = Seat(msg.sender, _list.add(msg.sender, id), 0, stake);
        emit SeatJoined(msg.sender, id, stake);
    }

    function _ownSeat(uint256 seatId) private view returns (Seat storage seat) {
        seat = _seats[seatId];
        if (seat.owner != msg.sender) revert NotSeatOwner(seatId, msg.sender);
    }

    function _emptySeat(uint256 seatId, uint256 delay) private returns (uint256 stake) {
        Seat storage seat = _ownSeat(seatId);
        if (seat.leftAt == 0) revert SeatNotLeft(seatId);
        if (block.number < seat.leftAt + delay) revert SeatNotFinal(seatId, seat.leftAt + delay);
        stake = seat.stake;
        seat.stake = 0;
        emit SeatWithdrawn(msg.sender, seatId, stake);
    }

    // ---- what is owed ----

    function withdrawTokens(address account) external {
        uint256 amount = _tokens[account];
        if (amount == 0) revert NothingOwed(account);
        _tokens[account] = 0;
        emit TokensWithdrawn(account, amount);
        token.safeTransfer(account, amount);
    }

    // ---- appeals ----

    /// The Record as a verdict in two transactions leaves it.  JobsManager has the batch's chain of
    /// hashes, in which the signers are too: they were heard then, and what became of them since, or of
    /// the parameters, saves nobody.
    function record(
        IJobsManager.ClaimRef calldata ref,
        IJobsManager.VerifiedBatch[] calldata batches,
        uint256 index
    ) external whenNotPaused {
        (IVerifier.Request memory r, uint256 settledAt) = jobs.settledBatch(ref, batches, index);
        _notAfter(settledAt + _params.appealPeriod);
        Record storage rec = _records[_keyOf(ref, r.batch)];
        if (rec.phase != Phase.None) revert WrongPhase(rec.phase);
        uint256[] memory answers = batches[index].signers;
        for (uint256 i = 0; i < answers.length; i++) answers[i] = _passOf(answers[i]);
        rec.content = _decisionContent(r, 0, answers);
        rec.deadline = uint32(settledAt + _params.appealPeriod);
        rec.phase = Phase.Settled;
        emit Recorded(ref.jobId, ref.transcoder, ref.claimId, r, answers, rec.deadline);
    }

    function appeal(IVerifier.Request calldata r, Decision calldata decision) external whenNotPaused {
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

    function judge(IVerifier.Request calldata r, Decision calldata decision, bytes calldata openings) external whenNotPaused {
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

    function redraw(IVerifier.Request calldata r, Decision calldata decision, uint256[] calldata silent)
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

    function endAppeal(IVerifier.Request calldata r, Decision calldata decision, uint256[] calldata silent)
        external
        whenNotPaused
    {
        (bytes32 key, Record memory rec, Appeal memory a) = _openAppeal(r, decision);
        uint256 end = a.jury.deadline;
        if (a.jury.extensions == 0) end += _params.juryPeriod;
        _after(end);
        _fineJurors(r, decision, a, key, silent);
        Heard memory heard = _recall(~key, a.jury.done);
        uint256 part = heard.known == 0 ? 0 : uint256(a.bond).part(_params.juryShare);
        _share(heard.owners, part);
        _tokens[a.appellant] += a.bond - part;
        _closeAppeal(r, rec, decision.verdicts, decision.verdicts, Outcome.NoQuorum);
    }

    function _openAppeal(IVerifier.Request calldata r, Decision calldata decision)
        private
        view
        returns (bytes32 key, Record memory rec, Appeal memory a)
    {
        key = _keyOf(r.ref, r.batch);
        rec = _decidedRecord(key, r, decision);
        if (rec.phase != Phase.Appealed) revert WrongPhase(rec.phase);
        a = _appeals[key];
    }

    /// Nobody may judge its own verdict or its own appeal.
    function _jury(IVerifier.Request calldata r, Decision calldata decision, Appeal memory a)
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

    /// A jury's verdict.  UNAVAILABLE is no finding: else a transcoder that withholds the data from
    /// the jury would overturn whom it likes.
    function _conclude(
        IVerifier.Request calldata r,
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
            uint256 part = taken.part(_params.appellantShare);
            _tokens[a.appellant] += a.bond + part;
            _share(_agreeing(heard, found), taken - part);
        } else {
            _share(_agreeing(heard, found), a.bond);
        }
        _closeAppeal(r, rec, decision.verdicts, verdicts, won ? Outcome.Overturned : Outcome.Upheld);
    }

    function _closeAppeal(
        IVerifier.Request calldata r,
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

    function _fineJurors(
        IVerifier.Request calldata r,
        Decision calldata decision,
        Appeal memory a,
        bytes32 key,
        uint256[] calldata silent
    ) private returns (uint32) {
        // The jury's seed may be gone for good: the appeal must end all the same.
        if (silent.length == 0) return a.jury.done;
        return _fineSilent(_jury(r, decision, a), ~key, a.jury.done, silent);
    }

    // ---- plants ----

    function punishPlanted(
        IJobsManager.ClaimRef calldata ref,
        address broadcaster,
        uint64[] calldata sequences,
        bytes calldata proof
    ) external onlyJobs returns (address[] memory heirs) {
        (bytes32 salt, PlantedBatch[] memory batches) = abi.decode(proof, (bytes32, PlantedBatch[]));
        if (batches.length == 0) revert PlantNotShown();
        uint256[] memory passed = new uint256[](32 * batches.length);
        heirs = new address[](32 * batches.length);
        uint256 nPassed = 0;
        uint256 nFailed = 0;
        uint256 next = 0;
        for (uint256 i = 0; i < batches.length; i++) {
            IVerifier.Request memory r = batches[i].request;
            // Ascending: no signer is punished twice for one answer.
            if (r.batch < next || _claimOf(r.ref) != _claimOf(ref)) revert WrongClaim(r.batch);
            next = r.batch + 1;
            _checkPlanted(batches[i]);
            uint256 mask = _plantedMask(batches[i], sequences, salt);
            (nPassed, nFailed) = _sortSigners(batches[i].decision.answers, mask, passed, nPassed, heirs, nFailed);
        }
        uint256 taken = 0;
        uint256 amount = _overturnedAmount();
        for (uint256 i = 0; i < nPassed; i++) taken += _fine(passed[i], amount, Fault.Planted);
        _tokens[broadcaster] += taken / 2;
        _tokens[treasury] += taken - taken / 2;
        emit PlantPunished(ref.jobId, ref.transcoder, ref.claimId, nPassed, nFailed);
        if (nFailed == 0) heirs[0] = treasury;
        _cut(heirs, nFailed == 0 ? 1 : nFailed);
    }

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

    // ---- views ----

    function getSeat(uint256 seatId) external view returns (Seat memory) {
        return _seats[seatId];
    }

    function seatsCreated() external view returns (uint256) {
        return _seatsCreated;
    }

    function tokens(address account) external view returns (uint256) {
        return _tokens[account];
    }

    function seatCount() external view returns (uint256) {
        return _list.count;
    }

    function seatCountAt(uint256 blockNumber) external view returns (uint256) {
        return _list.countAt(blockNumber);
    }

    function seatAt(uint256 index, uint256 blockNumber) external view returns (uint256 seatId, address owner) {
        if (index >= _list.countAt(blockNumber)) return (0, address(0));
        SeatList.Slot memory slot = _list.slotAt(index, blockNumber);
        return (slot.seatId, slot.owner);
    }

    function getRecord(IJobsManager.ClaimRef calldata ref, uint256 batch) external view returns (Record memory) {
        return _records[_keyOf(ref, batch)];
    }

    function getAppeal(IJobsManager.ClaimRef calldata ref, uint256 batch) external view returns (Appeal memory) {
        return _appeals[_keyOf(ref, batch)];
    }

    function getDraws(IVerifier.Request calldata r, uint256 from, uint256 to) external view returns (Draw[] memory) {
        return _drawsOf(_committee(r, 0), from, to);
    }

    function getJury(IVerifier.Request calldata r, Decision calldata decision, uint256 from, uint256 to)
        external
        view
        returns (bytes32, Draw[] memory)
    {
        (, , Appeal memory a) = _openAppeal(r, decision);
        Bench memory bench = _jury(r, decision, a);
        return (bench.seed, _drawsOf(bench, from, to));
    }

    function _drawsOf(Bench memory b, uint256 from, uint256 to) private view returns (Draw[] memory draws) {
        b.draws = to;
        draws = new Draw[](to - from);
        for (uint256 k = from; k < to; k++) {
            SeatList.Slot memory slot = _draw(b, k);
            draws[k - from] = Draw(k, slot.seatId, slot.owner, _isEmpty(b, k, slot.owner));
        }
    }
}

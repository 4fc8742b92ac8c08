// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity ^0.8.28;

import {Proxy} from "@openzeppelin/contracts/proxy/Proxy.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IBondingManager} from "./interfaces/IBondingManager.sol";
import {IController} from "./interfaces/IController.sol";
import {IJobsManager} from "./interfaces/IJobsManager.sol";
import {IRoundsManager} from "./interfaces/IRoundsManager.sol";
import {IVerifier} from "./interfaces/IVerifier.sol";
import {IVerifierSeats} from "./interfaces/IVerifierSeats.sol";
import {Perc} from "./lib/Perc.sol";
import {Typed} from "./lib/Typed.sol";
import {VerifierBase} from "./VerifierBase.sol";
import {VerifierExtension} from "./VerifierExtension.sol";

/// Judges challenged segments by drawn verifiers with LPT at stake.  Rules: docs/contracts.md 6.
/// Here are the parameters and what a batch needs from its request to its verdict; seats, appeals,
/// plants and views are in the extension, to which all other calls are delegated: the two together
/// are larger than a contract may be.
contract Verifier is IVerifier, VerifierBase, Proxy {
    uint256 private constant EXTENSIONS_MAX = 3;
    uint256 private constant STATEMENT_SIZE = 67;

    address private immutable _extension;

    constructor(
        IController controller_,
        IBondingManager bondingManager_,
        IJobsManager jobsManager_,
        IRoundsManager roundsManager_,
        IERC20 token_,
        address treasury_
    ) VerifierBase(controller_, bondingManager_, jobsManager_, roundsManager_, token_, treasury_) {
        _extension = address(
            new VerifierExtension(controller_, bondingManager_, jobsManager_, roundsManager_, token_, treasury_)
        );
    }

    function initialize(Parameters calldata p) external initializer {
        _setParameters(p);
    }

    receive() external payable {
        revert NoEther();
    }

    function _implementation() internal view override returns (address) {
        return _extension;
    }

    // ---- JobsManager ----

    function settle(Request calldata r, bytes calldata openings)
        external
        view
        onlyJobs
        returns (uint256[] memory signers)
    {
        Bench memory bench = _committee(r, 0);
        Heard memory heard;
        _hear(bench, heard, openings, 0);
        uint256 n = heard.words.length;
        if (n < bench.quorum) revert QuorumMissing(n, bench.quorum);
        signers = heard.words;
        for (uint256 i = 0; i < n; i++) {
            uint256 word = signers[i];
            if (_answersOf(word) != 0) revert NotPass(_kOf(word), _answersOf(word));
            signers[i] = _signerOf(word, heard.owners[i]);
        }
    }

    function request(Request calldata r, bytes calldata statements) external onlyJobs {
        Record memory rec;
        rec.content = _requestContent(r);
        rec.deadline = uint32(block.number + _params.verdictPeriod);
        rec.stored = _readStatements(r, statements);
        rec.phase = Phase.Open;
        _records[_keyOf(r.ref, r.batch)] = rec;
        emit Requested(r.ref.jobId, r.ref.transcoder, r.ref.claimId, r, rec.stored, rec.deadline);
    }

    function punishPlanted(IJobsManager.ClaimRef calldata, address, uint64[] calldata, bytes calldata)
        external
        returns (address[] memory)
    {
        _delegate(_extension);
    }

    function isSettled(IJobsManager.ClaimRef calldata ref) external view returns (bool) {
        if (_openAppeals[_claimOf(ref)] != 0) return false;
        uint256 last = jobs.getClaim(ref.jobId, ref.transcoder, ref.claimId).settledAt;
        return last == 0 || block.number > last + _params.appealPeriod;
    }

    function finality() external view returns (uint256) {
        Parameters storage p = _params;
        // Each period once for those who are due, once more for whoever calls what follows.
        return 8 * uint256(p.verdictPeriod) + p.appealPeriod + 1 + 4 * uint256(p.juryPeriod);
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
        _punishDeniers(heard, rec.stored);
        (bool found, uint256 verdicts) = _tally(heard.words, r.count, bench.quorum);
        if (found) {
            _keepVerdict(key, r, rec, heard, verdicts);
            uint256 reported = _reported(verdicts, rec.stored, r.count);
            jobs.receiveVerdicts(r.ref, reported, r.count, false, _agreeing(heard, verdicts), r.fee);
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
        emit NoVerdict(r.ref.jobId, r.ref.transcoder, r.ref.claimId, r.batch);
        // Who answered in vain is paid.
        jobs.receiveNoVerdict(r.ref, heard.owners, r.fee);
    }

    function finalize(Request calldata r, Decision calldata decision) external whenNotPaused {
        bytes32 key = _keyOf(r.ref, r.batch);
        Record memory rec = _decidedRecord(key, r, decision);
        if (rec.phase != Phase.Decided) revert WrongPhase(rec.phase);
        _after(rec.deadline);
        _records[key].phase = Phase.Final;
        _tellFinal(r, rec, decision.verdicts);
    }

    function _readStatements(Request calldata r, bytes calldata statements) private view returns (uint8 stored) {
        Bench memory b = _committee(r, 0);
        uint256 n = statements.length / STATEMENT_SIZE;
        if (n * STATEMENT_SIZE != statements.length) revert BadLength(statements.length, STATEMENT_SIZE);
        bytes32 domain = Typed.domain(address(jobs));
        bytes32 digest = Typed.stored(domain, b.jobId, b.transcoder, uint32(b.claimId), b.work);
        Heard memory heard;
        _grow(heard, n);
        for (uint256 i = 0; i < n; i++) {
            bytes calldata one = _item(statements, i, STATEMENT_SIZE);
            uint256 k = uint16(bytes2(one));
            if (stored >> k != 0) revert NotAscending(k);
            address holder = _draw(b, k).owner;
            _checkSigner(k, holder, digest, one, 2);
            _checkNew(k, holder, heard.owners, i);
            heard.words[i] = k << 176;
            stored |= uint8(1 << k);
        }
        heard.bits = stored;
        _checkConflicts(b, heard);
    }

    function _keepVerdict(
        bytes32 key,
        Request calldata r,
        Record memory rec,
        Heard memory heard,
        uint256 verdicts
    ) private {
        rec.content = _contentOf(r, verdicts, heard.words);
        rec.phase = verdicts == 0 ? Phase.Settled : Phase.Decided;
        rec.deadline = uint32(block.number + _params.appealPeriod);
        _records[key] = rec;
        emit Decided(r.ref.jobId, r.ref.transcoder, r.ref.claimId, r.batch, r.fee, verdicts, heard.words);
    }

    /// Who signed that it stored the input and now says that it is not to be had.
    function _punishDeniers(Heard memory heard, uint256 stored) private {
        if (stored == 0) return;
        uint256 taken = 0;
        for (uint256 i = heard.known; i < heard.words.length; i++) {
            uint256 word = heard.words[i];
            if (stored >> _kOf(word) & 1 == 0 || !_saysUnavailable(word)) continue;
            taken += _fine(_seatOf(word), _overturnedAmount(), Fault.StoredThenUnavailable);
        }
        if (taken != 0) _tokens[treasury] += taken;
    }

    // ---- parameters ----

    function parameters() external view returns (Parameters memory) {
        return _params;
    }

    function setSeatStake(uint256 amount) external onlyControllerOwner {
        _params.seatStake = uint96(_checked("seatStake", amount, 1, type(uint96).max));
        emit ParameterUpdate("seatStake");
    }

    function setSilenceAmount(uint256 amount) external onlyControllerOwner {
        _params.silenceAmount = uint96(_checked("silenceAmount", amount, 0, type(uint96).max));
        emit ParameterUpdate("silenceAmount");
    }

    function setAppealBond(uint256 amount) external onlyControllerOwner {
        _params.appealBond = uint96(_checked("appealBond", amount, 0, type(uint96).max));
        emit ParameterUpdate("appealBond");
    }

    function setOverturnedSlash(uint256 perc) external onlyControllerOwner {
        _params.overturnedSlash = uint24(_checked("overturnedSlash", perc, 0, Perc.ONE));
        emit ParameterUpdate("overturnedSlash");
    }

    function setShares(uint256 finderPerc, uint256 appellantPerc, uint256 juryPerc) external onlyControllerOwner {
        _setShares(finderPerc, appellantPerc, juryPerc);
        emit ParameterUpdate("shares");
    }

    function setPeriods(uint256 verdictBlocks, uint256 appealBlocks, uint256 juryBlocks)
        external
        onlyControllerOwner
    {
        _setPeriods(verdictBlocks, appealBlocks, juryBlocks);
        uint256 total = jobs.finality();
        if (total > bonding.slashablePeriod()) revert InvalidParameter("periods", total);
        emit ParameterUpdate("periods");
    }

    function setCommittee(uint256 draws, uint256 quorum, uint256 extensionDraws) external onlyControllerOwner {
        _setCommittee(draws, quorum, extensionDraws);
        emit ParameterUpdate("committee");
    }

    function setJury(uint256 draws, uint256 quorum) external onlyControllerOwner {
        _setJury(draws, quorum);
        emit ParameterUpdate("jury");
    }

    /// By initialize: other managers may not be there yet, so the sum of periods is theirs to check.
    function _setParameters(Parameters calldata p) internal {
        _setShares(p.finderShare, p.appellantShare, p.juryShare);
        _setPeriods(p.verdictPeriod, p.appealPeriod, p.juryPeriod);
        _setCommittee(p.committee, p.quorum, p.extensionDraws);
        _setJury(p.juryDraws, p.juryQuorum);
        _params.overturnedSlash = uint24(_checked("overturnedSlash", p.overturnedSlash, 0, Perc.ONE));
        _params.seatStake = uint96(_checked("seatStake", p.seatStake, 1, type(uint96).max));
        (_params.silenceAmount, _params.appealBond) = (p.silenceAmount, p.appealBond);
    }

    function _setShares(uint256 finderPerc, uint256 appellantPerc, uint256 juryPerc) private {
        _params.finderShare = uint24(_checked("finderShare", finderPerc, 0, Perc.ONE));
        _params.appellantShare = uint24(_checked("appellantShare", appellantPerc, 0, Perc.ONE));
        _params.juryShare = uint24(_checked("juryShare", juryPerc, 0, Perc.ONE));
    }

    function _setPeriods(uint256 verdictBlocks, uint256 appealBlocks, uint256 juryBlocks) private {
        _params.verdictPeriod = uint32(_checked("verdictPeriod", verdictBlocks, 1, 10_000_000));
        _params.appealPeriod = uint32(_checked("appealPeriod", appealBlocks, 1, 10_000_000));
        _params.juryPeriod = uint32(_checked("juryPeriod", juryBlocks, 1, 10_000_000));
    }

    /// A majority of the committee, so that two verdicts of one committee cannot be had.  Draws of
    /// all extensions have a bit each in Record.done.
    function _setCommittee(uint256 draws, uint256 quorum, uint256 extensionDraws) private {
        _params.committee = uint8(_checked("committee", draws, 1, 8));
        _params.quorum = uint8(_checked("quorum", quorum, 1, draws));
        _params.extensionDraws = uint8(_checked("extensionDraws", extensionDraws, 0, 8));
    }

    function _setJury(uint256 draws, uint256 quorum) private {
        _params.juryDraws = uint8(_checked("juryDraws", draws, 1, 16));
        _params.juryQuorum = uint8(_checked("juryQuorum", quorum, 1, draws));
    }

    function _checked(string memory param, uint256 value, uint256 min, uint256 max) private pure returns (uint256) {
        if (value < min || value > max) revert InvalidParameter(param, value);
        return value;
    }
}

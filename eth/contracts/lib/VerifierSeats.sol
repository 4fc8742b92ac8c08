// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Manager} from "../Manager.sol";
import {IBondingManager} from "../interfaces/IBondingManager.sol";
import {IController} from "../interfaces/IController.sol";
import {IJobsManager} from "../interfaces/IJobsManager.sol";
import {IRoundsManager} from "../interfaces/IRoundsManager.sol";
import {IVerifierSeats} from "../interfaces/IVerifierSeats.sol";
import {Perc} from "./Perc.sol";
import {SeatList} from "./SeatList.sol";

/// The half of the Verifier that holds money: seats, what is owed, and the parameters.
/// LPT held = stakes of seats + bonds of open appeals + tokens owed;
/// ETH held = fees owed + fees of open requests.
abstract contract VerifierSeats is IVerifierSeats, Manager, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;
    using SeatList for SeatList.List;

    IBondingManager internal immutable bonding;
    IJobsManager internal immutable jobs;
    IRoundsManager internal immutable rounds;
    IERC20 internal immutable token;
    address internal immutable treasury;

    Parameters internal _params;
    SeatList.List internal _list;
    uint256 public seatsCreated;
    mapping(uint256 seatId => Seat) internal _seats;
    mapping(address account => uint256) public fees;
    mapping(address account => uint256) public tokens;

    constructor(
        IController controller_,
        IBondingManager bonding_,
        IJobsManager jobs_,
        IRoundsManager rounds_,
        IERC20 token_,
        address treasury_
    ) Manager(controller_) {
        (bonding, jobs, rounds, token, treasury) = (bonding_, jobs_, rounds_, token_, treasury_);
    }

    modifier onlyJobs() {
        if (msg.sender != address(jobs)) revert OnlyJobsManager(msg.sender);
        _;
    }

    // ---- seats ----

    function join(uint256 n) external whenNotPaused {
        uint256 stake = _params.seatStake;
        if (n == 0) revert ZeroAmount();
        for (uint256 i = 0; i < n; i++) _newSeat(stake);
        token.safeTransferFrom(msg.sender, address(this), n * stake);
    }

    function leave(uint256[] calldata seatIds) external whenNotPaused {
        for (uint256 i = 0; i < seatIds.length; i++) {
            Seat storage seat = _ownSeat(seatIds[i]);
            if (seat.leftAt != 0) revert SeatAlreadyLeft(seatIds[i]);
            _takeOut(seat, seatIds[i]);
        }
    }

    function topUp(uint256 seatId, uint256 amount) external whenNotPaused {
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
        uint256 id = ++seatsCreated;
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

    function _takeOut(Seat storage seat, uint256 seatId) private {
        uint48 index = seat.index;
        uint256 moved = _list.remove(index);
        if (moved != 0) _seats[moved].index = index;
        seat.leftAt = uint48(block.number);
        emit SeatLeft(seat.owner, seatId);
    }

    /// Take from a seat, in or out, what it has of `amount`.  The caller says to whom it goes.
    function _fine(uint256 seatId, uint256 amount, Fault fault) internal returns (uint256 taken) {
        Seat storage seat = _seats[seatId];
        uint256 stake = seat.stake;
        taken = amount < stake ? amount : stake;
        seat.stake = stake - taken;
        emit SeatFined(seat.owner, seatId, fault, taken);
        if (seat.leftAt == 0 && stake - taken < _params.seatStake) _takeOut(seat, seatId);
    }

    // ---- what is owed: pulled, so that no receiver can stop another ----

    function withdrawFees(address payable account) external nonReentrant {
        uint256 amount = fees[account];
        if (amount == 0) revert NothingOwed(account);
        fees[account] = 0;
        emit FeesWithdrawn(account, amount);
        (bool sent, ) = account.call{value: amount}("");
        if (!sent) revert TransferFailed(account, amount);
    }

    function withdrawTokens(address account) external {
        uint256 amount = tokens[account];
        if (amount == 0) revert NothingOwed(account);
        tokens[account] = 0;
        emit TokensWithdrawn(account, amount);
        token.safeTransfer(account, amount);
    }

    /// Equal parts; what does not divide goes to the first.  Nobody: to `otherwise`.
    function _share(
        mapping(address => uint256) storage owed,
        address[] memory to,
        uint256 n,
        uint256 amount,
        address otherwise
    ) internal {
        if (amount == 0) return;
        if (n == 0) {
            owed[otherwise] += amount;
            return;
        }
        uint256 part = amount / n;
        owed[to[0]] += part + amount % n;
        for (uint256 i = 1; i < n; i++) owed[to[i]] += part;
    }

    // ---- views ----

    function getSeat(uint256 seatId) external view returns (Seat memory) {
        return _seats[seatId];
    }

    function seatCount() external view returns (uint256) {
        return _list.count;
    }

    function seatCountAt(uint256 blockNumber) external view returns (uint256) {
        return _list.countAt(blockNumber);
    }

    function seatAt(uint256 index, uint256 blockNumber) external view returns (uint256 seatId, address owner) {
        if (index >= _list.countAt(blockNumber)) return (0, address(0));
        SeatList.Slot memory slot = _list.at(index, blockNumber);
        return (slot.seatId, slot.owner);
    }

    function parameters() external view returns (Parameters memory) {
        return _params;
    }

    function finality() public view returns (uint256) {
        Parameters storage p = _params;
        // Each period once for those who are due, once more for whoever calls what follows.
        return 8 * uint256(p.verdictPeriod) + p.appealPeriod + 1 + 4 * uint256(p.juryPeriod);
    }

    // ---- parameters ----

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

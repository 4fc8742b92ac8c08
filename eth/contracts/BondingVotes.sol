// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity ^0.8.28;

import {IERC5805} from "@openzeppelin/contracts/interfaces/IERC5805.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {IBondingManager} from "./interfaces/IBondingManager.sol";
import {IRoundsManager} from "./interfaces/IRoundsManager.sol";

/// Votes as OpenZeppelin's Governor reads them: an active transcoder has all the stake that is
/// bonded to it in that round (whitepaper, Governance).  The clock counts rounds.  Stakes of a
/// round are fixed when it begins, and the past is asked for only, so nothing that is done once
/// the voting has begun changes a vote.  Of a round that nobody initialised no stakes were
/// fixed: it votes as the last one that was.
contract BondingVotes is IERC5805 {
    using SafeCast for uint256;

    IBondingManager public immutable bondingManager;
    IRoundsManager public immutable roundsManager;

    error ERC5805FutureLookup(uint256 timepoint, uint48 clock);
    /// Stake and votes go together: bond() with the BondingManager.
    error UseBondingManager();

    constructor(IBondingManager bondingManager_, IRoundsManager roundsManager_) {
        bondingManager = bondingManager_;
        roundsManager = roundsManager_;
    }

    function clock() public view returns (uint48) {
        return roundsManager.currentRound().toUint48();
    }

    function CLOCK_MODE() external pure returns (string memory) {
        return "mode=livepeer_round";
    }

    function getVotes(address account) external view returns (uint256) {
        return _votes(account, clock());
    }

    function getPastVotes(address account, uint256 round) external view returns (uint256) {
        _onlyPast(round);
        return _votes(account, round);
    }

    function getPastTotalSupply(uint256 round) external view returns (uint256) {
        _onlyPast(round);
        return bondingManager.totalActiveStakeAt(roundsManager.lastInitializedUpTo(round));
    }

    function delegates(address account) external view returns (address delegate_) {
        (,, delegate_,,,,) = bondingManager.getDelegator(account);
    }

    function delegate(address) external pure {
        revert UseBondingManager();
    }

    function delegateBySig(address, uint256, uint256, uint8, bytes32, bytes32) external pure {
        revert UseBondingManager();
    }

    function _onlyPast(uint256 round) private view {
        uint48 now_ = clock();
        if (round >= now_) revert ERC5805FutureLookup(round, now_);
    }

    function _votes(address account, uint256 round) private view returns (uint256) {
        uint256 fixed_ = roundsManager.lastInitializedUpTo(round);
        if (!bondingManager.isActiveTranscoderAt(account, fixed_)) return 0;
        return bondingManager.entryAt(account, fixed_).stake;
    }
}

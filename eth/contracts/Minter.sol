// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity ^0.8.28;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Manager} from "./Manager.sol";
import {IBondingManager} from "./interfaces/IBondingManager.sol";
import {IController} from "./interfaces/IController.sol";
import {ILivepeerToken} from "./interfaces/ILivepeerToken.sol";
import {IMinter} from "./interfaces/IMinter.sol";
import {Perc} from "./lib/Perc.sol";

/// Its LPT are two things: what is bonded (counted by the BondingManager), and what of the
/// round's tokens is not granted yet (mintable - minted).
contract Minter is IMinter, Manager {
    using SafeCast for uint256;
    using SafeERC20 for ILivepeerToken;

    IBondingManager private immutable bondingManager;
    address private immutable roundsManager;
    ILivepeerToken private immutable token;

    struct Rates {
        uint32 inflation;
        uint32 inflationChange;
        uint32 targetBondingRate;
        uint32 initializerShare;
    }

    Rates private rates;
    uint128 private mintable;
    uint128 private minted;

    constructor(
        IController controller_,
        IBondingManager bondingManager_,
        address roundsManager_,
        ILivepeerToken token_
    ) Manager(controller_) {
        bondingManager = bondingManager_;
        roundsManager = roundsManager_;
        token = token_;
    }

    function initialize(
        uint256 inflation_,
        uint256 inflationChange_,
        uint256 targetBondingRate_,
        uint256 initializerShare_
    ) external initializer {
        _setInflation(inflation_);
        _setInflationChange(inflationChange_);
        _setTargetBondingRate(targetBondingRate_);
        _setInitializerShare(initializerShare_);
    }

    modifier onlyBondingManager() {
        if (msg.sender != address(bondingManager)) revert OnlyBondingManager(msg.sender);
        _;
    }

    // ---- what the other managers call ----

    /// What was left of the last round is part of this round's tokens, so it is not supply yet.
    function setCurrentRewardTokens(address initializer_) external {
        if (msg.sender != roundsManager) revert OnlyRoundsManager(msg.sender);
        uint256 left = mintable - minted;
        uint256 supply = token.totalSupply() - left;
        uint256 inflation_ = _moveInflation(supply);
        uint256 tokens = Perc.part(supply, inflation_);
        uint256 pay = Perc.part(tokens, rates.initializerShare);
        mintable = (tokens - pay).toUint128();
        minted = 0;
        emit SetCurrentRewardTokens(tokens - pay, inflation_);
        if (tokens > left) token.mint(address(this), tokens - left);
        else if (left > tokens) token.burn(left - tokens);
        if (pay > 0) token.safeTransfer(initializer_, pay);
    }

    function createReward(uint256 fracNum, uint256 fracDenom) external onlyBondingManager returns (uint256 amount) {
        (uint256 all, uint256 granted) = (mintable, minted);
        amount = Math.mulDiv(all, fracNum, fracDenom);
        uint256 left = all - granted;
        if (amount > left) revert MintableExceeded(amount, left);
        minted = uint128(granted + amount);
    }

    function trustedTransferTokens(address to, uint256 amount) external onlyBondingManager {
        token.safeTransfer(to, amount);
    }

    /// Up while less than targetBondingRate of the supply is bonded, down while more.
    function _moveInflation(uint256 supply) private returns (uint256) {
        Rates memory r = rates;
        uint256 rate = supply == 0 ? 0 : Math.mulDiv(bondingManager.getTotalBonded(), Perc.ONE, supply);
        uint256 next = r.inflation;
        if (rate < r.targetBondingRate) next = Math.min(next + r.inflationChange, Perc.ONE);
        else if (rate > r.targetBondingRate) next = Math.saturatingSub(next, r.inflationChange);
        rates.inflation = uint32(next);
        return next;
    }

    // ---- views and parameters ----

    function currentMintableTokens() external view returns (uint256) {
        return mintable;
    }

    function currentMintedTokens() external view returns (uint256) {
        return minted;
    }

    function inflation() external view returns (uint256) {
        return rates.inflation;
    }

    function inflationChange() external view returns (uint256) {
        return rates.inflationChange;
    }

    function targetBondingRate() external view returns (uint256) {
        return rates.targetBondingRate;
    }

    function initializerShare() external view returns (uint256) {
        return rates.initializerShare;
    }

    function setInflation(uint256 perc) external onlyControllerOwner {
        _setInflation(perc);
    }

    function setInflationChange(uint256 perc) external onlyControllerOwner {
        _setInflationChange(perc);
    }

    function setTargetBondingRate(uint256 perc) external onlyControllerOwner {
        _setTargetBondingRate(perc);
    }

    function setInitializerShare(uint256 perc) external onlyControllerOwner {
        _setInitializerShare(perc);
    }

    function _setInflation(uint256 perc) private {
        rates.inflation = _valid("inflation", perc);
    }

    function _setInflationChange(uint256 perc) private {
        rates.inflationChange = _valid("inflationChange", perc);
    }

    function _setTargetBondingRate(uint256 perc) private {
        rates.targetBondingRate = _valid("targetBondingRate", perc);
    }

    function _setInitializerShare(uint256 perc) private {
        rates.initializerShare = _valid("initializerShare", perc);
    }

    function _valid(string memory param, uint256 perc) private returns (uint32) {
        if (!Perc.valid(perc)) revert InvalidParameter(param, perc);
        emit ParameterUpdate(param);
        return uint32(perc);
    }
}

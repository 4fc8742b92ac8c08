// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity ^0.8.28;

/// Inflation, and escrow of all LPT that is bonded or granted.
interface IMinter {
    event SetCurrentRewardTokens(uint256 currentMintableTokens, uint256 currentInflation);
    event ParameterUpdate(string param);

    error OnlyBondingManager(address sender);
    error OnlyRoundsManager(address sender);
    error MintableExceeded(uint256 asked, uint256 left);
    error InvalidParameter(string param, uint256 value);

    /// Round start; RoundsManager only.  Moves inflation towards targetBondingRate, mints, and pays
    /// initializerShare of the round's tokens to `initializer`.
    function setCurrentRewardTokens(address initializer) external;
    /// Grant a fraction of the round's tokens: they stay here, as bonded stake.
    /// BondingManager only.  Returns base units of LPT, floor(mintable x num / denom).
    function createReward(uint256 fracNum, uint256 fracDenom) external returns (uint256);
    /// Pay out of escrow.  BondingManager only.
    function trustedTransferTokens(address to, uint256 amount) external;

    function inflation() external view returns (uint256);           /// PERC of the supply a round
    function inflationChange() external view returns (uint256);     /// PERC a round
    function targetBondingRate() external view returns (uint256);   /// ParticipationRate, PERC
    function initializerShare() external view returns (uint256);    /// PERC of mintable
    function currentMintableTokens() external view returns (uint256);
    function currentMintedTokens() external view returns (uint256); /// granted this round
    function setInflation(uint256 perc) external;                   // owner of the Controller
    function setInflationChange(uint256 perc) external;
    function setTargetBondingRate(uint256 perc) external;
    function setInitializerShare(uint256 perc) external;
}

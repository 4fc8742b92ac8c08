// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// LPT: 18 decimals, ERC-2612 permits.  The owner (the Minter) mints, holders burn.
interface ILivepeerToken is IERC20 {
    function mint(address to, uint256 amount) external;
    function burn(uint256 amount) external;
}

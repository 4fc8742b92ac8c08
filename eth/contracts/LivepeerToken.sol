// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity ^0.8.28;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Burnable} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Burnable.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {ILivepeerToken} from "./interfaces/ILivepeerToken.sol";

/// LPT.  The owner mints: the deployer the genesis supply, then the Minter, which has no function
/// that gives the ownership on.
contract LivepeerToken is ILivepeerToken, ERC20, ERC20Burnable, ERC20Permit, Ownable {
    constructor() ERC20("Livepeer Token", "LPT") ERC20Permit("Livepeer Token") Ownable(msg.sender) {}

    function mint(address to, uint256 amount) external onlyOwner {
        _mint(to, amount);
    }

    function burn(uint256 amount) public override(ILivepeerToken, ERC20Burnable) {
        super.burn(amount);
    }
}

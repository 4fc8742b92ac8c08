// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity ^0.8.28;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

/// LPT for who tries out a devnet: requestAmount each, once in requestWait hours; as often as
/// they like for those on the whitelist.  Functions as in Livepeer's of 2018.
contract LivepeerTokenFaucet is Ownable {
    using SafeERC20 for IERC20;

    IERC20 public immutable token;
    uint256 public immutable requestAmount;
    uint256 public immutable requestWait;   /// hours

    mapping(address => uint256) public nextValidRequest;    /// seconds since 1970; 0: never asked
    mapping(address => bool) public isWhitelisted;

    event Request(address indexed to, uint256 amount);

    error RequestTooEarly(address to, uint256 nextValidRequest);

    constructor(IERC20 token_, uint256 requestAmount_, uint256 requestWait_) Ownable(msg.sender) {
        token = token_;
        requestAmount = requestAmount_;
        requestWait = requestWait_;
    }

    function addToWhitelist(address addr) external onlyOwner {
        isWhitelisted[addr] = true;
    }

    function removeFromWhitelist(address addr) external onlyOwner {
        isWhitelisted[addr] = false;
    }

    function request() external {
        if (!isWhitelisted[msg.sender]) {
            uint256 next = nextValidRequest[msg.sender];
            if (block.timestamp < next) revert RequestTooEarly(msg.sender, next);
            nextValidRequest[msg.sender] = block.timestamp + requestWait * 1 hours;
        }
        emit Request(msg.sender, requestAmount);
        token.safeTransfer(msg.sender, requestAmount);
    }
}

// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";

/// The initial allocation (whitepaper, Token Distribution): whoever stands in the tree takes its
/// part; what nobody took until the deadline goes to the Treasury.  Nobody can change it.
/// Leaves are those of OpenZeppelin's standard tree of (address, uint256), one an address.
contract GenesisClaim {
    using SafeERC20 for IERC20;

    IERC20 public immutable token;
    address public immutable treasury;
    bytes32 public immutable root;
    uint256 public immutable deadline;  /// the last block of claims

    mapping(address => bool) public claimed;

    event Claimed(address indexed account, uint256 amount);
    event Swept(uint256 amount);

    error ZeroRoot();
    error ClaimsOver(uint256 deadline);
    error ClaimsNotOver(uint256 deadline);
    error AlreadyClaimed(address account);
    error NotInTree(address account, uint256 amount);

    /// period: blocks, from this one.
    constructor(IERC20 token_, address treasury_, bytes32 root_, uint256 period) {
        if (root_ == 0) revert ZeroRoot();
        token = token_;
        treasury = treasury_;
        root = root_;
        deadline = block.number + period;
    }

    /// By anyone: the tokens go to `account`.
    function claim(address account, uint256 amount, bytes32[] calldata proof) external {
        if (block.number > deadline) revert ClaimsOver(deadline);
        if (claimed[account]) revert AlreadyClaimed(account);
        bytes32 leaf = keccak256(bytes.concat(keccak256(abi.encode(account, amount))));
        if (!MerkleProof.verifyCalldata(proof, root, leaf)) revert NotInTree(account, amount);
        claimed[account] = true;
        emit Claimed(account, amount);
        token.safeTransfer(account, amount);
    }

    /// By anyone, after the deadline.
    function sweep() external {
        if (block.number <= deadline) revert ClaimsNotOver(deadline);
        uint256 rest = token.balanceOf(address(this));
        emit Swept(rest);
        token.safeTransfer(treasury, rest);
    }
}

// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity ^0.8.28;

/// What we use of forge's cheats.
interface Vm {
    function addr(uint256 key) external pure returns (address);
    function sign(uint256 key, bytes32 digest) external pure returns (uint8 v, bytes32 r, bytes32 s);
    function getCode(string calldata path) external view returns (bytes memory);
    function roll(uint256 blockNumber) external;
    function prank(address sender) external;
    function deal(address who, uint256 balance) external;
    function assume(bool) external pure;
}

Vm constant vm = Vm(0x7109709ECfa91a80626fF3989D68f67F5b1DD12D);

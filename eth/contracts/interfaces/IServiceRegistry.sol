// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity ^0.8.28;

/// Where an address is reached: "host:port" or a URI, at most 256 bytes.
interface IServiceRegistry {
    event ServiceURIUpdate(address indexed addr, string serviceURI);
    error ServiceURITooLong(uint256 length, uint256 max);

    function setServiceURI(string calldata serviceURI) external;
    function getServiceURI(address addr) external view returns (string memory);
}

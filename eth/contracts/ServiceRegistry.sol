// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity ^0.8.28;

import {Manager} from "./Manager.sol";
import {IController} from "./interfaces/IController.sol";
import {IServiceRegistry} from "./interfaces/IServiceRegistry.sol";

contract ServiceRegistry is IServiceRegistry, Manager {
    uint256 private constant URI_MAX = 256;

    mapping(address => string) private uris;

    constructor(IController controller_) Manager(controller_) {}

    /// Whoever is reached there says so itself; an empty text takes it back.
    function setServiceURI(string calldata serviceURI) external whenNotPaused {
        if (bytes(serviceURI).length > URI_MAX) revert ServiceURITooLong(bytes(serviceURI).length, URI_MAX);
        uris[msg.sender] = serviceURI;
        emit ServiceURIUpdate(msg.sender, serviceURI);
    }

    function getServiceURI(address addr) external view returns (string memory) {
        return uris[addr];
    }
}

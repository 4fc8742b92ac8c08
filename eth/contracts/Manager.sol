// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity ^0.8.28;

import {UUPSUpgradeable} from "@openzeppelin/contracts/proxy/utils/UUPSUpgradeable.sol";
import {Initializable} from "@openzeppelin/contracts/proxy/utils/Initializable.sol";
import {IController} from "./interfaces/IController.sol";

/// What stands behind a ManagerProxy: upgraded and configured by the Controller's owner and
/// nobody else, stopped by the Controller's pause.  Other managers' addresses are immutable in
/// the implementation (proxies never move), so no call goes through the registry.
abstract contract Manager is UUPSUpgradeable, Initializable {
    IController public immutable controller;

    error OnlyControllerOwner(address sender);
    error ManagerPaused();

    constructor(IController controller_) {
        controller = controller_;
        _disableInitializers();
    }

    modifier onlyControllerOwner() {
        if (msg.sender != controller.owner()) revert OnlyControllerOwner(msg.sender);
        _;
    }

    modifier whenNotPaused() {
        if (controller.paused()) revert ManagerPaused();
        _;
    }

    function _authorizeUpgrade(address) internal view override onlyControllerOwner {}
}

// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity ^0.8.28;

import {Manager} from "./Manager.sol";
import {IController} from "./interfaces/IController.sol";

/// What a ManagerProxy points to until its manager is deployed: managers need each other's
/// addresses, so the proxies come first.  It can do nothing but be replaced.
contract Vacant is Manager {
    constructor(IController controller_) Manager(controller_) {}
}

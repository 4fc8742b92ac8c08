// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity ^0.8.28;

import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";

/// The Governor's hands, and the CommonPool: slashed LPT lies here until a vote burns it or
/// gives it to somebody (whitepaper, Governance).  Whatever the Governor may do, it does as this
/// address, minDelay seconds after the vote at the earliest.
contract Treasury is TimelockController {
    /// admin: grants the roles to the Governor after deployment and then renounces its own.
    constructor(uint256 minDelay, address admin)
        TimelockController(minDelay, new address[](0), new address[](0), admin)
    {}
}

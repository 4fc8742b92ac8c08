// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity ^0.8.28;

import {Manager} from "../../../eth/contracts/Manager.sol";
import {IController} from "../../../eth/contracts/interfaces/IController.sol";
import {IJobsManager} from "../../../eth/contracts/interfaces/IJobsManager.sol";
import {IVerifier} from "../../../eth/contracts/interfaces/IVerifier.sol";

/// A Verifier that answers as it is told: `answers` are the verdicts.
contract MockVerifier is Manager {
    uint256 public finality;
    mapping(bytes32 claim => bool) public isOpen;

    event Asked(bool settled, IVerifier.Request request, uint256 value);
    event Planted(IJobsManager.ClaimRef ref, address broadcaster, uint64[] sequences, uint256 value);

    constructor(IController controller_) Manager(controller_) {}

    function setFinality(uint256 blocks) external {
        finality = blocks;
    }

    function setOpen(IJobsManager.ClaimRef calldata ref, bool isOpen_) external {
        isOpen[keccak256(abi.encode(ref))] = isOpen_;
    }

    function isSettled(IJobsManager.ClaimRef calldata ref) external view returns (bool) {
        return !isOpen[keccak256(abi.encode(ref))];
    }

    function settle(IVerifier.Request calldata request_, bytes calldata answers)
        external
        payable
        returns (uint256)
    {
        emit Asked(true, request_, msg.value);
        return abi.decode(answers, (uint256));
    }

    function request(IVerifier.Request calldata request_, bytes calldata) external payable {
        emit Asked(false, request_, msg.value);
    }

    function punishPlanted(
        IJobsManager.ClaimRef calldata ref,
        address broadcaster,
        uint64[] calldata sequences,
        bytes calldata
    ) external payable {
        emit Planted(ref, broadcaster, sequences, msg.value);
    }
}

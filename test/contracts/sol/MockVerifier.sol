// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity ^0.8.28;

import {Manager} from "../../../eth/contracts/Manager.sol";
import {IController} from "../../../eth/contracts/interfaces/IController.sol";
import {IJobsManager} from "../../../eth/contracts/interfaces/IJobsManager.sol";
import {IVerifier} from "../../../eth/contracts/interfaces/IVerifier.sol";

/// A Verifier that answers as it is told: `answers` are the signers' words.
contract MockVerifier is Manager {
    uint256 public finality;
    mapping(bytes32 claim => bool) public isOpen;

    address[] public heirs;

    event Asked(IVerifier.Request request);
    event Planted(IJobsManager.ClaimRef ref, address broadcaster, uint64[] sequences);

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

    function settle(IVerifier.Request calldata, bytes calldata answers)
        external
        pure
        returns (uint256[] memory)
    {
        return abi.decode(answers, (uint256[]));
    }

    function request(IVerifier.Request calldata request_, bytes calldata) external {
        emit Asked(request_);
    }

    function setHeirs(address[] calldata heirs_) external {
        heirs = heirs_;
    }

    function punishPlanted(
        IJobsManager.ClaimRef calldata ref,
        address broadcaster,
        uint64[] calldata sequences,
        bytes calldata
    ) external returns (address[] memory) {
        emit Planted(ref, broadcaster, sequences);
        return heirs;
    }
}

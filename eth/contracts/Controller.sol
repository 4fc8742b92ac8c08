// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity ^0.8.28;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {IController} from "./interfaces/IController.sol";

/// The registry, the pause switch and the owner whose word counts in all managers.  Managers do
/// not look each other up here (their siblings are fixed in their code): a changed entry tells
/// people and nodes, and moves no money.
contract Controller is IController, Ownable, Pausable {
    struct ContractInfo {
        address contractAddress;
        bytes20 gitCommitHash;
    }

    mapping(bytes32 id => ContractInfo) private registry;

    error OwnershipNotRenounceable();

    constructor() Ownable(msg.sender) {}

    function setContractInfo(bytes32 id, address contractAddress, bytes20 gitCommitHash) external onlyOwner {
        if (contractAddress.code.length == 0) revert ContractHasNoCode(id, contractAddress);
        registry[id] = ContractInfo(contractAddress, gitCommitHash);
        emit SetContractInfo(id, contractAddress, gitCommitHash);
    }

    function getContract(bytes32 id) external view returns (address) {
        return registry[id].contractAddress;
    }

    function getContractInfo(bytes32 id) external view returns (address, bytes20) {
        ContractInfo storage info = registry[id];
        return (info.contractAddress, info.gitCommitHash);
    }

    function pause() external onlyOwner {
        _pause();
    }

    function unpause() external onlyOwner {
        _unpause();
    }

    /// Without an owner nothing could be changed, repaired or unpaused any more.
    function renounceOwnership() public view override onlyOwner {
        revert OwnershipNotRenounceable();
    }

    function paused() public view override(IController, Pausable) returns (bool) {
        return Pausable.paused();
    }

    function owner() public view override(IController, Ownable) returns (address) {
        return Ownable.owner();
    }
}

// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity ^0.8.28;

/// The registry of the protocol's contracts, the pause switch, and whose word counts: its owner
/// (the Treasury once governance has taken over).  Signatures as in Livepeer's Controller.
interface IController {
    event SetContractInfo(bytes32 id, address contractAddress, bytes20 gitCommitHash);
    // Paused and Unpaused are OpenZeppelin's (Pausable).

    error ContractHasNoCode(bytes32 id, address contractAddress);

    /// id = keccak256(name); owner only.
    function setContractInfo(bytes32 id, address contractAddress, bytes20 gitCommitHash) external;
    function getContract(bytes32 id) external view returns (address);
    function getContractInfo(bytes32 id) external view returns (address, bytes20);
    /// Owner only.  While paused no user function of a manager works but what pays out what is
    /// already owed (withdrawStake, withdrawFees, withdraw).
    function pause() external;
    function unpause() external;
    function paused() external view returns (bool);
    function owner() external view returns (address);
}

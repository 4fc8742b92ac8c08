// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity ^0.8.28;

import {IJobsManager} from "../../../eth/contracts/interfaces/IJobsManager.sol";
import {IVerifier} from "../../../eth/contracts/interfaces/IVerifier.sol";

/// What the Verifier sees of its siblings, at the JobsManager's and the BondingManager's address:
/// passes batches on, writes down what it is told.
contract MockClient {
    uint256 public finality;
    uint256 public slashablePeriod;
    mapping(address delegator => address) public delegateOf;
    mapping(bytes32 claim => uint256) public settledAt;

    event Received(
        uint256 jobId, address transcoder, uint256 claimId, uint256 batch, uint256 verdicts, uint256 count, bool isFinal
    );
    event ReceivedNone(uint256 jobId, address transcoder, uint256 claimId, uint256 batch, uint256 count, uint256 value);

    function set(uint256 finality_, uint256 slashablePeriod_) external {
        (finality, slashablePeriod) = (finality_, slashablePeriod_);
    }

    function setDelegate(address delegator, address delegate) external {
        delegateOf[delegator] = delegate;
    }

    function settle(IVerifier verifier, IVerifier.Request calldata r, bytes calldata openings)
        external
        payable
        returns (uint256)
    {
        settledAt[claimOf(r.ref)] = block.number;
        return verifier.settle{value: msg.value}(r, openings);
    }

    function request(IVerifier verifier, IVerifier.Request calldata r, bytes calldata statements) external payable {
        verifier.request{value: msg.value}(r, statements);
    }

    function punishPlanted(
        IVerifier verifier,
        IJobsManager.ClaimRef calldata ref,
        address broadcaster,
        uint64[] calldata sequences,
        bytes calldata proof
    ) external payable {
        verifier.punishPlanted{value: msg.value}(ref, broadcaster, sequences, proof);
    }

    function receiveVerdicts(
        IJobsManager.ClaimRef calldata ref,
        uint256 batch,
        uint256 verdicts,
        uint256 count,
        bool isFinal
    ) external {
        if (verdicts == 0 || isFinal) settledAt[claimOf(ref)] = block.number;
        emit Received(ref.jobId, ref.transcoder, ref.claimId, batch, verdicts, count, isFinal);
    }

    function receiveNoVerdict(IJobsManager.ClaimRef calldata ref, uint256 batch, uint256 count) external payable {
        emit ReceivedNone(ref.jobId, ref.transcoder, ref.claimId, batch, count, msg.value);
    }

    function getClaim(uint256 jobId, address transcoder, uint256 claimId)
        external
        view
        returns (IJobsManager.Claim memory claim)
    {
        claim.settledAt = uint40(settledAt[keccak256(abi.encode(jobId, transcoder, claimId))]);
    }

    function claimOf(IJobsManager.ClaimRef calldata ref) private pure returns (bytes32) {
        return keccak256(abi.encode(ref.jobId, ref.transcoder, ref.claimId));
    }
}

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

    /// What settledBatch answers: the batch settled last, for its claim.
    mapping(bytes32 claim => IVerifier.Request) private batches;

    event Received(
        uint256 jobId, address transcoder, uint256 claimId, uint256 verdicts, uint256 count, bool isFinal,
        address[] verifiers, uint256 fee
    );
    event ReceivedNone(uint256 jobId, address transcoder, uint256 claimId, address[] verifiers, uint256 fee);
    event Settled(uint256[] signers);
    event Heirs(address[] heirs);

    function set(uint256 finality_, uint256 slashablePeriod_) external {
        (finality, slashablePeriod) = (finality_, slashablePeriod_);
    }

    function setDelegate(address delegator, address delegate) external {
        delegateOf[delegator] = delegate;
    }

    function delegatesOf(address[] calldata who) external view returns (address[] memory delegates) {
        delegates = new address[](who.length);
        for (uint256 i = 0; i < who.length; i++) delegates[i] = delegateOf[who[i]];
    }

    function settle(IVerifier verifier, IVerifier.Request calldata r, bytes calldata openings) external {
        settledAt[claimOf(r.ref)] = block.number;
        batches[claimOf(r.ref)] = r;
        emit Settled(verifier.settle(r, openings));
    }

    function settledBatch(IJobsManager.ClaimRef calldata ref, IJobsManager.VerifiedBatch[] calldata, uint256)
        external
        view
        returns (IVerifier.Request memory, uint256)
    {
        return (batches[claimOf(ref)], settledAt[claimOf(ref)]);
    }

    function request(IVerifier verifier, IVerifier.Request calldata r, bytes calldata statements) external {
        verifier.request(r, statements);
    }

    function punishPlanted(
        IVerifier verifier,
        IJobsManager.ClaimRef calldata ref,
        address broadcaster,
        uint64[] calldata sequences,
        bytes calldata proof
    ) external {
        emit Heirs(verifier.punishPlanted(ref, broadcaster, sequences, proof));
    }

    function receiveVerdicts(
        IJobsManager.ClaimRef calldata ref,
        uint256 verdicts,
        uint256 count,
        bool isFinal,
        address[] calldata verifiers,
        uint256 fee
    ) external {
        if (verdicts == 0 && !isFinal) settledAt[claimOf(ref)] = block.number;
        emit Received(ref.jobId, ref.transcoder, ref.claimId, verdicts, count, isFinal, verifiers, fee);
    }

    function receiveNoVerdict(IJobsManager.ClaimRef calldata ref, address[] calldata verifiers, uint256 fee)
        external
    {
        emit ReceivedNone(ref.jobId, ref.transcoder, ref.claimId, verifiers, fee);
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

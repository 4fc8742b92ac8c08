// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity ^0.8.28;

import {IJobsManager} from "./IJobsManager.sol";

/// The Truebit seam: who judges challenged segments.  JobsManager knows this and nothing else of it.
/// Answers: PASS 0, FAIL 1, INVALID_INPUT 2, UNAVAILABLE 3; two bits a segment, lowest first.
/// Rules of our implementation: docs/contracts.md 6.
interface IVerifier {
    struct Request {
        IJobsManager.ClaimRef ref;
        uint256 batch;          // of the claim, from 0
        address broadcaster;
        bytes32 seed;           // the claim's sealed challenge hash
        uint256 challengeBlock; // whose hash it is
        bytes32 work;           // keccak256(abi.encode(list of (sequence, dataHash, transcodedHash)))
        uint256 count;          // segments, 1..64
        uint256 fee;            // wei for all answers of the batch: sent with the call
    }

    /// A verdict in the same transaction: `answers` has equal answers of a majority of the drawn.
    /// Payable: the fee.  Returns two bits a segment.  JobsManager only.
    function settle(Request calldata request, bytes calldata answers) external payable returns (uint256 verdicts);
    /// A verdict later: JobsManager.receiveVerdicts is called with it.  `statements`: signed by
    /// drawn verifiers, that they could store the input.  JobsManager only.
    function request(Request calldata request_, bytes calldata statements) external payable;
    /// Verifiers that answered PASS on a planted segment are slashed: `proof` names the batches and
    /// signers.  forfeited ETH comes with the call.  JobsManager only.
    function punishPlanted(IJobsManager.ClaimRef calldata ref, address broadcaster, uint64[] calldata sequences, bytes calldata proof) external payable;
    /// Blocks from a request until its verdict can change no more, at the most.
    function finality() external view returns (uint256);
    /// Can a verdict on the claim still change (an appeal is open or may be opened)?
    function isSettled(IJobsManager.ClaimRef calldata ref) external view returns (bool);
}

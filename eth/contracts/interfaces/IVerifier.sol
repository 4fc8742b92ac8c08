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

    /// PASS on every segment, in the same transaction: `answers` are openings (IVerifierSeats) of at
    /// least a quorum of the drawn, all of them PASS throughout; any other verdict takes request().
    /// Payable: the fee.  Returns 0, two bits a segment.  JobsManager only.
    function settle(Request calldata request, bytes calldata answers) external payable returns (uint256 verdicts);
    /// A verdict later: JobsManager.receiveVerdicts is called with it.  `statements`: packed
    /// (uint16 k, 65 bytes of signature) each, over Stored(...), by drawn verifiers.  With a quorum of
    /// them the verdict UNAVAILABLE is no fault of the transcoder; without, it counts as FAIL.
    /// JobsManager only.
    function request(Request calldata request_, bytes calldata statements) external payable;
    /// Verifiers that answered PASS on a planted segment are slashed; those that answered FAIL share
    /// the forfeited ETH that comes with the call.  proof: abi.encode(salt, PlantedBatch[]) of
    /// IVerifierSeats.  sequences: ascending.  JobsManager only.
    function punishPlanted(IJobsManager.ClaimRef calldata ref, address broadcaster, uint64[] calldata sequences, bytes calldata proof) external payable;
    /// Blocks from a request until its verdict can change no more, at the most.
    function finality() external view returns (uint256);
    /// No verdict on the claim can change any more: no appeal is open, none may be opened.  (Whether
    /// all its segments have a verdict, JobsManager knows.)
    function isSettled(IJobsManager.ClaimRef calldata ref) external view returns (bool);
}

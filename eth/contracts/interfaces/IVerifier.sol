// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity ^0.8.28;

import {IJobsManager} from "./IJobsManager.sol";

/// The Truebit seam: who judges challenged segments.  JobsManager knows this and nothing else of it.
/// Answers: PASS 0, FAIL 1, INVALID_INPUT 2, UNAVAILABLE 3; two bits a segment, lowest first.
/// Rules of our implementation: docs/contracts.md 6.
interface IVerifier {
    struct Request {
        IJobsManager.ClaimRef ref;
        uint256 batch;          // which of the claim: how many segments of it were verified before
        address broadcaster;
        bytes32 seed;           // the claim's sealed challenge hash
        uint256 challengeBlock; // whose hash it is
        bytes32 work;           // keccak256(abi.encode(list of (sequence, dataHash, transcodedHash)))
        uint256 count;          // segments, 1..64
        uint256 fee;            // wei for all answers of the batch, kept by JobsManager
    }

    /// PASS on every segment, in the same transaction: `answers` are openings (IVerifierSeats) of at
    /// least a quorum of the drawn, all of them PASS throughout; any other verdict takes request().
    /// Nothing is kept of it here: who appeals has it recorded first.  Returns a word each of those who
    /// answered: account in bits 0..159, seat id 160..207, k 208..223.  JobsManager only.
    function settle(Request calldata request, bytes calldata answers) external view returns (uint256[] memory signers);
    /// A verdict later: JobsManager.receiveVerdicts is called with it, and who gets the fee.  `statements`: packed
    /// (uint16 k, 65 bytes of signature) each, over Stored(...), by drawn verifiers.  With a quorum of
    /// them the verdict UNAVAILABLE is no fault of the transcoder; without, it counts as FAIL.
    /// JobsManager only.
    function request(Request calldata request_, bytes calldata statements) external;
    /// Verifiers that answered PASS on a planted segment are slashed; those that answered FAIL, or the
    /// Treasury if nobody did, are returned: the forfeited escrow is theirs.  proof: abi.encode(salt,
    /// PlantedBatch[]) of IVerifierSeats.  sequences: ascending.  JobsManager only.
    function punishPlanted(IJobsManager.ClaimRef calldata ref, address broadcaster, uint64[] calldata sequences, bytes calldata proof) external returns (address[] memory heirs);
    /// Blocks from a request until its verdict can change no more, at the most.
    function finality() external view returns (uint256);
    /// No verdict on the claim can change any more: no appeal is open, none may be opened.  (Whether
    /// all its segments have a verdict, JobsManager knows.)
    function isSettled(IJobsManager.ClaimRef calldata ref) external view returns (bool);
}

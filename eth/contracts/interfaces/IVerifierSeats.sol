// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity ^0.8.28;

import {IJobsManager} from "./IJobsManager.sol";
import {IVerifier} from "./IVerifier.sol";
import {IVerifierTypes} from "./IVerifierTypes.sol";

/// What verifiers, appellants and finders use of the Verifier.  Rules: docs/contracts.md 6.
///
/// An opening is 147 bytes: k (uint16), answers (uint128, two bits a segment, lowest first), workHash
/// (32), salt (32), signature (65) of the holder of draw k over Verdict(uint256 jobId,address
/// transcoder,uint32 claimId,bytes32 work,bytes32 commitment), commitment = keccak256(abi.encode(
/// verifier, answers, workHash, salt)).  EIP-712 domain: "lpnode", "1", chain id, JobsManager.
/// k ascends.  A juror signs keccak256(abi.encode(work, jury's seed)) in place of work.
interface IVerifierSeats is IVerifierTypes {
    /// With the proxy's upgrade, once.
    function initialize(Parameters calldata p) external;

    // ---- seats ----
    /// n seats more; n x seatStake LPT is taken from the caller.  Drawn from the next block on.
    function joinSeats(uint256 n) external;
    /// The caller's seats are drawn no more; what they were drawn for before is still theirs to answer.
    function leaveSeats(uint256[] calldata seatIds) external;
    /// Stake beyond seatStake keeps a seat drawn after a fine; a seat that is out comes back.
    function topUpSeat(uint256 seatId, uint256 amount) external;
    /// JobsManager's finality after they left.  These two work while the system is paused, the latter by
    /// anyone for anyone.  (Fees: JobsManager.withdrawVerifierFees.)
    function withdrawSeats(uint256[] calldata seatIds) external;
    function withdrawTokens(address account) external;

    // ---- requests: by anyone ----
    function answer(IVerifier.Request calldata request, bytes calldata openings) external;
    /// silent: their draws' k, ascending; each is fined, the caller gets its share.
    function extend(IVerifier.Request calldata request, uint256[] calldata silent) external;
    function endWithoutVerdict(IVerifier.Request calldata request, uint256[] calldata silent) external;
    /// A Decided verdict's appeal time is over.
    function finalize(IVerifier.Request calldata request, Decision calldata decision) external;

    // ---- appeals: by anyone ----
    /// Makes the Record of a batch that passed in one transaction, so that it can be appealed or shown
    /// to hold a plant: until appealPeriod after the claim's settledAt.  batches: all of the claim in
    /// order, as the events tell (JobsManager's VerifyWithVerdicts; for two transactions Verify); index:
    /// which of them.
    function record(IJobsManager.ClaimRef calldata ref, IJobsManager.VerifiedBatch[] calldata batches, uint256 index) external;
    function appeal(IVerifier.Request calldata request, Decision calldata decision) external;
    function judge(IVerifier.Request calldata request, Decision calldata decision, bytes calldata openings) external;
    /// The one redraw of a jury that found no verdict in time.
    function redraw(IVerifier.Request calldata request, Decision calldata decision, uint256[] calldata silent) external;
    /// Nor did the redrawn: the first verdict stands.
    function endAppeal(IVerifier.Request calldata request, Decision calldata decision, uint256[] calldata silent) external;

    // ---- views ----
    function getSeat(uint256 seatId) external view returns (Seat memory);
    function seatsCreated() external view returns (uint256);
    function seatCount() external view returns (uint256);
    function seatCountAt(uint256 blockNumber) external view returns (uint256);
    function seatAt(uint256 index, uint256 blockNumber) external view returns (uint256 seatId, address owner);
    function tokens(address account) external view returns (uint256);  /// LPT it may withdraw
    function getRecord(IJobsManager.ClaimRef calldata ref, uint256 batch) external view returns (Record memory);
    function getAppeal(IJobsManager.ClaimRef calldata ref, uint256 batch) external view returns (Appeal memory);
    /// Draws from..to-1 of a request; for calls off chain.
    function getDraws(IVerifier.Request calldata request, uint256 from, uint256 to) external view returns (Draw[] memory);
    function getJury(IVerifier.Request calldata request, Decision calldata decision, uint256 from, uint256 to) external view returns (bytes32 seed, Draw[] memory);

    // ---- parameters (setters: owner of the Controller) ----
    function parameters() external view returns (Parameters memory);
    function setSeatStake(uint256 amount) external;
    function setSilenceAmount(uint256 amount) external;
    function setAppealBond(uint256 amount) external;
    function setOverturnedSlash(uint256 perc) external;
    function setShares(uint256 finderPerc, uint256 appellantPerc, uint256 juryPerc) external;
    /// JobsManager's finality must still fit into BondingManager's slashablePeriod.
    function setPeriods(uint256 verdictBlocks, uint256 appealBlocks, uint256 juryBlocks) external;
    function setCommittee(uint256 draws, uint256 quorum, uint256 extensionDraws) external;
    function setJury(uint256 draws, uint256 quorum) external;
}

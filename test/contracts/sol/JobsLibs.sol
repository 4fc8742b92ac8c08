// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity ^0.8.28;

import {Election} from "../../../eth/contracts/lib/Election.sol";
import {Failures} from "../../../eth/contracts/lib/Failures.sol";
import {IJobsManager} from "../../../eth/contracts/interfaces/IJobsManager.sol";
import {MultiProof} from "../../../eth/contracts/lib/MultiProof.sol";
import {Ranges} from "../../../eth/contracts/lib/Ranges.sol";
import {Typed} from "../../../eth/contracts/lib/Typed.sol";

/// The libraries of jobs, as functions that a test can call.
contract JobsLibs {
    Failures.Ring private ring;

    function negLog2(uint256[] calldata h) external pure returns (uint256[] memory logs) {
        logs = new uint256[](h.length);
        for (uint256 i; i < h.length; i++) logs[i] = Election.negLog2(h[i]);
    }

    /// What one logarithm costs.
    function negLog2Gas(uint256 h) external view returns (uint256) {
        uint256 before = gasleft();
        Election.negLog2(h);
        return before - gasleft();
    }

    function scores(bytes32 seed, uint256 jobId, address[] calldata who, uint256[] calldata stakes)
        external
        pure
        returns (uint256[] memory all)
    {
        all = new uint256[](who.length);
        for (uint256 i; i < who.length; i++) all[i] = Election.score(seed, jobId, who[i], stakes[i]);
    }

    function isBefore(uint256 scoreA, address a, uint256 scoreB, address b) external pure returns (bool) {
        return Election.isBefore(scoreA, a, scoreB, b);
    }

    function checkRanges(bytes calldata ranges, uint256 next) external pure returns (uint256, uint256) {
        return Ranges.check(ranges, next);
    }

    function contains(bytes calldata ranges, uint256 sequence) external pure returns (bool) {
        return Ranges.contains(ranges, sequence);
    }

    function addFailures(uint256 round, uint256 judged, uint256 failed) external {
        Failures.add(ring, round, judged, failed);
    }

    function sumFailures(uint256 round) external view returns (uint256 judged, uint256 failed) {
        return Failures.sum(ring, round);
    }

    function domain(address jobsManager) external view returns (bytes32) {
        return Typed.domain(jobsManager);
    }

    function segment(
        bytes32 domain_,
        uint256 jobId,
        address transcoder,
        string calldata streamId,
        uint64 sequence,
        uint32 durationMs,
        bytes32 dataHash
    ) external pure returns (bytes32) {
        bytes32 id = keccak256(bytes(streamId));
        return Typed.segment(domain_, jobId, transcoder, id, sequence, durationMs, dataHash);
    }

    function receipt(
        bytes32 domain_,
        uint256 jobId,
        string calldata streamId,
        uint64 sequence,
        bytes32 dataHash,
        bytes32 transcodedHash,
        IJobsManager.Signature calldata sig
    ) external pure returns (bytes32) {
        bytes32 id = keccak256(bytes(streamId));
        return Typed.receipt(domain_, jobId, id, sequence, dataHash, transcodedHash, sig);
    }

    function fallback_(bytes32 domain_, uint256 jobId, uint8 rank, address transcoder, uint64 from)
        external
        pure
        returns (bytes32)
    {
        return Typed.fallback_(domain_, jobId, rank, transcoder, from);
    }

    function verdict(
        bytes32 domain_,
        uint256 jobId,
        address transcoder,
        uint32 claimId,
        bytes32 work,
        bytes32 commitment
    ) external pure returns (bytes32) {
        return Typed.verdict(domain_, jobId, transcoder, claimId, work, commitment);
    }

    function stored(bytes32 domain_, uint256 jobId, address transcoder, uint32 claimId, bytes32 work)
        external
        pure
        returns (bytes32)
    {
        return Typed.stored(domain_, jobId, transcoder, claimId, work);
    }

    function signer(bytes32 digest, bytes calldata sig) external pure returns (address) {
        return Typed.signer(digest, sig);
    }

    function signerOf(bytes32 digest, IJobsManager.Signature calldata sig) external pure returns (address) {
        return Typed.signer(digest, sig);
    }

    function signerAt(bytes32 digest, bytes calldata item, uint256 offset) external pure returns (address) {
        return Typed.signerAt(digest, item, offset);
    }

    function multiProof(
        bytes32[] calldata leaves,
        bytes32[] calldata proof,
        uint256[] calldata flagBits,
        uint256 flagCount,
        bytes32 root
    ) external pure returns (bool) {
        bytes32[] memory queue = new bytes32[](leaves.length + flagCount);
        for (uint256 i; i < leaves.length; i++) queue[i] = leaves[i];
        return MultiProof.verify(queue, leaves.length, proof, flagBits, flagCount, root);
    }
}

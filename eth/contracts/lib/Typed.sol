// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity ^0.8.28;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {IJobsManager} from "../interfaces/IJobsManager.sol";

/// What nodes sign: EIP-712 over the domain (lpnode, 1, chain, JobsManager's proxy).  The same
/// digests as protocol/segment.c and test/vectors/eip712.json.
library Typed {
    bytes32 private constant DOMAIN =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    bytes32 private constant NAME = keccak256("lpnode");
    bytes32 private constant VERSION = keccak256("1");
    bytes32 private constant SEGMENT = keccak256(
        "Segment(uint256 jobId,address transcoder,string streamId,uint64 sequence,uint32 durationMs,"
        "bytes32 dataHash)"
    );
    bytes32 private constant RECEIPT = keccak256(
        "Receipt(uint256 jobId,string streamId,uint64 sequence,bytes32 dataHash,bytes32 transcodedHash,"
        "bytes broadcasterSig)"
    );
    bytes32 private constant FALLBACK =
        keccak256("Fallback(uint256 jobId,uint8 rank,address transcoder,uint64 fromSequence)");
    bytes32 private constant VERDICT = keccak256(
        "Verdict(uint256 jobId,address transcoder,uint32 claimId,bytes32 work,bytes32 commitment)"
    );
    bytes32 private constant STORED =
        keccak256("Stored(uint256 jobId,address transcoder,uint32 claimId,bytes32 work)");

    /// Not cached: an implementation does not know its proxy, and a chain may split.
    function domain(address jobsManager) internal view returns (bytes32) {
        return keccak256(abi.encode(DOMAIN, NAME, VERSION, block.chainid, jobsManager));
    }

    function segment(
        bytes32 domain_,
        uint256 jobId,
        address transcoder,
        bytes32 streamIdHash,
        uint64 sequence,
        uint32 durationMs,
        bytes32 dataHash
    ) internal pure returns (bytes32) {
        return digest(
            domain_,
            hash7(
                SEGMENT,
                bytes32(jobId),
                bytes32(uint256(uint160(transcoder))),
                streamIdHash,
                bytes32(uint256(sequence)),
                bytes32(uint256(durationMs)),
                dataHash
            )
        );
    }

    function receipt(
        bytes32 domain_,
        uint256 jobId,
        bytes32 streamIdHash,
        uint64 sequence,
        bytes32 dataHash,
        bytes32 transcodedHash,
        IJobsManager.Signature calldata broadcasterSig
    ) internal pure returns (bytes32) {
        bytes32 sigHash = hashOf(broadcasterSig);
        return digest(
            domain_,
            hash7(
                RECEIPT,
                bytes32(jobId),
                streamIdHash,
                bytes32(uint256(sequence)),
                dataHash,
                transcodedHash,
                sigHash
            )
        );
    }

    /// keccak256(abi.encode(a, b, c, d, e, f, g)), without memory of its own: two for each segment.
    function hash7(bytes32 a, bytes32 b, bytes32 c, bytes32 d, bytes32 e, bytes32 f, bytes32 g)
        private
        pure
        returns (bytes32 h)
    {
        assembly ("memory-safe") {
            let p := mload(0x40)
            mstore(p, a)
            mstore(add(p, 0x20), b)
            mstore(add(p, 0x40), c)
            mstore(add(p, 0x60), d)
            mstore(add(p, 0x80), e)
            mstore(add(p, 0xa0), f)
            mstore(add(p, 0xc0), g)
            h := keccak256(p, 0xe0)
        }
    }

    /// keccak256(abi.encodePacked(sig.r, sig.s, sig.v))
    function hashOf(IJobsManager.Signature calldata sig) private pure returns (bytes32 h) {
        uint8 v = sig.v;
        assembly ("memory-safe") {
            let p := mload(0x40)
            calldatacopy(p, sig, 0x40)
            mstore8(add(p, 0x40), v)
            h := keccak256(p, 0x41)
        }
    }

    function fallback_(bytes32 domain_, uint256 jobId, uint8 rank, address transcoder, uint64 fromSequence)
        internal
        pure
        returns (bytes32)
    {
        return digest(domain_, keccak256(abi.encode(FALLBACK, jobId, rank, transcoder, fromSequence)));
    }

    function verdict(
        bytes32 domain_,
        uint256 jobId,
        address transcoder,
        uint32 claimId,
        bytes32 work,
        bytes32 commitment
    ) internal pure returns (bytes32) {
        bytes32 h;
        bytes32 kind = VERDICT;
        uint256 who = uint160(transcoder);
        uint256 claim = claimId;
        // keccak256(abi.encode(VERDICT, jobId, transcoder, claimId, work, commitment))
        assembly ("memory-safe") {
            let p := mload(0x40)
            mstore(p, kind)
            mstore(add(p, 0x20), jobId)
            mstore(add(p, 0x40), who)
            mstore(add(p, 0x60), claim)
            mstore(add(p, 0x80), work)
            mstore(add(p, 0xa0), commitment)
            h := keccak256(p, 0xc0)
        }
        return digest(domain_, h);
    }

    function stored(bytes32 domain_, uint256 jobId, address transcoder, uint32 claimId, bytes32 work)
        internal
        pure
        returns (bytes32)
    {
        return digest(domain_, keccak256(abi.encode(STORED, jobId, transcoder, claimId, work)));
    }

    function digest(bytes32 domain_, bytes32 structHash) internal pure returns (bytes32) {
        return MessageHashUtils.toTypedDataHash(domain_, structHash);
    }

    /// Who signed; 0 for what is no signature, has another length or a high s.
    function signer(bytes32 digest_, bytes calldata sig) internal pure returns (address who) {
        (who,,) = ECDSA.tryRecoverCalldata(digest_, sig);
    }

    /// Of the 65 bytes at `offset` of `item`, which are there.
    function signerAt(bytes32 digest_, bytes calldata item, uint256 offset)
        internal
        pure
        returns (address who)
    {
        bytes32 r;
        bytes32 s;
        uint8 v;
        assembly ("memory-safe") {
            let p := add(item.offset, offset)
            r := calldataload(p)
            s := calldataload(add(p, 0x20))
            v := byte(0, calldataload(add(p, 0x40)))
        }
        (who,,) = ECDSA.tryRecover(digest_, v, r, s);
    }

    function signer(bytes32 digest_, IJobsManager.Signature calldata sig)
        internal
        pure
        returns (address who)
    {
        (who,,) = ECDSA.tryRecover(digest_, sig.v, sig.r, sig.s);
    }
}

// What broadcasters, transcoders and verifiers sign, and the tree of receipts.
import { StandardMerkleTree } from '@openzeppelin/merkle-tree'
import { AbiCoder, TypedDataEncoder, keccak256 } from 'ethers'
import { CHAIN_ID } from './anvil.mjs'

const fields = text => text.split(',').map(f => f.trim().split(' ')).map(([type, name]) => ({ type, name }))

export const TYPES = {
	Segment: fields('uint256 jobId,address transcoder,string streamId,uint64 sequence,uint32 durationMs,bytes32 dataHash'),
	Receipt: fields('uint256 jobId,string streamId,uint64 sequence,bytes32 dataHash,bytes32 transcodedHash,bytes broadcasterSig'),
	Fallback: fields('uint256 jobId,uint8 rank,address transcoder,uint64 fromSequence'),
	Verdict: fields('uint256 jobId,address transcoder,uint32 claimId,bytes32 work,bytes32 commitment'),
	Stored: fields('uint256 jobId,address transcoder,uint32 claimId,bytes32 work'),
}

export const domain = jobs_manager => ({
	name: 'lpnode', version: '1', chainId: CHAIN_ID, verifyingContract: jobs_manager.target ?? jobs_manager,
})

export function digest(jobs_manager, type, value) {
	return TypedDataEncoder.hash(domain(jobs_manager), { [type]: TYPES[type] }, value)
}

/* 65 bytes, low s.  Synchronous: thousands of receipts are signed in a test. */
export function sign(account, jobs_manager, type, value) {
	return account.signingKey.sign(digest(jobs_manager, type, value)).serialized
}

/* One segment's way: the broadcaster's signature, the transcoder's receipt of it, and the leaf.
 * seg: { jobId, streamId, sequence, durationMs, dataHash, transcodedHash }. */
export function make_receipt(jobs_manager, broadcaster, transcoder, seg) {
	const broadcasterSig = sign(broadcaster, jobs_manager, 'Segment', { ...seg, transcoder: transcoder.address })
	const receipt = { ...seg, broadcasterSig }
	const receipt_digest = digest(jobs_manager, 'Receipt', receipt)
	const transcoderSig = transcoder.signingKey.sign(receipt_digest).serialized
	return { ...seg, broadcasterSig, transcoderSig, digest: receipt_digest }
}

/* OpenZeppelin's standard tree over receipts in order of sequence: leaves in that order, too. */
export function receipt_tree(receipts) {
	return StandardMerkleTree.of(receipts.map(r => [r.digest]), ['bytes32'], { sortLeaves: false })
}

/* Flags of a multiproof as bits of words, lowest first. */
export function flag_words(flags) {
	const words = Array(Math.ceil(flags.length / 256)).fill(0n)
	flags.forEach((f, i) => { if (f) words[i >> 8] |= 1n << BigInt(i & 255) })
	return words
}

/* { leaves: digests in the proof's order, proof, flagBits, flagCount } of receipts by index. */
export function multiproof(tree, indices) {
	const { leaves, proof, proofFlags } = tree.getMultiProof(indices)
	return { leaves: leaves.map(l => l[0]), proof, flagBits: flag_words(proofFlags), flagCount: proofFlags.length }
}

const coder = AbiCoder.defaultAbiCoder()
/* keccak256(abi.encode(...)): hash(['uint256', 'bytes32'], [1, h]). */
export const abi_hash = (types, values) => keccak256(coder.encode(types, values))

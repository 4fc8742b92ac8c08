// The libraries of jobs against vectors and against OpenZeppelin's and ethers' own.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { TypedDataEncoder, id, keccak256, toBeHex, toUtf8Bytes } from 'ethers'
import { TYPES, create, expect_revert, flag_words, random_from, receipt_tree, run, seed, start } from './lib/kit.mjs'
import { neg_log2, ranked, score } from './lib/election.mjs'
import { pack, split, with_high_s } from './lib/jobs.mjs'

const vectors = name => JSON.parse(readFileSync(new URL(`../vectors/${name}.json`, import.meta.url)))
const JM = 'JobsManager'

let kit, lib
before(async () => {
	console.log(`# SEED=${seed}`)
	kit = await start({ accounts: 1, deploy: false })
	lib = await create(kit, 'JobsLibs')
	await kit.keep()
})
after(() => kit.stop())

test('logarithms are those of the vectors, and of BigInt', async () => {
	const { logs } = vectors('election')
	const random = random_from()
	const more = Array.from({ length: 200 }, () => BigInt(id(`${random()}`)) >> BigInt(Math.floor(random() * 256)))

	assert.deepEqual([...await lib.negLog2(logs.map(l => l.h))], logs.map(l => BigInt(l.L)))
	assert.deepEqual([...await lib.negLog2(more)], more.map(neg_log2))
	const gas = await lib.negLog2Gas(id('any'))
	console.log(`# one logarithm: ${gas} gas`)
	assert.ok(gas < 5000n)
})

test('scores and ranks are those of the vectors', async () => {
	for (const e of vectors('election').elections) {
		const got = await lib.scores(e.seed, e.jobId, e.ranked.map(c => c.address), e.ranked.map(c => c.stake))
		assert.deepEqual([...got], e.ranked.map(c => BigInt(c.score)))
		const again = ranked(e.seed, BigInt(e.jobId), e.candidates.map(c => ({ address: c.address, stake: BigInt(c.stake) })))
		assert.deepEqual(again.map(c => c.address), e.ranked.map(c => c.address))
	}
})

test('ties go to the lower address', async () => {
	const [low, high] = [toBeHex(1, 20), toBeHex(2, 20)]

	assert.equal(await lib.isBefore(5, low, 5, high), true)
	assert.equal(await lib.isBefore(5, high, 5, low), false)
	assert.equal(await lib.isBefore(5, low, 5, low), false)
	assert.equal(await lib.isBefore(4, high, 5, low), true)
	assert.equal(await lib.isBefore(6, low, 5, high), false)
})

test('shares follow stakes, for the first rank and the second', () => {
	const stakes = Array.from({ length: 10 }, (_, i) => ({ address: toBeHex(i + 1, 20), stake: BigInt(i + 1) * 10n ** 18n }))
	const n = 600
	const first = Array(10).fill(0), second = Array(10).fill(0)
	for (let i = 0; i < n; i++) {
		const order = ranked(id(`draw ${i}`), 1n, stakes)
		first[Number(order[0].address) - 1]++
		second[Number(order[1].address) - 1]++
	}
	const share = i => (i + 1) / 55
	// Second: somebody else was first, and then in proportion to what is left.
	const next = i => Array.from({ length: 10 }, (_, k) => k === i ? 0 : share(k) * share(i) / (1 - share(k))).reduce((a, b) => a + b)
	const chi = (seen, p) => seen.reduce((sum, s, i) => sum + (s - n * p(i)) ** 2 / (n * p(i)), 0)
	assert.ok(chi(first, share) < 27.9, `chi-square of the first ${chi(first, share)}`)
	assert.ok(chi(second, next) < 27.9, `chi-square of the second ${chi(second, next)}`)
	assert.ok(score(id('x'), 1n, toBeHex(1, 20), 1n) >= 0n)
})

test('ranges are ascending, disjoint and not empty', async () => {
	assert.deepEqual([...await lib.checkRanges(pack([[0, 1], [1, 2], [10, 5]]), 0)], [8n, 15n])
	assert.deepEqual([...await lib.checkRanges(pack([[2n ** 64n - 2n, 1]]), 7)], [1n, 2n ** 64n - 1n])
	await expect_revert(lib.checkRanges('0x', 0), JM, 'InvalidRanges', [0n])
	await expect_revert(lib.checkRanges(pack([[0, 1]]) + '00', 0), JM, 'InvalidRanges', [13n])
	await expect_revert(lib.checkRanges(pack([[0, 1], [5, 0]]), 0), JM, 'InvalidRanges', [12n])
	await expect_revert(lib.checkRanges(pack([[2n ** 64n - 1n, 1]]), 0), JM, 'InvalidRanges', [0n])
	await expect_revert(lib.checkRanges(pack([[5, 3], [7, 1]]), 0), JM, 'RangeNotAscending', [7n, 8n])
	await expect_revert(lib.checkRanges(pack([[5, 3]]), 6), JM, 'RangeNotAscending', [5n, 6n])
	await expect_revert(lib.checkRanges(pack([[5, 1], [2, 1]]), 0), JM, 'RangeNotAscending', [2n, 6n])
})

test('a sequence is found in ranges, and no other', async () => {
	const random = random_from(seed + 1)
	const ranges = []
	for (let at = 0, i = 0; i < 40; i++) {
		at += Math.floor(random() * 5)
		const length = 1 + Math.floor(random() * 4)
		ranges.push([at, length])
		at += length
	}
	const there = new Set(ranges.flatMap(([s, n]) => Array.from({ length: n }, (_, i) => s + i)))
	const bytes = pack(ranges)
	for (let s = 0; s < 200; s += 1) assert.equal(await lib.contains(bytes, s), there.has(s), `${s}`)
})

test('failures are those of the last 30 rounds', async () => {
	const add = (...a) => run(lib.addFailures(...a))
	await add(100, 10, 1)
	await add(100, 5, 2)
	await add(101, 7, 0)
	assert.deepEqual([...await lib.sumFailures(101)], [22n, 3n])
	assert.deepEqual([...await lib.sumFailures(129)], [22n, 3n])
	assert.deepEqual([...await lib.sumFailures(130)], [7n, 0n])
	assert.deepEqual([...await lib.sumFailures(131)], [0n, 0n])
	await add(132, 1, 1)
	assert.deepEqual([...await lib.sumFailures(132)], [1n, 1n])
	await add(133, 2 ** 30, 2 ** 30)
	assert.deepEqual([...await lib.sumFailures(133)], [2n ** 20n, 2n ** 12n])
})

test('digests are those of the C side and of ethers', async () => {
	const all = vectors('eip712')
	for (const v of all.domains.slice(1)) {
		const at = { ...v, sequence: BigInt(v.sequence) }
		const segment = await lib.segment(v.domainHash, v.jobId, all.transcoder, all.streamId, at.sequence, 2002, all.dataHash)
		assert.equal(segment, v.segment.digest)
		assert.equal(await lib.signer(segment, v.segment.signature), v.segment.signer)
		assert.equal(await lib.signerOf(segment, split(v.segment.signature)), v.segment.signer)
		assert.equal(await lib.signerAt(segment, `0xabcd${v.segment.signature.slice(2)}ef`, 2), v.segment.signer)
		const receipt = await lib.receipt(v.domainHash, v.jobId, all.streamId, at.sequence, all.dataHash, all.transcodedHash, split(v.segment.signature))
		assert.equal(receipt, v.receipt.digest)
		assert.equal(await lib.signer(receipt, v.receipt.signature), v.receipt.signer)
	}
	const domain = { name: 'lpnode', version: '1', chainId: 31337, verifyingContract: lib.target }
	const hash = TypedDataEncoder.hashDomain(domain)
	assert.equal(await lib.domain(lib.target), hash)
	const [a, h] = [all.transcoder, id('h')]
	const digest = (type, value) => TypedDataEncoder.hash(domain, { [type]: TYPES[type] }, value)
	assert.equal(await lib.fallback_(hash, 7, 2, a, 99), digest('Fallback', { jobId: 7, rank: 2, transcoder: a, fromSequence: 99 }))
	assert.equal(await lib.verdict(hash, 7, a, 3, h, id('c')), digest('Verdict', { jobId: 7, transcoder: a, claimId: 3, work: h, commitment: id('c') }))
	assert.equal(await lib.stored(hash, 7, a, 3, h), digest('Stored', { jobId: 7, transcoder: a, claimId: 3, work: h }))
})

test('signatures: low s, 65 bytes, v of 27 or 28', async () => {
	const { signature, digest, signer } = vectors('eip712').domains[0].segment
	const nobody = toBeHex(0, 20)

	assert.equal(await lib.signer(digest, signature), signer)
	assert.equal(await lib.signer(digest, with_high_s(signature)), nobody)
	assert.equal(await lib.signerOf(digest, split(with_high_s(signature))), nobody)
	assert.equal(await lib.signerAt(digest, with_high_s(signature), 0), nobody)
	assert.equal(await lib.signer(digest, signature.slice(0, -2)), nobody)
	assert.equal(await lib.signer(digest, signature + '00'), nobody)
	assert.equal(await lib.signer(digest, signature.slice(0, -2) + '02'), nobody)
	assert.notEqual(await lib.signer(keccak256(toUtf8Bytes('other')), signature), signer)
})

test('multiproofs: those of OpenZeppelin hold, any change of one does not', async () => {
	const random = random_from(seed + 2)
	for (let round = 0; round < 40; round++) {
		const n = 1 + Math.floor(random() * 300)
		const tree = receipt_tree(Array.from({ length: n }, (_, i) => ({ digest: id(`${round} ${i}`) })))
		const indices = Array.from({ length: n }, (_, i) => i).filter(() => random() < 0.1)
		if (!indices.length) indices.push(n - 1)
		const { proof, proofFlags } = tree.getMultiProof(indices)
		const leaves = indices.map(i => tree.leafHash([id(`${round} ${i}`)]))
		const ok = (l, p, flags) => lib.multiProof(l, p, flag_words(flags), flags.length, tree.root)

		assert.equal(await ok(leaves, proof, proofFlags), true, `${n} leaves, ${indices}`)
		if (n === 1) continue
		assert.equal(await ok(leaves, proof, proofFlags.map((f, i) => i === 0 ? !f : f)), false)
		assert.equal(await ok(leaves.slice(1), proof, proofFlags), false)
		assert.equal(await ok(leaves.map((l, i) => i ? l : id('other')), proof, proofFlags), false)
		assert.equal(await ok(leaves, [...proof, id('more')], proofFlags), false)
		assert.equal(await ok(leaves, [...proof, id('more')], [...proofFlags, false]), false)
		if (proof.length) assert.equal(await ok(leaves, proof.map((p, i) => i ? p : id('other')), proofFlags), false)
	}
	// Flags that would take nodes before they are there: all from the queue, from one leaf.
	assert.equal(await lib.multiProof([id('a')], [id('b')], [1n], 1, id('c')), false)
	assert.equal(await lib.multiProof([], [id('b')], [], 0, id('b')), false)
	assert.equal(await lib.multiProof([id('a')], [], [], 0, id('a')), true)
	assert.equal(await lib.multiProof([id('a')], [], [0n], 0, id('a')), false)
})

// The election in BigInt, after docs/contracts.md 5 and independently of the contracts and of
// protocol/election.c, which are checked by what this says:
//   node test/contracts/lib/election.mjs > test/vectors/election.json
import { fileURLToPath } from 'node:url'
import { AbiCoder, getAddress, id, keccak256, toBeHex } from 'ethers'

const MAX = (1n << 256n) - 1n
const coder = AbiCoder.defaultAbiCoder()

/* h of a candidate: BigInt. */
export function draw(seed, job_id, address) {
	return BigInt(keccak256(coder.encode(['bytes32', 'uint256', 'address'], [seed, job_id, address])))
}

/* -log2((h + 1) / 2^256) in Q64, by the algorithm that defines it. */
export function neg_log2(h) {
	if (h === MAX) return 0n
	const x = h + 1n
	const n = BigInt(x.toString(2).length - 1)
	let m = n >= 127n ? x >> (n - 127n) : x << (127n - n)
	let frac = 0n
	for (let i = 63n; i >= 0n; i--) {
		m = (m * m) >> 127n
		if (m >= 1n << 128n) {
			frac |= 1n << i
			m >>= 1n
		}
	}
	return (256n << 64n) - ((n << 64n) | frac)
}

export function score(seed, job_id, address, stake) {
	return (neg_log2(draw(seed, job_id, address)) << 96n) / stake
}

/* candidates: [{ address, stake }] -> [{ address, stake, score }], best first. */
export function ranked(seed, job_id, candidates) {
	const by = (a, b) => a.score === b.score ? (BigInt(a.address) < BigInt(b.address) ? -1 : 1) : a.score < b.score ? -1 : 1
	return candidates.map(c => ({ ...c, score: score(seed, job_id, c.address, c.stake) })).sort(by)
}

/* ---- vectors ---- */

const hex = v => toBeHex(v, 32)
const some_hash = text => id(`election ${text}`)

function logs() {
	const edges = [0n, 1n, 2n, (1n << 127n) - 1n, 1n << 127n, (1n << 128n) - 1n, 1n << 128n, (1n << 255n) - 1n, 1n << 255n, MAX - 1n, MAX]
	const random = Array.from({ length: 40 }, (_, i) => BigInt(some_hash(`h ${i}`)) >> BigInt(i % 2 ? 0 : 6 * i))
	return [...edges, ...random].map(h => ({ h: hex(h), L: hex(neg_log2(h)) }))
}

const address_of = i => getAddress(some_hash(`address ${i}`).slice(0, 42))

function election(n, job_id, stake_of) {
	const seed = some_hash(`seed ${n}`)
	const candidates = Array.from({ length: n }, (_, i) => ({ address: address_of(i), stake: stake_of(i) }))
	const row = c => ({ address: c.address, stake: hex(c.stake) })
	return {
		seed, jobId: hex(job_id), candidates: candidates.map(row),
		ranked: ranked(seed, job_id, candidates).map(c => ({ ...row(c), score: hex(c.score) })),
	}
}

function elections() {
	const lpt = 10n ** 18n
	return [
		election(1, 1n, () => 1n),
		election(3, 2n, () => 500n * lpt),
		election(10, 77n, i => BigInt(i + 1) * lpt),
		election(20, MAX, i => i % 2 ? 1n : (1n << 96n) - 1n),
		election(144, (1n << 64n) + 5n, i => BigInt(some_hash(`stake ${i}`)) >> 160n),
	]
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
	const vectors = { origin: 'BigInt, made by test/contracts/lib/election.mjs', logs: logs(), elections: elections() }
	console.log(JSON.stringify(vectors, null, 1))
}

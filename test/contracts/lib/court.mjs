// Verifiers of tests: seats, who is drawn, and what they sign.
import assert from 'node:assert/strict'
import { AbiCoder, concat, keccak256, solidityPacked, toBeHex } from 'ethers'
import { LPT, abi_hash, artifact, create, events_of, event_of, run, sign, start, word } from './kit.mjs'

export const PASS = 0n
export const FAIL = 1n
export const INVALID_INPUT = 2n
export const UNAVAILABLE = 3n
export const ZERO = `0x${'00'.repeat(32)}`

const coder = AbiCoder.defaultAbiCoder()

/* Two bits a segment, lowest first. */
export const answers_of = (...list) => list.reduce((sum, a, i) => sum | a << BigInt(2 * i), 0n)
export const all = (answer, count) => answers_of(...Array(count).fill(answer))

export const commitment = (verifier, answers, work_hash, salt) =>
	abi_hash(['address', 'uint256', 'bytes32', 'bytes32'], [verifier, answers, work_hash, salt])

/* 147 bytes.  `lie`: what is sent in place of what was signed. */
export function opening(jobs, account, k, answers, { ref, work, salt = word(77), work_hash = word(7) }, lie = {}) {
	const signature = sign(account, jobs, 'Verdict', {
		...ref, work, commitment: commitment(account.address, answers, work_hash, salt),
	})
	const sent = { k, answers, work_hash, salt, signature, ...lie }
	return solidityPacked(['uint16', 'uint128', 'bytes32', 'bytes32', 'bytes'],
		[sent.k, sent.answers, sent.work_hash, sent.salt, sent.signature])
}

/* 67 bytes. */
export function statement(jobs, account, k, { ref, work }) {
	return solidityPacked(['uint16', 'bytes'], [k, sign(account, jobs, 'Stored', { ...ref, work })])
}

/* The same signature with the other s, which the chain must not take for another. */
export function high_s(signature) {
	const n = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n
	const [r, s, v] = [signature.slice(2, 66), BigInt(`0x${signature.slice(66, 130)}`), parseInt(signature.slice(130), 16)]
	return concat([`0x${r}`, toBeHex(n - s, 32), toBeHex(v === 27 ? 28 : 27, 1)])
}

/* Index of draw k among n seats; kept simple, as seeds are searched for by it. */
function draw_index(seed, ref_words, k, n) {
	return Number(BigInt(keccak256(`${seed}${ref_words}${word(k).slice(2)}`)) % n)
}

/* Index of a word of Decided.answers. */
export const seat_of = w => w >> 128n & 0xffffffffffffn

export const work_items = sequences => sequences.map(s => ({
	sequence: s, dataHash: keccak256(word(s)), transcodedHash: keccak256(word(1000 + s)),
}))
export const work_of = items => abi_hash(['tuple(uint64,bytes32,bytes32)[]'],
	[items.map(i => [i.sequence, i.dataHash, i.transcodedHash])])
export const planted_hash = (salt, sequence) => keccak256(solidityPacked(['bytes32', 'uint64'], [salt, sequence]))

const REQUEST = 'tuple(tuple(uint256 jobId,address transcoder,uint32 claimId) ref,uint256 batch,address broadcaster,' +
	'bytes32 seed,uint256 challengeBlock,bytes32 work,uint256 count,uint256 fee)'
export const plant_proof = (salt, batches) => coder.encode(['bytes32',
	`tuple(${REQUEST} request,tuple(uint256 verdicts,uint256[] answers) decision,tuple(uint64 sequence,bytes32 dataHash,bytes32 transcodedHash)[] items)[]`],
[salt, batches])

/* The system with a MockClient for JobsManager and BondingManager, and verifiers with a seat each. */
export class Court {
	static async start({ verifiers = 40, parameters = {} } = {}) {
		const c = new Court()
		c.kit = await start({
			accounts: verifiers + 4,
			parameters: { Verifier: { committee: 5, quorum: 3, extensionDraws: 5, juryDraws: 15, juryQuorum: 8, ...parameters } },
			only: ['LivepeerToken', 'Treasury', 'RoundsManager', 'Verifier', 'Minter'],
		})
		await c.install_mock()
		c.sys = c.kit.sys
		c.verifier = c.sys.Verifier
		c.token = c.sys.LivepeerToken
		c.verifiers = c.kit.accounts.slice(0, verifiers)
		;[c.transcoder, c.broadcaster, c.finder, c.stranger] = c.kit.accounts.slice(verifiers)
		for (const a of c.verifiers) await c.join(a, 1)
		await c.fund_tokens(c.finder, 1000n * LPT)
		await c.kit.mine(1)
		await c.kit.keep()
		return c
	}

	async install_mock() {
		const { JobsManager, BondingManager } = this.kit.sys.at
		const code = artifact('MockClient').deployedBytecode.object
		for (const at of [JobsManager, BondingManager]) await this.kit.chain.rpc('anvil_setCode', at, code)
		const at = target => new this.kit.sys.Verifier.constructor(target, artifact('MockClient').abi, this.kit.deployer)
		this.jobs = at(JobsManager)
		this.bonding = at(BondingManager)
		await run(this.jobs.set(500, 0))
		await run(this.bonding.set(0, 1000))
	}

	async fund_tokens(account, amount) {
		await this.kit.give(account, amount)
		await run(this.token.connect(account).approve(this.verifier.target, amount))
	}

	async join(account, n) {
		const { seatStake } = await this.verifier.parameters()
		await this.fund_tokens(account, seatStake * BigInt(n))
		return run(this.verifier.connect(account).joinSeats(n))
	}

	by(account) { return this.verifier.connect(account) }
	mine(n) { return this.kit.mine(n) }

	/* A request of `count` segments at the last block's seats, whose draws satisfy `want`, which
	 * is given a function from k to index. */
	async make(want = () => true, { count = 4, fee = 3003n, claimId = 0, batch = 0, items } = {}) {
		const ref = { jobId: 9n, transcoder: this.transcoder.address, claimId }
		const ref_words = coder.encode(['uint256', 'address', 'uint32'], [ref.jobId, ref.transcoder, claimId]).slice(2)
		const challengeBlock = await this.kit.chain.block()
		const n = await this.verifier.seatCount()
		let seed
		for (let i = 1; ; i++) {
			seed = keccak256(word(i))
			if (want(k => draw_index(seed, ref_words, k, n))) break
		}
		const work = items ? work_of(items) : keccak256(word(batch + 100 * claimId))
		const r = { ref, batch, broadcaster: this.broadcaster.address, seed, challengeBlock, work, count: items?.length ?? count, fee }
		const draws = await this.verifier.getDraws(r, 0, 20)
		return { ...r, seats: draws.map(d => Number(d.seatId)), holders: draws.map(d => account_of(this, d.owner)) }
	}

	/* The first draws are of different seats. */
	distinct(first = 5) {
		return draw => {
			const seen = new Set()
			for (let k = 0; k < first; k++) if (seen.size === seen.add(draw(k)).size) return false
			return true
		}
	}

	holder(r, k) { return r.holders[k] }

	open(r, k, answers = 0n, lie) { return opening(this.jobs, this.holder(r, k), k, answers, r, lie) }
	/* { k: answers } */
	open_all(r, by_k) { return concat(Object.entries(by_k).map(([k, a]) => this.open(r, Number(k), a))) }
	stored(r, ks) { return concat(ks.map(k => statement(this.jobs, this.holder(r, k), k, r))) }

	settle(r, openings) { return run(this.jobs.settle(this.verifier.target, r, openings)) }
	request(r, statements = '0x') { return run(this.jobs.request(this.verifier.target, r, statements)) }

	decision(receipt) {
		const { verdicts, answers } = event_of(receipt, this.verifier, 'Decided')
		return { verdicts, answers: [...answers] }
	}

	/* What a settle gave, as record() wants it; the mock looks at nothing of it. */
	batches(receipt) { return [{ sequences: [], work: ZERO, signers: [...event_of(receipt, this.jobs, 'Settled').signers] }] }

	/* After a settle: the Decision that may be appealed. */
	async record(r, receipt) {
		const recorded = await run(this.verifier.record(r.ref, this.batches(receipt), 0))
		return { verdicts: 0n, answers: [...event_of(recorded, this.verifier, 'Recorded').answers] }
	}

	/* Settled by the first three, all PASS, and recorded. */
	async settled(r) { return this.record(r, await this.settle(r, this.open_all(r, { 0: 0n, 1: 0n, 2: 0n }))) }

	received(receipt) {
		return events_of(receipt, this.jobs, 'Received').map(e => ({ verdicts: e.verdicts, isFinal: e.isFinal }))
	}

	/* Who gets how much of which fee. */
	paid(receipt) {
		return events_of(receipt, this.jobs, 'Received').filter(e => e.verifiers.length).map(e => [[...e.verifiers], e.fee])
	}

	async stake(seat) { return (await this.verifier.getSeat(seat)).stake }

	/* LPT held == stakes + bonds + owed; no ETH. */
	async check_held({ bonds = 0n } = {}) {
		const v = this.verifier
		const who = [...this.kit.accounts, this.kit.deployer, { address: this.sys.at.Treasury }]
		const sum = async list => (await Promise.all(list)).reduce((a, b) => a + b, 0n)
		const seats = Array.from({ length: Number(await v.seatsCreated()) }, (_, i) => v.getSeat(i + 1).then(s => s.stake))
		const tokens = await sum([...seats, ...who.map(a => v.tokens(a.address))])
		assert.equal(await this.token.balanceOf(v.target), tokens + bonds, 'LPT')
		assert.equal(await this.kit.chain.balance(v), 0n, 'ETH')
	}
}

/* A jury's openings: it signs work bound to its own seed. */
export async function jury_openings(court, r, decision, answers, { n = 8, from = 0, to = 15, skip = [] } = {}) {
	const { seed, draws } = await jury_of(court, r, decision, from, to)
	const work = abi_hash(['bytes32', 'bytes32'], [r.work, seed])
	const seated = draws.filter(d => !d.empty && !skip.includes(Number(d.k))).slice(0, n)
	assert.equal(seated.length, n, 'jurors with a seat')
	return {
		openings: concat(seated.map(d => opening(court.jobs, account_of(court, d.owner), Number(d.k), answers, { ...r, work }))),
		jurors: seated.map(d => d.owner), ks: seated.map(d => Number(d.k)),
	}
}

export async function jury_of(court, r, decision, from = 0, to = 15) {
	const [seed, draws] = await court.verifier.getJury(r, decision, from, to)
	return { seed, draws: [...draws] }
}

export const account_of = (court, address) => court.kit.accounts.find(a => a.address === address)


// The whole system, no contract of it a mock, in the hands of its Governor: transcoders with
// delegators, verifiers with seats, a broadcaster, one challenge in five.  What the tests of
// attacks and of the whole protocol do on it.
import assert from 'node:assert/strict'
import { MaxUint256, concat, id } from 'ethers'
import { answers_of, opening, statement } from './court.mjs'
import { LPT, abi_hash, event_of, run, start } from './kit.mjs'
import { World, sequences_of, work_hash } from './jobs.mjs'

export const RATE = 5
/* Wei a unit; the usual segment has seven of them. */
export const PRICE = 10n ** 13n
const QUORUM = 3

/* What is the same in all of these tests; a vote of a stranger's jury takes 3 of 16 draws. */
const PARAMETERS = {
	RoundsManager: { roundLength: 80 },
	Verifier: { committee: 8, quorum: QUORUM, juryDraws: 16, juryQuorum: QUORUM },
	JobsManager: { verificationRate: RATE },
}

const merged = over => Object.fromEntries([...new Set([...Object.keys(PARAMETERS), ...Object.keys(over)])]
	.map(name => [name, { ...PARAMETERS[name], ...over[name] }]))

export class Whole extends World {
	/* stakes: of the transcoders, in LPT; delegations: [index of a transcoder, LPT] each. */
	static async start({ stakes = [100n, 200n, 300n], delegations = [[0, 100n], [1, 100n]], verifiers = 12, spare = 4, parameters = {} } = {}) {
		const w = new Whole()
		const accounts = 3 + stakes.length + delegations.length + verifiers + spare
		w.kit = await start({ accounts, options: { handover: true }, parameters: merged(parameters) })
		w.chain = w.kit.chain
		w.sys = w.kit.sys
		;({ JobsManager: w.jobs, BondingManager: w.bonding, RoundsManager: w.rounds, LivepeerToken: w.token,
			Verifier: w.verifier, Minter: w.minter, Treasury: w.treasury } = w.sys)
		const left = [...w.kit.accounts]
		;[w.broadcaster, w.finder, w.stranger] = left.splice(0, 3)
		w.transcoders = left.splice(0, stakes.length)
		w.delegators = left.splice(0, delegations.length)
		w.verifiers = left.splice(0, verifiers)
		w.spare = left
		await w.kit.next_round()
		for (const [i, t] of w.transcoders.entries()) await w.register(t, stakes[i] * LPT)
		for (const [i, d] of w.delegators.entries()) await w.bond(d, delegations[i][1] * LPT, w.transcoders[delegations[i][0]])
		for (const v of w.verifiers) await w.seat(v)
		// Bonded in this round, at work from the next.
		await w.kit.next_round()
		await w.kit.keep()
		return w
	}

	/* ---- stake ---- */

	async bond(who, amount, to = who) {
		await this.kit.give(who, amount)
		await run(this.token.connect(who).approve(this.bonding, MaxUint256))
		return run(this.bonding.connect(who).bond(amount, to))
	}

	async register(who, amount, { cut = 100000n, share = 500000n, price = PRICE } = {}) {
		await this.bond(who, amount)
		return run(this.bonding.connect(who).transcoder(cut, share, price))
	}

	async seat(who) {
		const { seatStake } = await this.verifier.parameters()
		await this.kit.give(who, seatStake)
		await run(this.token.connect(who).approve(this.verifier, MaxUint256))
		return run(this.verifier.connect(who).joinSeats(1))
	}

	stake_of(who) { return this.bonding.pendingStake(who, 0) }
	fees_of(who) { return this.bonding.pendingFees(who, 0) }
	total_stake(who) { return this.bonding.transcoderTotalStake(who) }
	lpt(who) { return this.token.balanceOf(who.target ?? who.address) }

	/* { bonded, fees } of delegators and transcoders by address. */
	async holdings(list) {
		const rows = await Promise.all(list.map(async a => [a.address, { bonded: await this.stake_of(a), fees: await this.fees_of(a) }]))
		return Object.fromEntries(rows)
	}

	/* A finding that is committed to one block before it is made. */
	async commit(who, action, salt = id('salt')) {
		await run(this.bonding.connect(who).commitFinding(finding(who, salt, action)))
		return salt
	}

	/* ---- jobs ---- */

	job(options = {}) { return super.job({ price: PRICE, ...options }) }

	/* A job that `first` is elected for; jobs are made until it is. */
	async job_of(first, options) {
		for (let i = 0; i < 200; i++) {
			const before = await this.chain.snapshot()
			const job = await this.job(options)
			if ((await this.election(job)).ranked[0] === first) return job
			await this.chain.revert(before)
			await this.chain.mine(1)
		}
		throw new Error('elected in none of 200 jobs')
	}

	/* A claim of which at least `least` segments are challenged: claim.challenged. */
	async claim(job, { least = 0, most = Infinity, ...options } = {}) {
		const by = options.by ?? (await this.election(job)).ranked[0]
		const receipts = options.receipts ?? this.receipts(job, by, options.ranges ?? [[0, 4]])
		for (let i = 0; i < 200; i++) {
			const before = await this.chain.snapshot()
			const claim = await super.claim(job, { ...options, by, receipts })
			const rate = Number((await this.jobs.claimParams((await this.get_claim(claim)).params)).verificationRate)
			claim.challenged = await this.challenged(claim, rate)
			claim.fees = BigInt(sequences_of(claim.ranges).length) * job.fee
			if (claim.challenged.length >= least && claim.challenged.length <= most) return claim
			await this.chain.revert(before)
			await this.chain.mine(1)
		}
		throw new Error(`no claim with ${least} challenges in 200`)
	}

	/* Everything in verify's way: who was drawn and holds its seat. */
	async drawn(claim, sequences, batch = 0) {
		const seed = await this.challenge_hash(claim)
		const at = sequences.map(s => claim.receipts.find(r => BigInt(r.sequence) === BigInt(s)))
		const r = {
			ref: claim.ref, batch, broadcaster: claim.job.by.address, seed, challengeBlock: claim.block + 1,
			work: work_hash(at), count: sequences.length, fee: 0n,
		}
		return { r, draws: await this.draws_of(r, 8) }
	}

	async draws_of(r, to, from = 0) {
		const draws = await this.verifier.getDraws(r, from, to)
		return draws.filter(d => !d.empty).map(d => ({ k: Number(d.k), account: this.account(d.owner) }))
	}

	account(address) { return this.kit.accounts.find(a => a.address === address) }

	openings(r, draws, answers = 0n) {
		return concat(draws.slice(0, QUORUM).map(d => opening(this.jobs, d.account, d.k, answers, r)))
	}

	/* In one transaction: three of the drawn said PASS. */
	async pass(claim, sequences = claim.challenged, batch = 0) {
		const { r, draws } = await this.drawn(claim, sequences, batch)
		assert.ok(draws.length >= QUORUM, 'verifiers drawn')
		const call = this.jobs.connect(claim.by).verifyWithVerdicts(...this.evidence(claim, sequences), this.openings(r, draws))
		return this.note(claim, await run(call))
	}

	/* The first of two: { receipt, r, draws }; stored: three of the drawn sign that they have it. */
	async ask(claim, sequences = claim.challenged, { batch = 0, stored = true } = {}) {
		const { r, draws } = await this.drawn(claim, sequences, batch)
		const statements = stored ? concat(draws.slice(0, QUORUM).map(d => statement(this.jobs, d.account, d.k, r))) : '0x'
		const receipt = this.note(claim, await run(this.jobs.connect(claim.by).verify(...this.evidence(claim, sequences), statements)))
		return { receipt, r: request_of(event_of(receipt, this.verifier, 'Requested').request), draws }
	}

	/* The second: what three of them found; answers: one a segment. */
	async answer({ r, draws }, answers, by = this.finder) {
		const receipt = await run(this.verifier.connect(by).answer(r, this.openings(r, draws, answers_of(...answers))))
		const { verdicts, answers: words } = event_of(receipt, this.verifier, 'Decided')
		return { receipt, decision: { verdicts, answers: [...words] } }
	}

	/* A batch that passed in one transaction, ready to be appealed: { receipt, r, decision }. */
	async record(claim, index = 0, by = this.finder) {
		const receipt = await run(this.verifier.connect(by).record(claim.ref, claim.batches, index))
		const { request, answers } = event_of(receipt, this.verifier, 'Recorded')
		return { receipt, r: request_of(request), decision: { verdicts: 0n, answers: [...answers] } }
	}

	/* A FAIL that nobody appealed is in force when this returns. */
	async fail(claim, failed = claim.challenged) {
		const asked = await this.ask(claim)
		const { decision } = await this.answer(asked, claim.challenged.map(s => failed.includes(s) ? 1n : 0n))
		await this.kit.mine((await this.verifier.parameters()).appealPeriod)
		return run(this.verifier.connect(this.finder).finalize(asked.r, decision))
	}

	/* Up to the block in which a finder may first, or fees may be paid. */
	async until(claim, which) {
		const [verify, , payable] = await this.jobs.claimDeadlines(...ref_list(claim))
		const at = which === 'missed' ? verify + 1n : payable
		if (await this.chain.block() + 1 < Number(at)) await this.chain.next_is(at)
	}

	missed(claim, { by = this.finder, sequence = claim.challenged[0], salt = id('none') } = {}) {
		return this.jobs.connect(by).missedVerificationSlash(claim.ref, sequence, claim.bytes, claim.root, claim.batches ?? [], salt)
	}

	/* ---- the sums ---- */

	/* All LPT, and all ETH that contracts hold, is somebody's: returns what is left over. */
	async dust({ locks = [], claims = [] } = {}) {
		const people = [...this.kit.accounts, this.kit.deployer]
		const sum = async list => (await Promise.all(list)).reduce((a, b) => a + b, 0n)
		const everybody = [...people, ...Object.values(this.sys.at).map(address => ({ address }))]
		assert.equal(await sum(everybody.map(a => this.lpt(a))), await this.token.totalSupply(), 'all LPT is held by somebody')

		const stakes = await sum(people.map(a => this.stake_of(a)))
		const locked = await sum(locks.map(([a, n]) => this.bonding.getLock(a, n).then(l => l.amount)))
		const ungranted = await this.minter.currentMintableTokens() - await this.minter.currentMintedTokens()
		const seats = await sum(Array.from({ length: Number(await this.verifier.seatsCreated()) },
			(_, i) => this.verifier.getSeat(i + 1).then(s => s.stake)))
		const owed = await sum([...people, { address: this.treasury.target }].map(a => this.verifier.tokens(a.address)))
		const fees = await sum(people.map(a => this.fees_of(a)))
		assert.equal(await this.chain.balance(this.verifier), 0n, 'the Verifier holds no ETH')
		const left = {
			lpt: await this.lpt(this.minter) - ungranted - stakes - locked,
			seats: await this.lpt(this.verifier) - seats - owed,
			eth: await this.chain.balance(this.bonding) - fees,
			jobs: await this.chain.balance(this.jobs) - await this.held([...people, { address: this.treasury.target }], claims),
		}
		for (const [what, amount] of Object.entries(left)) assert.ok(amount >= 0n, `${what}: ${-amount} more is owed than held`)
		return left
	}
}

export const finding = (who, salt, action) => abi_hash(['address', 'bytes32', 'bytes32'], [who.address, salt, action])
/* What a finder of a missed verification commits to. */
export const missed_action = ({ ref }, sequence) => abi_hash(['string', 'uint256', 'address', 'uint32', 'uint64'],
	['missedVerification', ref.jobId, ref.transcoder, ref.claimId, sequence])
export const ref_list = ({ ref }) => [ref.jobId, ref.transcoder, ref.claimId]

/* A Request as what comes in an event is one. */
export function request_of(q) {
	const { jobId, transcoder, claimId } = q.ref
	return {
		ref: { jobId, transcoder, claimId }, batch: q.batch, broadcaster: q.broadcaster, seed: q.seed,
		challengeBlock: q.challengeBlock, work: q.work, count: q.count, fee: q.fee,
	}
}

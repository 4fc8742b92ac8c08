// The whole system at its full size, nothing of it replaced: a pool of 144, a waiting list,
// delegators, verifiers with seats; every segment of a claim is challenged.  Beside World's way of
// jobs: what verifiers say of them.
import { MaxUint256, concat, id } from 'ethers'
import { World, sequences_of, work_hash } from './jobs.mjs'
import { LPT, event_of, make_receipt, run, start, word } from './kit.mjs'
import { opening, statement } from './court.mjs'

export const N = 144
export const WAITING = 20
const DELEGATORS = 40
const VERIFIERS = 9
/* Of members 3, 4 and 5; the others ask 10.  What is offered says who may be elected. */
export const PRICES = new Map([[3, 1n], [4, 2n], [5, 2n]])

const parameters = {
	RoundsManager: { roundLength: 3000 },
	BondingManager: {
		numActiveTranscoders: N, minTranscoderStake: LPT, slashablePeriod: 100,
		competitivenessFloor: 0n, competitivenessGrace: 1n,
	},
	JobsManager: { verificationRate: 1, verificationPeriod: 100, slashingPeriod: 20, claimPeriod: 100, verifierFee: 300000 },
	Verifier: { committee: 5, quorum: 3, extensionDraws: 5, juryDraws: 15, juryQuorum: 8 },
}

export class Full extends World {
	/* first: how many are members before `then` is called, which may measure; all after it. */
	static async start(first, then) {
		const kit = await start({ accounts: N + WAITING + DELEGATORS + VERIFIERS + 4, parameters, options: { handover: true } })
		const w = new Full()
		w.kit = kit
		w.chain = kit.chain
		Object.assign(w, { jobs: kit.sys.JobsManager, rounds: kit.sys.RoundsManager, bonding: kit.sys.BondingManager })
		Object.assign(w, { verifier: kit.sys.Verifier, token: kit.sys.LivepeerToken })
		w.members = kit.accounts.slice(0, N + WAITING)
		w.delegators = kit.accounts.slice(N + WAITING, -VERIFIERS - 4)
		w.verifiers = kit.accounts.slice(-VERIFIERS - 4, -4)
		;[w.whale, w.broadcaster, w.finder, w.stranger] = kit.accounts.slice(-4)
		await w.#fund()
		await kit.ensure_round()
		await w.#register(0, first)
		await then(w)
		await w.#register(first, N)
		return w
	}

	async #fund() {
		const tokens = [[this.members, 2000n], [this.delegators, 1000n], [this.verifiers, 1000n], [[this.whale], 5000000n]]
		for (const [list, amount] of tokens) {
			for (const a of list) {
				await this.kit.give(a, amount * LPT)
				await run(this.token.connect(a).approve(this.verifiers.includes(a) ? this.verifier : this.bonding, MaxUint256))
			}
		}
		for (const a of this.verifiers) await run(this.verifier.connect(a).joinSeats(1))
	}

	/* The largest first, so that those who come last wait.  In one round, however long. */
	async #register(from, to) {
		await this.rounds_of(3000)
		for (let i = from; i < to; i++) await this.enter(i)
		await this.rounds_of(40)
	}

	async enter(i) {
		await run(this.bonding.connect(this.members[i]).bond(LPT * BigInt(2000 - 5 * i), this.members[i]))
		return run(this.bonding.connect(this.members[i]).transcoder(100000, 500000, PRICES.get(i) ?? 10n))
	}

	/* The rest of them, for whom there is no place. */
	async fill_waiting_list() {
		await this.#register(N, N + WAITING)
	}

	/* The current round stays the current one, if it is not over by then. */
	async rounds_of(blocks) {
		await run(this.rounds.connect(await this.kit.as_owner()).setRoundLength(blocks))
	}

	/* Pool members, the smallest first. */
	async by_stake() {
		const [rows] = await this.bonding.getTranscoders(0, N)
		const rank = (x, y) => x.stake < y.stake ? -1 : x.stake > y.stake ? 1 : 0
		return [...rows].sort(rank).map(r => this.members.find(a => a.address === r.transcoder))
	}

	/* Fees as JobsManager brings them. */
	async pay_fees(who, wei) {
		const jobs = this.chain.as(this.jobs.target)
		await this.chain.fund(this.jobs.target, await this.chain.balance(this.jobs) + wei)
		return run(this.bonding.connect(jobs).updateTranscoderWithFees(who, wei, await this.rounds.currentRound(), { value: wei }))
	}

	/* A claim of which only the receipts of `shown` are signed: the others are leaves of a tree. */
	claim_showing(job, by, ranges, shown) {
		const receipts = sequences_of(ranges).map(s => shown.includes(Number(s)) ? this.#receipt(job, by, s) : { digest: id(`leaf ${s}`) })
		return this.claim(job, { by, ranges, receipts })
	}

	#receipt(job, by, sequence) {
		const seg = { jobId: job.id, streamId: job.stream, sequence, durationMs: 2000n, dataHash: id(`data ${sequence}`), transcodedHash: id(`out ${sequence}`) }
		return make_receipt(this.jobs, job.by, by, seg)
	}

	/* ---- verifiers ---- */

	/* Who may answer on these segments: the drawn, each once.  r: the request, but for its fee. */
	async bench(claim, sequences, batch = 0) {
		const seed = await this.challenge_hash(claim)
		const shown = claim.receipts.filter(r => sequences.includes(Number(r.sequence)))
		const r = {
			ref: claim.ref, batch, broadcaster: claim.job.by.address, seed, challengeBlock: claim.block + 1,
			work: work_hash(shown), count: shown.length, fee: 0n,
		}
		const draws = [...await this.verifier.getDraws(r, 0, 5)].filter(d => !d.empty)
		return { r, drawn: draws.map(d => [Number(d.k), this.verifiers.find(a => a.address === d.owner)]) }
	}

	openings({ r, drawn }, n = 3) {
		return concat(drawn.slice(0, n).map(([k, a]) => opening(this.jobs, a, k, 0n, r)))
	}

	statements({ r, drawn }, n = 3) {
		return concat(drawn.slice(0, n).map(([k, a]) => statement(this.jobs, a, k, r)))
	}

	/* A claim of `leaves` segments from `start`, on whose `count` of them three of the drawn can
	 * answer: [claim, sequences, bench].  Now and then few of the drawn are different ones. */
	async judged_claim(job, by, leaves, count) {
		for (let i = 0; i < 10; i++) {
			const start = Number((await this.jobs.progress(job.id, by.address)).nextSequence) + 1
			const sequences = Array.from({ length: count }, (_, k) => start + Math.floor((k + 0.5) * leaves / count))
			const claim = await this.claim_showing(job, by, [[start, leaves]], sequences)
			const bench = await this.bench(claim, sequences)
			if (bench.drawn.length >= 3) return [claim, sequences, bench]
		}
		throw new Error('no three different verifiers drawn in ten claims')
	}

	async settle(claim, sequences, openings) {
		return this.note(claim, await run(this.jobs.connect(claim.by).verifyWithVerdicts(...this.evidence(claim, sequences), openings)))
	}

	/* The two transactions. */
	async verify_then_answer(claim, sequences, bench) {
		const asked = await run(this.jobs.connect(claim.by).verify(...this.evidence(claim, sequences), this.statements(bench)))
		const { fee } = event_of(asked, this.verifier, 'Requested').request
		const answered = await run(this.verifier.connect(this.finder).answer({ ...bench.r, fee }, this.openings(bench)))
		return [asked, answered]
	}

	/* Credits are words that are not zero from the first fee on. */
	async credit_verifiers(job, by) {
		const poor = async () => (await Promise.all(this.verifiers.map(a => this.jobs.verifierFees(a.address)))).includes(0n)
		for (let i = 0; i < 40 && await poor(); i++) {
			const [claim, sequences, bench] = await this.judged_claim(job, by, 8, 1)
			await this.settle(claim, sequences, this.openings(bench, 5))
		}
		if (await poor()) throw new Error('not all verifiers were drawn in forty claims')
	}

	/* A finding committed to in an earlier block; its salt. */
	async commit(by, action) {
		await run(this.bonding.connect(by).commitFinding(action(by.address, word(5))))
		return word(5)
	}
}

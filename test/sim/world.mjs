// The economy: transcoders with a spread of rates and costs, delegators that look for yield
// and like their tokens liquid to different degrees, broadcasters with demand, verifiers.
// A script may stand in for some of them (strategies.mjs).
import { Bonding, ETHER, Minter, PERC, perc } from './model.mjs'
import { ANSWER, Jobs, Verifiers } from './work.mjs'
import { TAG, luck, normal } from './luck.mjs'

// The whitepaper's example values where it has one.
export const defaults = {
	num_active: 144,
	inflation: 400n,
	inflation_change: 3n,
	target_bonding_rate: 500_000n,
	initializer_share: 100n,
	unbonding_period: 30,			// rounds
	slashable_period: 2 * 5760,		// blocks
	min_transcoder_stake: 1000n * ETHER,
	competitiveness_tolerance: 900_000n,
	competitiveness_grace: 10,		// rounds
	competitiveness_floor: ETHER,
	finder_fee: 50_000n,
	verification_rate: 500,
	failed_verification_slash: 50_000n,
	missed_verification_slash: 100_000n,
	verification_failure_threshold: 10_000n,
	free_failures: 1,			// the 1 of max(1, threshold x verifications)
	seat_stake: 1000n * ETHER,
	silence_amount: 10_000n,
	overturned_slash: 500_000n,
	appeal_bond: 100n * ETHER,
	verifier_fee: 2_000_000n,		// parts of a segment's price
	entries_kept: 4,
	plant_proof: 'hash',			// or 'none': Jobs.reveal
}

// What is no parameter of the contracts.  Money outside is in ETH.
const outside = {
	round_blocks: 5760,
	market_cap: 100_000,			// of all LPT, so dilution costs
	price: 1e15,				// wei a segment, about
	cost: 0.5e15,				// of transcoding one
	verify_cost: 1.0e15,			// of judging one
	gas_price: 2e9,
	early: 0.5,				// of those that look, before the lock period
	look: 0.1,				// part of delegators that look around in a round
	notice: 0.5,				// chance that a broadcaster finds a bad output out
	threshold: 0.001,				// median yield a round for which one bonds
	threshold_spread: 0.5,
}

export const GAS = { job: 150_000, claim: 150_000, range: 1_500, verify: 60_000, distribute: 100_000, reward: 150_000 }

export const honest_work = n => ({ claimed: n, received: n, done: n, bad: 0 })

const honest = { on() {} }

export class World {
	constructor({ seed, transcoders, delegators, verifiers = 40, broadcasters = 20, jobs = 20, supply = 10_000_000n,
		bonded = 0.5, lazy = 0, plants = 0, kinds = ['hash'], params = {}, setting = {}, script = honest, check = true }) {
		Object.assign(this, { seed, jobs_a_round: jobs, lazy, plants, kinds, script, check })
		this.params = { ...defaults, ...params }
		this.env = { ...outside, ...setting }
		this.u = luck(seed)
		this.minter = new Minter(this.params, supply * ETHER)
		this.bonding = new Bonding(this.params, this.minter)
		this.verifiers = new Verifiers(this.params, this.bonding, this.u)
		this.jobs = new Jobs(this.params, this.bonding, this.verifiers, this.u)
		this.jobs.on_slash = (who, part) => this.remember_slash(who, part)
		this.n = { transcoders, delegators, verifiers, broadcasters }
		this.first = { delegator: transcoders, verifier: transcoders + delegators,
			broadcaster: transcoders + delegators + verifiers, spare: transcoders + delegators + verifiers + broadcasters }
		this.played = new Set(script.plays ?? [])
		this.fee_yield = new Float64Array(transcoders)
		this.losses = new Float64Array(transcoders)
		this.yields = new Float64Array(transcoders)
		this.log = []
		this.dust = { stake: 0n, fees: 0n }
		this.genesis(supply, bonded)
	}

	get round() { return this.bonding.round }

	at(phase) {
		const blocks = { start: 0, work: 1500, free: 4000, lock: 5400 }
		this.bonding.at(this.round * this.env.round_blocks + blocks[phase], phase === 'lock')
	}

	// ---- genesis ----

	genesis(supply, bonded) {
		const { transcoders: t, delegators: d, verifiers: v } = this.n
		const for_seats = BigInt(v) * this.params.seat_stake * 2n
		const rest = supply * ETHER - for_seats
		this.give(0, t, rest * 15n / 100n, TAG.self, 0.4)
		this.give(t, d, rest - this.given, TAG.wealth, 0.8)
		for (let i = 0; i < v; i++) this.seat(this.first.verifier + i, this.u(TAG.start, i, 3) < this.lazy)
		this.bonding.pay(this.first.verifier, supply * ETHER - this.given - for_seats)
		this.costs = Array.from({ length: t }, (_, i) => this.env.cost * (0.8 + 0.4 * this.u(TAG.cost, i)))
		for (let i = 0; i < t; i++) this.register(i)
		this.script.genesis?.(this)
		for (let i = t; i < t + d; i++) if (!this.played.has(i) && this.u(TAG.start, i) < bonded)
			this.bonding.bond(i, this.liquid(i), this.first_choice(i))
	}

	// The best rates of three.
	first_choice(i) {
		const value = who => {
			const { share, cut } = this.bonding.rates(who)
			return Number(share - cut) + 1e5 * this.u(TAG.taste, i, who)
		}
		return [0, 1, 2].map(k => Math.floor(this.u(TAG.delegate, i, k) * this.n.transcoders))
			.reduce((a, b) => value(b) > value(a) ? b : a)
	}

	// Log-normal parts of an amount for n accounts.  The first is the one that scripts play: never
	// a small one.
	give(from, n, amount, tag, spread) {
		const tall = who => who === 0 ? 3 : normal(this.u, tag, who)
		const parts = Array.from({ length: n }, (_, i) => Math.exp(spread * tall(from + i)))
		const sum = parts.reduce((a, b) => a + b, 0)
		this.given ??= 0n
		parts.forEach((part, i) => {
			const lpt = amount * BigInt(Math.floor(part / sum * 1e12)) / 10n ** 12n
			this.bonding.pay(from + i, lpt)
			this.given += lpt
		})
	}

	seat(holder, is_lazy) {
		this.bonding.pay(holder, this.params.seat_stake * 2n)
		const judge = batch => is_lazy ? ANSWER.pass : this.judge_well(holder, batch)
		const scripted = this.played.has(holder) && this.script.judge
		this.verifiers.add_seat(holder, scripted ? batch => scripted(this, holder, batch) : judge)
	}

	judge_well(holder, batch) {
		this.cost(holder, batch.challenged.length * this.env.verify_cost)
		return batch.truth
	}

	register(i) {
		const rates = this.script.rates?.(this, i) ?? this.honest_rates(i)
		this.bonding.bond(i, this.liquid(i), i)
		this.bonding.transcoder(i, rates.cut, rates.share, rates.price)
	}

	honest_rates(i) {
		return { cut: BigInt(Math.floor(20_000 + 180_000 * this.u(TAG.cut, i))),
			share: BigInt(Math.floor(200_000 + 500_000 * this.u(TAG.share, i))),
			price: BigInt(Math.floor(this.env.price * (0.7 + 0.5 * this.u(TAG.price, i)))) }
	}

	// ---- money ----

	liquid(who) { return this.bonding.liquid.get(who) ?? 0n }

	cost(who, wei) { this.jobs.spend(who, BigInt(Math.floor(wei))) }

	gas(who, ...what) { for (const w of what) this.cost(who, GAS[w] * this.env.gas_price) }

	get lpt_price() { return this.env.market_cap / (Number(this.minter.supply) / 1e18) }

	// All that some accounts own, in ETH.
	wealth(whom) {
		let lpt = 0n
		let eth = 0n
		for (const who of whom) {
			lpt += this.liquid(who) + this.bonding.stake_of(who)
			for (const lock of this.bonding.delegation(who).locks.values()) lpt += this.bonding.lock_value(lock)
			for (const seat of this.verifiers.seats) if (seat.holder === who) lpt += seat.stake
			eth += (this.jobs.eth.get(who) ?? 0n) + this.bonding.fees_of(who) + (this.verifiers.fees.get(who) ?? 0n)
			for (const job of this.jobs.jobs.values()) if (job.broadcaster === who) eth += job.escrow
		}
		return Number(lpt) / 1e18 * this.lpt_price + Number(eth) / 1e18
	}

	// ---- a round ----

	run(rounds) {
		for (let n = 0; n < rounds; n++) this.step()
		return this
	}

	step() {
		this.bonding.at((this.round + 1) * this.env.round_blocks, false)
		this.bonding.begin_round(this.u(TAG.draw, this.round + 1), this.first.broadcaster)
		this.at('start')
		this.jobs.settle_due()
		this.script.on('start', this)
		this.rewards()
		this.script.on('rewarded', this)
		this.at('work')
		for (let j = 0; j < this.jobs_a_round; j++) this.demand(j)
		this.script.on('work', this)
		this.at('free')
		this.script.on('free', this)
		this.look(true)
		this.script.on('before lock', this)
		this.at('lock')
		this.look(false)
		this.script.on('lock', this)
		this.note()
	}

	// Some delegators always look before the lock period, the others in it.
	look(early) {
		this.weigh()
		for (let i = this.first.delegator; i < this.first.verifier; i++)
			if (!this.played.has(i) && (this.u(TAG.early, i) < this.env.early) === early) this.delegate(i)
	}

	rewards() {
		for (const who of this.bonding.entries.get(this.round).keys()) {
			this.bonding.reward(who)
			this.gas(who, 'reward')
		}
	}

	// ---- work ----

	// A broadcaster offers a job, and whoever is best in its order and serves has it.
	demand(j) {
		const id = this.round * 1000 + j
		const broadcaster = this.first.broadcaster + Math.floor(this.u(TAG.offer, id, 1) * this.n.broadcasters)
		const price = BigInt(Math.floor(this.env.price * (0.9 + 0.6 * this.u(TAG.offer, id))))
		const n = 200 + Math.floor(1600 * this.u(TAG.length, id))
		const planted = this.u(TAG.plant, id) < this.plants ? this.kinds[id % this.kinds.length] : false
		const job = this.jobs.open(broadcaster, price, price * BigInt(n), planted, id)
		this.gas(broadcaster, 'job')
		for (const who of job.ranked) if (this.serve(job, who, n)) return
	}

	// In one claim, or in as many as a script likes.
	serve(job, who, n) {
		for (let left = n, piece; left > 0; left -= piece) {
			piece = this.played.has(who) && this.script.piece ? Math.min(left, this.script.piece(this, n)) : left
			if (!this.claim(job, who, piece, left)) return left < n
		}
		return true
	}

	claim(job, who, n, left) {
		const work = this.played.has(who) ? this.script.work(this, who, job, n) : honest_work(n)
		if (!work) return false
		this.cost(who, work.done * (this.costs[who] ?? this.env.cost))
		if (!work.claimed) return true
		this.gas(who, 'claim', 'distribute')
		const claim = this.jobs.claim(job, who, work, left)
		if (!claim) return false
		this.cost(who, claim.challenged.length * GAS.verify * this.env.gas_price)
		this.verify(claim, job)
		return true
	}

	verify(claim, job) {
		const notices = Boolean(claim.planted) || this.u(TAG.watch, job.id) < this.env.notice
		this.jobs.verify(claim, this.script.finder?.(claim) ?? job.broadcaster, notices)
		this.script.claimed?.(this, claim)
		this.seen(claim)
	}

	remember_slash(who, part) {
		if (who < this.n.transcoders) this.losses[who] += Number(part) / 1e6 * (1 - LOSS_KEPT)
	}

	// What delegators see of fees: a moving average of fees a stake.
	seen(claim) {
		if (claim.who >= this.n.transcoders) return
		if (claim.outcome !== 'paid') return
		const { stake } = this.bonding.entry(claim.who)
		this.fee_yield[claim.who] += (1 - YIELD_KEPT ** 2) * Number(claim.fees) / Number(stake)
	}

	// ---- delegators ----

	// What a token bonded to each transcoder is expected to earn next round.
	weigh() {
		const { bonding, minter } = this
		const reward = Number(perc(minter.supply, minter.inflation)) / Number(bonding.total_active || 1n)
		for (let t = 0; t < this.n.transcoders; t++) {
			this.fee_yield[t] *= YIELD_KEPT
			this.losses[t] *= LOSS_KEPT
			if (!bonding.is_in_pool(t)) {
				this.yields[t] = 0
				continue
			}
			const { cut, share } = bonding.rates(t)
			const paid = !bonding.entry(t) || bonding.is_competitive(t)
			const fees = this.fee_yield[t] * Number(share) / 1e6 / this.lpt_price
			this.yields[t] = fees + (paid ? reward * (1 - Number(cut) / 1e6) : 0) - this.losses[t]
		}
	}

	delegate(i) {
		const d = this.bonding.delegation(i)
		if (d.locks.size) this.bonding.end_locks(i)
		if (this.u(TAG.look, this.round, i) >= this.env.look) return
		const best = this.best_for(i)
		const mine = d.delegate === null ? 0 : this.taste(i, d.delegate)
		const threshold = this.env.threshold * Math.exp(this.env.threshold_spread * normal(this.u, TAG.threshold, i))
		const stake = this.bonding.stake_of(i)
		if (stake > 0n) this.review(i, stake, mine, best, threshold)
		else if (best.value > threshold * 1.03) this.enter(i, d, best)
	}

	taste(i, t) { return this.yields[t] * (0.85 + 0.3 * this.u(TAG.taste, i, t)) }

	best_for(i) {
		const best = { who: null, value: 0 }
		for (let k = 0; k < 6; k++) {
			const who = Math.floor(this.u(TAG.sample, this.round, i, k) * this.n.transcoders)
			const value = this.taste(i, who)
			if (value > best.value) Object.assign(best, { who, value })
		}
		return best
	}

	review(i, stake, mine, best, threshold) {
		if (Math.max(mine, best.value) < threshold * 0.97) this.bonding.unbond(i, stake)
		else if (best.value > mine * 1.15) this.bonding.bond(i, this.liquid(i), best.who)
	}

	enter(i, d, best) {
		const lock = [...d.locks.values()].find(l => l.destination === null && this.bonding.is_registered(l.delegate))
		if (lock && this.taste(i, lock.delegate) >= best.value * 0.8) this.bonding.rebond(i, lock.id)
		else if (this.liquid(i) > 0n) this.bonding.bond(i, this.liquid(i), best.who)
	}

	// ---- books ----

	note() {
		const { bonding, minter } = this
		this.log.push({ round: this.round, rate: Number(bonding.total_bonded * PERC / minter.supply) / 1e6,
			inflation: Number(minter.inflation) / 1e6, supply: Number(minter.supply / ETHER) })
		if (this.check) this.balance()
	}

	// Throws unless all that may be claimed is there.
	balance() {
		const { bonding, minter, verifiers, jobs } = this
		const s = bonding.sums()
		this.dust = { stake: s.stake_held - s.stake, fees: s.fees_held - s.fees }
		must(this.dust.stake >= 0n, `stake: claims exceed holdings by ${-this.dust.stake}`)
		must(this.dust.fees >= 0n, `fees: claims exceed holdings by ${-this.dust.fees}`)
		must(this.dust.stake < DUST && this.dust.fees < DUST, `dust ${this.dust.stake}, ${this.dust.fees}`)
		const w = jobs.sums()
		must(w.owed === w.held, `escrow: ${w.owed} owed, ${w.held} held`)
		let liquid = 0n
		for (const lpt of bonding.liquid.values()) liquid += lpt
		const all = liquid + minter.held + bonding.common_pool + verifiers.lpt_held
		must(all === minter.supply, `supply: ${minter.supply}, all accounts ${all}`)
		let owed = 0n
		for (const wei of verifiers.fees.values()) owed += wei
		must(owed === verifiers.eth_held, `verifiers: ${owed} owed, ${verifiers.eth_held} held`)
	}
}

// What delegators remember from one look at fees and at slashes to the next, twice a round.
const YIELD_KEPT = 0.975
const LOSS_KEPT = 0.99

// A millionth of a token: what rounding may leave over a whole run.
const DUST = ETHER / 1_000_000n

function must(ok, what) {
	if (!ok) throw new Error(`conservation: ${what}`)
}

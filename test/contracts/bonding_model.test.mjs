// Stake: hundreds of random steps on the contract and on the model of its rules; after each, all
// views agree, and LPT and ETH are conserved.  Beside both runs a shadow that shares out every
// reward, slash and fee at once and by proportion, to which the vaults' shares must come down.
//	SEED=N STEPS=N   to repeat, to go on for longer
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { ZeroAddress, ZeroHash } from 'ethers'
import { compare, key, new_model, start_bonding, sync_round } from './lib/bonding.mjs'
import { RuleError } from './lib/bonding_model.mjs'
import { LPT, expect_revert, random_from, run, seed } from './lib/kit.mjs'

const steps = Number(process.env.STEPS || 150)
const N_ACCOUNTS = 10
const ROUND_LENGTH = 120n

/* What everybody has by plain proportion, in floating point. */
class Shadow {
	stakes = new Map()      // who -> { at, settled, pending, round, fees }
	left = new Map()        // delegate -> what slashes of this epoch left of a token

	of(who) {
		if (!this.stakes.has(who)) this.stakes.set(who, { at: null, settled: 0, pending: 0, round: 0n, fees: 0 })
		return this.stakes.get(who)
	}

	begin(round) {
		for (const s of this.stakes.values()) {
			if (s.round < round) [s.settled, s.pending] = [s.settled + s.pending, 0]
		}
	}

	at(delegate) { return [...this.stakes.entries()].filter(([, s]) => s.at === delegate).map(([, s]) => s) }

	put(who, to, amount, round) {
		const s = this.of(who)
		s.at = to
		s.pending += Number(amount)
		s.round = round
	}

	take(who, amount) {
		const s = this.of(who)
		const first = Math.min(Number(amount), s.pending)
		s.pending -= first
		s.settled = Math.max(0, s.settled - (Number(amount) - first))
	}

	share(delegate, amount, field) {
		const all = this.at(delegate)
		const sum = all.reduce((t, s) => t + s.settled, 0)
		if (sum <= 0) return
		const parts = all.map(s => Number(amount) * s.settled / sum)
		all.forEach((s, i) => { s[field] += parts[i] })
	}

	/* What slashes together leave less than 10^-9 of is taken whole (an epoch ends). */
	slash(delegate, perc) {
		const part = 1 - Number(perc) / 1e6
		const left = (this.left.get(delegate) ?? 1) * part
		const is_over = left < 1e-9
		this.left.set(delegate, is_over ? 1 : left)
		for (const s of this.at(delegate)) {
			s.settled *= is_over ? 0 : part
			s.pending *= is_over ? 0 : part
		}
	}
}

const near = (a, b) => Math.abs(Number(a) - b) <= 1e-9 * b + 1e7

class Walk {
	constructor(kit, model, random) {
		this.kit = kit
		this.m = model
		this.random = random
		this.shadow = new Shadow()
		this.accounts = kit.accounts
		this.done = new Map()
		this.refused = new Map()
	}

	below(n) { return Math.floor(this.random() * n) }
	one(list) { return list[this.below(list.length)] }
	chance(p) { return this.random() < p }
	account() { return this.one(this.accounts) }
	/* Mostly a registered one. */
	delegate() {
		const registered = this.accounts.filter(a => this.m.is_registered(key(a)))
		return registered.length && this.chance(0.9) ? this.one(registered) : this.account()
	}
	/* From one base unit to 1000 LPT, in all magnitudes; at times exactly `all`. */
	amount(all = 0n) {
		if (all && this.chance(0.25)) return all
		if (all && this.chance(0.5)) return all * BigInt(1 + this.below(99)) / 100n + 1n
		return BigInt(Math.floor(10 ** (this.random() * 6))) * 10n ** BigInt(this.chance(0.8) ? 15 : this.below(15))
	}
	lock_of(who, wanted = () => true) {
		const locks = [...this.m.delegation(key(who)).locks.values()].filter(wanted)
		return locks.length ? this.one(locks).id : BigInt(this.below(3))
	}
	with_lock(wanted = () => true) {
		const some = this.accounts.filter(a => [...this.m.delegation(key(a)).locks.values()].some(wanted))
		return some.length && this.chance(0.9) ? this.one(some) : this.account()
	}

	/* The step on the model; then the contract does the same, or reverts with the same words. */
	async both(name, on_model, send, on_shadow) {
		this.m.block = BigInt(await this.kit.chain.block()) + 1n
		let result
		try {
			result = on_model()
		} catch (e) {
			if (!(e instanceof RuleError)) throw e
			const args = e.args.map(a => a === null ? ZeroAddress : a)
			await expect_revert(send(), this.kit.bonding, e.rule, args)
			this.refused.set(`${name}: ${e.rule}`, (this.refused.get(`${name}: ${e.rule}`) ?? 0) + 1)
			return false
		}
		await run(send())
		on_shadow?.(result)
		this.done.set(name, (this.done.get(name) ?? 0) + 1)
		return true
	}

	as(who) { return this.kit.bonding.connect(who) }

	bond() {
		const [a, to] = [this.account(), this.chance(0.25) ? null : this.delegate()]
		const [who, target] = [key(a), key(to ?? a)]
		const amount = this.chance(0.1) ? 0n : this.amount()
		const moved = this.m.delegation(who).delegate !== target ? this.m.stake_of(who) : 0n
		return this.both('bond', () => this.m.bond(who, amount, target), () => this.as(a).bond(amount, target), () => {
			this.shadow.take(who, moved)
			this.shadow.put(who, target, amount, this.m.round)
		})
	}

	unbond() {
		const a = this.account()
		const amount = this.amount(this.m.stake_of(key(a)))
		return this.both('unbond', () => this.m.unbond(key(a), amount), () => this.as(a).unbond(amount), () => this.shadow.take(key(a), amount))
	}

	rebond() {
		const a = this.with_lock(l => l.destination === null)
		const who = key(a)
		const lock = this.lock_of(a, l => l.destination === null)
		const value = this.value(who, lock)
		if (this.chance(0.6)) {
			const to = this.m.delegation(who).delegate
			return this.both('rebond', () => this.m.rebond(who, lock), () => this.as(a).rebond(lock), () => this.shadow.put(who, to, value, this.m.round))
		}
		const old = this.m.delegation(who).locks.get(lock)?.delegate
		const to = old && this.chance(0.7) ? old : key(this.delegate())
		return this.both('rebondFromUnbonded', () => this.m.rebond_from_unbonded(who, to, lock),
			() => this.as(a).rebondFromUnbonded(to, lock), () => this.shadow.put(who, to, value, this.m.round))
	}

	value(who, id) {
		const lock = this.m.delegation(who).locks.get(id)
		this.m.block += 1n
		return lock ? this.m.lock_value(lock) : 0n
	}

	complete_move() {
		const a = this.with_lock(l => l.destination !== null)
		const who = key(a)
		const lock = this.lock_of(a, l => l.destination !== null)
		const value = this.value(who, lock)
		return this.both('completeMove', () => this.m.complete_move(who, lock), () => this.as(this.account()).completeMove(who, lock),
			to => { if (to) this.shadow.put(who, to, value, this.m.round) })
	}

	withdraw_stake() {
		const a = this.with_lock()
		const lock = this.lock_of(a)
		return this.both('withdrawStake', () => this.m.withdraw_stake(key(a), lock), () => this.as(a).withdrawStake(lock))
	}

	withdraw_fees() {
		const a = this.account()
		const amount = this.amount(this.m.fees_of(key(a)))
		return this.both('withdrawFees', () => this.m.withdraw_fees(key(a), key(a), amount), () => this.as(a).withdrawFees(key(a), amount),
			() => { this.shadow.of(key(a)).fees -= Number(amount) })
	}

	claim() {
		const a = this.account()
		return this.both('claimEarnings', () => this.m.claim_earnings(key(a)), () => this.as(a).claimEarnings(this.m.round))
	}

	transcoder() {
		const idle = this.accounts.filter(a => this.m.delegation(key(a)).delegate === key(a) && !this.m.is_registered(key(a)))
		const a = idle.length && this.chance(0.5) ? this.one(idle) : this.delegate()
		const rates = [this.below(11) * 100000, this.below(11) * 100000, this.below(1000)].map(BigInt)
		return this.both('transcoder', () => this.m.transcoder(key(a), ...rates), () => this.as(a).transcoder(...rates))
	}

	lower_price() {
		const [a, matched] = [this.delegate(), this.delegate()]
		const price = this.m.next_entry(key(this.chance(0.5) ? matched : a)).price + BigInt(this.below(3)) - 1n
		if (price < 0n) return false
		return this.both('lowerPrice', () => this.m.lower_price(key(a), price, key(matched)), () => this.as(a).lowerPrice(price, matched))
	}

	resign() {
		const a = this.delegate()
		return this.both('resignAsTranscoder', () => this.m.resign(key(a)), () => this.as(a).resignAsTranscoder())
	}

	availability() {
		const a = this.delegate()
		const available = this.chance(0.6)
		return this.both('transcodeAvailability', () => this.m.set_available(key(a), available), () => this.as(a).transcodeAvailability(available))
	}

	promote() {
		const waiting = this.accounts.filter(a => this.m.waiting.includes(key(a)))
		const a = waiting.length && this.chance(0.8) ? this.one(waiting) : this.account()
		return this.both('promote', () => this.m.promote(key(a)), () => this.as(this.account()).promote(a))
	}

	reward() {
		const due = this.accounts.filter(a => this.m.is_active(key(a)) && this.m.candidate(key(a)).last_reward < this.m.round)
		const a = due.length && this.chance(0.9) ? this.one(due) : this.account()
		const who = key(a)
		const cut = this.m.delegation(who).delegate === who ? this.m.entry(who, this.m.round).reward_cut : 0n
		return this.both('reward', () => this.m.reward(who), () => this.as(a).reward(), tokens => {
			const own = Number(tokens) * Number(cut) / 1e6
			this.shadow.share(who, Number(tokens) - own, 'settled')
			this.shadow.of(who).settled += own
		})
	}

	fees() {
		const a = this.delegate()
		const who = key(a)
		const fees = this.amount()
		return this.both('fees', () => this.m.add_fees(who, fees, this.m.round), () => pay_fees_later(this.kit, a, fees, this.m.round), shared => {
			if (shared) this.shadow.share(who, shared, 'fees')
			this.shadow.of(who).fees += Number(fees - shared)
		})
	}

	/* When so little is left that a new epoch begins, all is gone. */
	on_slash(a, perc) {
		const { epoch } = this.m.vault(key(a))
		return () => this.shadow.slash(key(a), this.m.vault(key(a)).epoch === epoch ? perc : 1000000n)
	}

	slash() {
		const a = this.delegate()
		const finder = this.chance(0.5) ? this.account() : null
		const perc = this.one([0n, 1n, 30000n, 50000n, 100000n, 500000n, 999999n, 1000000n, 12345n])
		return this.both('slashTranscoder', () => this.m.slash(key(a), finder && key(finder), perc, 50000n),
			() => this.as(this.kit.jobs).slashTranscoder(a, finder ?? ZeroAddress, perc, 50000n), this.on_slash(a, perc))
	}

	missed() {
		const [a, finder] = [this.delegate(), this.account()]
		const c = this.m.candidate(key(a))
		const from = [c.last_reward, c.punished_until].reduce((x, y) => x > y ? x : y)
		const open = this.m.rounds.map(r => r.round).filter(r => r > from && r < this.m.round && this.m.is_active(key(a), r))
		const n = Number(this.kit.parameters.missedRewardRounds)
		const rounds = open.length >= n && this.chance(0.9) ? open.slice(0, n) : Array.from({ length: n }, (_, i) => this.m.round - BigInt(n - i))
		return this.both('missedRewardSlash', () => this.m.missed_reward_slash(key(finder), key(a), rounds, false),
			() => this.as(finder).missedRewardSlash(a, rounds, ZeroHash), this.on_slash(a, this.kit.parameters.missedRewardSlashAmount))
	}

	async next_round() {
		const receipt = await this.kit.next_round(this.account())
		await sync_round(this.kit, this.m, receipt)
		this.round_end = BigInt(receipt.blockNumber) - 1n + ROUND_LENGTH
		this.shadow.begin(this.m.round)
	}

	/* Slashes drop to dust what is not worth following in floating point: below 1e7 wei all is near. */
	check_shadow(what) {
		for (const a of this.accounts) {
			const s = this.shadow.of(key(a))
			assert.ok(near(this.m.stake_of(key(a)), s.settled + s.pending), `${what}: ${key(a)} has ${this.m.stake_of(key(a))}, by proportion ${s.settled + s.pending}`)
		}
	}

	/* Returns what was done; null if the contract refused it. */
	async step() {
		const weights = [['bond', 6], ['unbond', 3], ['rebond', 2], ['complete_move', 2], ['withdraw_stake', 2], ['withdraw_fees', 2],
			['claim', 1], ['transcoder', 3], ['lower_price', 1], ['resign', 0.4], ['availability', 1], ['promote', 1], ['reward', 6],
			['fees', 4], ['slash', 1.5], ['missed', 1.5]]
		let left = this.random() * weights.reduce((s, [, w]) => s + w, 0)
		const [name] = weights.find(([, w]) => (left -= w) < 0)
		return await this[name]() ? name : null
	}

	/* Enough of them that there is a waiting list. */
	async begin() {
		for (const a of this.accounts.slice(0, 7)) {
			const amount = BigInt(1 + this.below(1000)) * LPT
			await this.both('bond', () => this.m.bond(key(a), amount, key(a)), () => this.as(a).bond(amount, a),
				() => this.shadow.put(key(a), key(a), amount, this.m.round))
			const rates = [this.below(11) * 100000, this.below(11) * 100000, this.below(1000)].map(BigInt)
			await this.both('transcoder', () => this.m.transcoder(key(a), ...rates), () => this.as(a).transcoder(...rates))
		}
		await this.next_round()
	}

	async go(n) {
		await this.begin()
		for (let i = 0; i < n;) {
			if (this.chance(0.08) || this.near_end()) await this.next_round()
			if (this.chance(0.08)) await this.kit.mine(this.below(25))
			const name = await this.step()
			if (!name) continue
			const what = `seed ${seed}, step ${++i} (${name})`
			await compare(this.kit, this.m, this.accounts, what)
			this.check_shadow(what)
		}
	}

	near_end() { return this.m.block + 40n > this.round_end }
}

const pay_fees_later = (kit, who, fees, round) =>
	kit.bonding.connect(kit.jobs).updateTranscoderWithFees(who, fees, round, { value: fees })

let kit
before(async () => {
	kit = await start_bonding({
		accounts: N_ACCOUNTS, round_length: ROUND_LENGTH,
		parameters: {
			numActiveTranscoders: 3, minTranscoderStake: LPT, slashablePeriod: 30, unbondingPeriod: 2, missedRewardRounds: 2,
			competitivenessGrace: 2, competitivenessFloor: 10n ** 15n, competitivenessTolerance: 500000n,
		},
	})
})
after(() => kit.stop())
beforeEach(() => kit.reset())

test(`${steps} random steps agree with the model`, async () => {
	console.log(`# SEED=${seed}`)
	const walk = new Walk(kit, await new_model(kit), random_from(seed))
	await walk.go(steps)
	const show = map => [...map.entries()].map(([k, n]) => `${k} ${n}`).join(', ')
	console.log(`# done: ${show(walk.done)}\n# refused: ${show(walk.refused)}`)
	for (const name of ['bond', 'unbond', 'reward', 'fees', 'slashTranscoder', 'transcoder'])
		assert.ok(walk.done.get(name) > 0 || steps < 100, `${name} never succeeded`)
})

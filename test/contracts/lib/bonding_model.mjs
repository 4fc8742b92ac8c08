// The rules of stake (docs/contracts.md 3) to the last wei, without a chain: what the contract is
// compared with, and what the economy's simulation runs on.  Amounts, blocks and rounds are
// BigInt, addresses any strings that compare.
//
//	const m = new BondingModel(parameters, { treasury })
//	m.start_round(1n, draw_hash, mintable)      // block, locked, paused are set by the caller
//	m.bond('alice', 10n, 'alice')               // throws RuleError with the contract's error
//
// LPT that leaves escrow and ETH that leaves is in `paid_lpt` and `paid_eth`, by receiver.

export const PERC = 1000000n
const ONE = 10n ** 27n
const SMALLEST_FACTOR = 10n ** 18n
const SHARES_PER_TOKEN = 10n ** 9n
const DUST = 10n ** 6n
const NOBODY = null
// Rounds in which a transcoder that comes back gets no new grace.
const REENTRY = 30n

/* What the contract would revert with. */
export class RuleError extends Error {
	constructor(name, ...args) {
		super(`${name}(${args.join(', ')})`)
		this.rule = name
		this.args = args
	}
}

const min = (a, b) => a < b ? a : b
const less = (a, b) => a > b ? a - b : 0n
const part = (amount, perc) => amount * perc / PERC

/* The first 104 bits of a number; rounded down, so a negative one away from 0. */
function significant(x) {
	const bits = (x < 0n ? -x : x).toString(2).length
	const beyond = BigInt(Math.max(0, bits - 104))
	return x >> beyond << beyond
}

/* All that is bonded to one delegate. */
class Vault {
	stake = 0n
	shares = 0n
	pending = 0n
	pending_round = 0n
	factor = ONE
	epoch = 0
	fee_per_share = 0n
	slashes = []            // { block, epoch, factor }
	batches = new Map()     // round -> { rate, epoch, fee_per_share }
	last_fee_per_share = [] // by epoch

	get total() { return this.stake + this.pending }
	get earns() { return this.stake >= DUST }
	get room() { return this.earns ? less(this.shares, this.stake) : 0n }

	/* The state after the first n slashes. */
	slashed(n) { return n ? this.slashes[n - 1] : { epoch: 0, factor: ONE } }

	roll(round) {
		if (!this.pending || this.pending_round >= round) return
		const fresh = !this.shares || (this.stake < DUST && this.shares < this.stake * SHARES_PER_TOKEN)
		const shares_for = x => fresh ? x * SHARES_PER_TOKEN : x * this.shares / this.stake
		const rate = significant(shares_for(this.factor))
		this.batches.set(this.pending_round, { rate, epoch: this.epoch, fee_per_share: -significant(-this.fee_per_share) })
		this.shares += shares_for(this.pending)
		this.stake += this.pending
		this.pending = 0n
	}

	earn(tokens, cut) {
		this.stake += tokens - cut
		const got = cut * this.shares / this.stake
		this.shares += got
		this.stake += cut
		return got
	}

	slash(perc, block) {
		let of_stake = part(this.stake, perc)
		let of_pending = part(this.pending, perc)
		this.factor = this.factor * (PERC - perc) / PERC
		if (this.factor < SMALLEST_FACTOR) {
			[of_stake, of_pending] = [this.stake, this.pending]
			this.last_fee_per_share[this.epoch++] = this.fee_per_share
			this.shares = 0n
			this.factor = ONE
		}
		this.stake -= of_stake
		this.pending -= of_pending
		this.slashes.push({ block, epoch: this.epoch, factor: this.factor })
		return of_stake + of_pending
	}
}

/* What one delegator has, as of when it was last settled. */
class Delegation {
	delegate = NOBODY
	shares = 0n
	pending = 0n
	pending_round = 0n
	fee_per_share = 0n
	fees = 0n
	slash_index = 0
	last_claim_round = 0n
	locks = new Map()
	next_lock = 0n

	worth(vault) { return vault?.shares ? this.shares * vault.stake / vault.shares : 0n }
	bonded(vault) { return this.pending + this.worth(vault) }

	settle(vault, round) {
		const then = vault.slashed(this.slash_index)
		const alive = then.epoch === vault.epoch
		const fee_per_share = alive ? vault.fee_per_share : vault.last_fee_per_share[then.epoch]
		this.fees += this.shares * (fee_per_share - this.fee_per_share) >> 128n
		if (this.pending && this.pending_round < round) {
			const batch = vault.batches.get(this.pending_round)
			if (batch && batch.epoch === then.epoch) {
				const got = this.pending * batch.rate / then.factor
				this.fees += got * less(fee_per_share, batch.fee_per_share) >> 128n
				this.shares += got
			}
			this.pending = 0n
		} else if (this.pending) {
			this.pending = alive ? this.pending * vault.factor / then.factor : 0n
		}
		if (!alive) this.shares = 0n
		this.fee_per_share = vault.fee_per_share
		this.slash_index = vault.slashes.length
	}

	put(vault, amount, round) {
		vault.pending += amount
		vault.pending_round = round
		this.pending += amount
		this.pending_round = round
	}

	take(vault, amount) {
		const first = min(amount, this.pending)
		this.pending -= first
		vault.pending = less(vault.pending, first)
		const rest = amount - first
		const burnt = rest === this.worth(vault) ? this.shares : (rest * vault.shares + vault.stake - 1n) / vault.stake
		this.shares -= burnt
		vault.shares -= burnt
		vault.stake = less(vault.stake, rest)
	}
}

const ARITY = 5
/* Min-heap of { who, stake }. */
class Pool {
	nodes = []
	at = new Map()

	get root() { return this.nodes[0] }
	get size() { return this.nodes.length }
	has(who) { return this.at.has(who) }
	stake(who) { return this.nodes[this.at.get(who)].stake }
	sum() { return this.nodes.reduce((s, n) => s + n.stake, 0n) }

	#put(i, node) {
		this.nodes[i] = node
		this.at.set(node.who, i)
	}

	#rise(i, node) {
		for (let up; i > 0 && this.nodes[up = Math.floor((i - 1) / ARITY)].stake > node.stake; i = up) this.#put(i, this.nodes[up])
		this.#put(i, node)
	}

	#sink(i, node) {
		for (;;) {
			const children = this.nodes.slice(i * ARITY + 1, i * ARITY + 1 + ARITY)
			if (!children.length) break
			const k = children.reduce((best, c, n) => c.stake < children[best].stake ? n : best, 0)
			if (children[k].stake >= node.stake) break
			this.#put(i, children[k])
			i = i * ARITY + 1 + k
		}
		this.#put(i, node)
	}

	insert(who, stake) {
		this.nodes.push(null)
		this.#rise(this.nodes.length - 1, { who, stake })
	}

	update(who, stake) {
		const i = this.at.get(who)
		if (stake < this.nodes[i].stake) this.#rise(i, { who, stake })
		else this.#sink(i, { who, stake })
	}

	remove(who) {
		const i = this.at.get(who)
		const old = this.nodes[i]
		const last = this.nodes.pop()
		this.at.delete(who)
		if (i === this.nodes.length) return
		if (last.stake < old.stake) this.#rise(i, last)
		else this.#sink(i, last)
	}

	replace_root(who, stake) {
		this.at.delete(this.root.who)
		this.#sink(0, { who, stake })
	}
}

const no_entry = { from: 0n, stake: 0n, price: 0n, reward_cut: 0n, fee_share: 0n, in_pool: false }

/* A list of what holds from a round on, and the rates that are to hold after next round, if any:
 * { round, reward_cut, fee_share }. */
class Records {
	list = []
	later = null

	get last() { return this.list.at(-1) ?? no_entry }
	at(round) {
		const entry = this.list.findLast(e => e.from <= round) ?? no_entry
		if (!this.later || this.later.round > round) return entry
		const { round: from, reward_cut, fee_share } = this.later
		return { ...entry, from, reward_cut, fee_share }
	}
	/* What waited for `round` or an earlier one is a record from then on. */
	ripen(round) {
		if (!this.later || this.later.round > round) return
		this.list.push(this.at(this.later.round))
		this.later = null
	}
	/* What holds from `from` on with some fields changed. */
	change(from, fields) {
		this.ripen(from)
		this.put({ ...this.at(from), ...fields, from })
	}
	put(entry) {
		if (this.list.length && this.last.from === entry.from) this.list.pop()
		this.list.push(entry)
	}
}

/* Fees that reached delegators, decayed by 1/30 a round. */
class Work {
	amount = 0n
	round = 0n

	at(round) {
		let left = 10n ** 18n
		let power = 29n * 10n ** 18n / 30n
		for (let n = round - this.round; n > 0n && left > 0n; n >>= 1n) {
			if (n & 1n) left = left * power / 10n ** 18n
			power = power * power / 10n ** 18n
		}
		return this.amount * left / 10n ** 18n
	}

	add(fees, round) {
		this.amount = this.at(round) + fees
		this.round = round
	}
}

class Candidate {
	registered = false
	known = false
	records = new Records()
	work = new Work()
	last_reward = 0n
	active_since = 0n
	punished_until = 0n
	missed = 0n
	absences = []           // { block, absent }

	available(block) { return !this.absences.findLast(a => a.block <= block)?.absent }
}

export class BondingModel {
	block = 0n
	round = 0n
	initialized = false
	locked = false
	paused = false
	escrow = 0n             // LPT: bonded and locked
	eth = 0n
	mintable = 0n           // of this round
	pool = new Pool()
	waiting = []
	vaults = new Map()
	delegations = new Map()
	candidates = new Map()
	rounds = []             // { round, total, drawn }
	network_work = new Work()
	findings = new Map()
	paid_lpt = new Map()
	paid_eth = new Map()

	/* parameters: BigInt, by the contract's names. */
	constructor(parameters, { treasury = 'treasury' } = {}) {
		this.p = { ...parameters }
		this.treasury = treasury
	}

	/* ---- access ---- */
	#of(map, who, Type) {
		if (!map.has(who)) map.set(who, new Type())
		return map.get(who)
	}
	vault(who) { return this.#of(this.vaults, who, Vault) }
	delegation(who) { return this.#of(this.delegations, who, Delegation) }
	candidate(who) { return this.#of(this.candidates, who, Candidate) }
	entry(who, round) { return this.candidate(who).records.at(round) }
	next_entry(who) { return this.entry(who, this.round + 1n) }
	is_registered(who) { return this.candidate(who).registered }
	started(round) { return this.rounds.findLast(r => r.round <= round) }
	drawn(round) { return this.rounds.findLast(r => r.round === round)?.drawn ?? NOBODY }
	total_active(round) { return this.started(round)?.total ?? 0n }
	is_active(who, round = this.round) { return this.entry(who, round).in_pool || this.drawn(round) === who }
	total_stake(who) { return this.vault(who).total }
	get total_bonded() { return [...this.vaults.values()].reduce((s, v) => s + v.total, 0n) }
	get next_total() { return this.pool.sum() }

	/* What a settled delegation would be, without settling it. */
	peek(who) {
		const d = Object.assign(new Delegation(), this.delegation(who))
		if (d.delegate === NOBODY) return { delegation: d, bonded: 0n, fees: d.fees }
		const v = Object.assign(new Vault(), this.vault(d.delegate))
		v.batches = new Map(v.batches)
		v.roll(this.round)
		d.settle(v, this.round)
		return { delegation: d, vault: v, bonded: d.bonded(v), fees: d.fees }
	}
	stake_of(who) { return this.peek(who).bonded }
	fees_of(who) { return this.peek(who).fees }

	/* Stake that counts in the election of a job; 0 if not eligible. */
	eligible_stake(who, round, block, max_price) {
		const e = this.entry(who, round)
		return e.price <= max_price && this.is_active(who, round) && this.candidate(who).available(block) ? e.stake : 0n
	}

	#pay_lpt(to, amount) {
		this.escrow -= amount
		this.paid_lpt.set(to, (this.paid_lpt.get(to) ?? 0n) + amount)
	}

	/* ---- checks ---- */
	#open() {
		if (this.paused) throw new RuleError('ManagerPaused')
		if (!this.initialized) throw new RuleError('RoundNotInitialized', this.round)
	}

	#check_delegate(who, to) {
		if (to === NOBODY) throw new RuleError('ZeroAddress')
		if (to !== who && !this.is_registered(to)) throw new RuleError('DelegateNotRegistered', to)
		if (to !== who && this.is_registered(who)) throw new RuleError('TranscoderCannotMove', who)
	}

	#check_registered(who) {
		if (!this.is_registered(who)) throw new RuleError('NotRegistered', who)
	}

	/* ---- rounds ---- */
	/* draw_hash: of the round's first block, as a number; 0n: nobody is drawn. */
	start_round(round, draw_hash, mintable) {
		let total = this.next_total
		let drawn = NOBODY
		if (draw_hash && this.waiting.length) {
			const who = this.waiting[Number(draw_hash % BigInt(this.waiting.length))]
			const { stake } = this.entry(who, round)
			if (stake >= this.p.minTranscoderStake) {
				drawn = who
				total += stake
			}
		}
		this.rounds.push({ round, total, drawn })
		this.round = round
		this.initialized = true
		this.mintable = mintable
		return drawn
	}

	/* ---- delegators ---- */
	#settle(who) {
		const d = this.delegation(who)
		const v = d.delegate === NOBODY ? null : this.vault(d.delegate)
		v?.roll(this.round)
		if (v) d.settle(v, this.round)
		d.last_claim_round = this.round
		return [d, v]
	}

	#change_delegate(who, d, v, to) {
		const bonded = d.bonded(v)
		let lock = null
		if (bonded) lock = this.#lock(d, v, bonded, to)
		if (v) {
			d.take(v, 0n)
			this.#restake(d.delegate)
		}
		d.delegate = to
		const next = this.vault(to)
		next.roll(this.round)
		d.fee_per_share = next.fee_per_share
		d.slash_index = next.slashes.length
		return [next, lock]
	}

	#lock(d, v, amount, destination) {
		d.take(v, amount)
		const lock = {
			id: d.next_lock++, delegate: d.delegate, destination, amount, slash_index: v.slashes.length,
			slashable_until: this.block + this.p.slashablePeriod, withdraw_round: this.round + this.p.unbondingPeriod,
		}
		d.locks.set(lock.id, lock)
		return lock
	}

	/* What a lock would pay now. */
	lock_value(lock) {
		const v = this.vault(lock.delegate)
		let n = v.slashes.length
		while (n > lock.slash_index && v.slashes[n - 1].block > lock.slashable_until) n--
		const then = v.slashed(lock.slash_index)
		const until = v.slashed(n)
		return then.epoch === until.epoch ? lock.amount * until.factor / then.factor : 0n
	}

	#lock_of(who, id) {
		const lock = this.delegation(who).locks.get(id)
		if (!lock) throw new RuleError('InvalidLock', who, id)
		return lock
	}

	#not_mature(lock) {
		return new RuleError('LockNotMature', lock.id, lock.withdraw_round, lock.slashable_until)
	}

	#end_lock(who, lock) {
		const amount = this.lock_value(lock)
		this.delegation(who).locks.delete(lock.id)
		if (amount !== lock.amount) this.#pay_lpt(this.treasury, lock.amount - amount)
		return amount
	}

	bond(who, amount, to) {
		this.#open()
		this.#check_delegate(who, to)
		if (this.delegation(who).delegate === to && !amount) throw new RuleError('ZeroAmount')
		let [d, v] = this.#settle(who)
		if (d.delegate !== to) [v] = this.#change_delegate(who, d, v, to)
		d.put(v, amount, this.round)
		this.escrow += amount
		this.#restake(to)
	}

	/* Returns the lock. */
	unbond(who, amount) {
		this.#open()
		if (!amount) throw new RuleError('ZeroAmount')
		if (this.delegation(who).delegate === NOBODY) throw new RuleError('NotBonded', who)
		const bonded = this.stake_of(who)
		if (amount > bonded) throw new RuleError('InsufficientBond', amount, bonded)
		const [d, v] = this.#settle(who)
		const from = d.delegate
		const lock = this.#lock(d, v, amount, NOBODY)
		if (amount === bonded && this.is_registered(who)) this.#resign(who)
		if (amount === bonded) d.delegate = NOBODY
		this.#restake(from)
		return lock
	}

	#check_rebond(who, id, to) {
		const lock = this.#lock_of(who, id)
		if (lock.destination !== NOBODY) throw new RuleError('LockHasDestination', id, lock.destination)
		if (lock.delegate !== to && this.block <= lock.slashable_until) throw new RuleError('LockOfOtherDelegate', id, lock.delegate)
		if (to !== who && !this.is_registered(to)) throw new RuleError('DelegateNotRegistered', to)
		return lock
	}

	#rebond(who, d, v, lock) {
		const amount = this.#end_lock(who, lock)
		d.put(v, amount, this.round)
		this.#restake(d.delegate)
	}

	rebond(who, id) {
		this.#open()
		if (!this.stake_of(who)) throw new RuleError('NotBonded', who)
		const lock = this.#check_rebond(who, id, this.delegation(who).delegate)
		this.#rebond(who, ...this.#settle(who), lock)
	}

	rebond_from_unbonded(who, to, id) {
		this.#open()
		this.#check_delegate(who, to)
		const bonded = this.stake_of(who)
		if (bonded) throw new RuleError('StillBonded', who, bonded)
		const lock = this.#check_rebond(who, id, to)
		let [d, v] = this.#settle(who)
		if (d.delegate !== to) [v] = this.#change_delegate(who, d, v, to)
		this.#rebond(who, d, v, lock)
	}

	/* Returns to whom; null: to nobody, it is an unbonding lock now. */
	complete_move(who, id) {
		this.#open()
		const lock = this.#lock_of(who, id)
		if (lock.destination === NOBODY) throw new RuleError('InvalidLock', who, id)
		if (this.block <= lock.slashable_until) throw this.#not_mature(lock)
		let [d, v] = this.#settle(who)
		const to = d.bonded(v) || this.is_registered(who) ? d.delegate : lock.destination
		if (to !== who && !this.is_registered(to)) {
			lock.destination = NOBODY
			return NOBODY
		}
		if (d.delegate !== to) [v] = this.#change_delegate(who, d, v, to)
		this.#rebond(who, d, v, lock)
		return to
	}

	withdraw_stake(who, id) {
		const lock = this.#lock_of(who, id)
		if (lock.destination !== NOBODY) throw new RuleError('LockHasDestination', id, lock.destination)
		if (this.round < lock.withdraw_round || this.block <= lock.slashable_until) throw this.#not_mature(lock)
		const amount = this.#end_lock(who, lock)
		this.#pay_lpt(who, amount)
		return amount
	}

	withdraw_fees(who, recipient, amount) {
		const fees = this.fees_of(who)
		if (amount > fees) throw new RuleError('InsufficientFees', amount, fees)
		this.#settle(who)
		this.delegation(who).fees -= amount
		this.eth -= amount
		this.paid_eth.set(recipient, (this.paid_eth.get(recipient) ?? 0n) + amount)
	}

	claim_earnings(who) {
		this.#open()
		if (this.delegation(who).delegate === NOBODY) throw new RuleError('NotBonded', who)
		this.#settle(who)
	}

	/* ---- transcoders ---- */
	transcoder(who, reward_cut, fee_share, price) {
		this.#open()
		if (this.locked) throw new RuleError('RoundLocked', this.round)
		const c = this.candidate(who)
		if (!c.registered) this.#check_register(who)
		c.records.change(this.round + 1n, { price })
		this.#set_rates(c, reward_cut, fee_share)
		if (c.registered) return
		this.#settle(who)
		c.registered = true
		c.known = true
		this.#place(who)
	}

	/* What gets worse for delegators waits for a whole round. */
	#set_rates(c, reward_cut, fee_share) {
		const { last } = c.records
		const worse = c.known && (reward_cut > last.reward_cut || fee_share < last.fee_share)
		c.records.later = worse ? { round: this.round + 2n, reward_cut, fee_share } : null
		if (!worse) c.records.change(this.round + 1n, { reward_cut, fee_share })
	}

	#check_register(who) {
		if (this.delegation(who).delegate !== who || !this.stake_of(who)) throw new RuleError('NotBonded', who)
		const stake = this.total_stake(who)
		if (stake < this.p.minTranscoderStake) throw new RuleError('StakeTooSmall', stake, this.p.minTranscoderStake)
	}

	lower_price(who, price, matched) {
		this.#open()
		this.#check_registered(who)
		if (matched === who || !(this.pool.has(matched) || this.waiting.includes(matched))) throw new RuleError('NotRegistered', matched)
		const { price: before } = this.next_entry(who)
		const { price: floor } = this.next_entry(matched)
		if (price >= before) throw new RuleError('PriceNotLower', price, before)
		if (price < floor) throw new RuleError('PriceBelowMatched', price, floor)
		this.candidate(who).records.change(this.round + 1n, { price })
	}

	resign(who) {
		this.#open()
		this.#check_registered(who)
		this.#resign(who)
	}

	set_available(who, available) {
		this.#open()
		this.#check_registered(who)
		this.candidate(who).absences.push({ block: this.block + 1n, absent: !available })
	}

	promote(who) {
		this.#open()
		if (!this.is_registered(who) || this.pool.has(who)) throw new RuleError('NotWaiting', who)
		const stake = this.total_stake(who)
		if (stake < this.p.minTranscoderStake) throw new RuleError('StakeTooSmall', stake, this.p.minTranscoderStake)
		if (!this.#has_place(stake)) throw new RuleError('NoPlaceInPool', stake, this.pool.root.stake)
		this.#place(who)
	}

	/* Returns the tokens that the vault got. */
	reward(who) {
		this.#open()
		const e = this.entry(who, this.round)
		const c = this.candidate(who)
		if (!this.is_active(who)) throw new RuleError('NotActive', who, this.round)
		if (c.last_reward === this.round) throw new RuleError('AlreadyRewarded', who, this.round)
		c.last_reward = this.round
		const total = this.total_active(this.round)
		if (!e.stake || !this.is_competitive(who)) return 0n
		const tokens = this.mintable * e.stake / total
		this.escrow += tokens
		return tokens ? this.#grant(who, tokens, e.reward_cut) : 0n
	}

	#grant(who, tokens, reward_cut) {
		const v = this.vault(who)
		v.roll(this.round)
		const taken = min(tokens, v.room)
		const d = this.delegation(who)
		const cut = d.delegate === who ? part(taken, reward_cut) : 0n
		if (cut) d.settle(v, this.round)
		if (taken) d.shares += v.earn(taken, cut)
		this.#restake(who)
		if (taken !== tokens) this.#pay_lpt(this.treasury, tokens - taken)
		return taken
	}

	is_competitive(who) {
		const e = this.entry(who, this.round)
		const c = this.candidate(who)
		const since = e.in_pool ? c.active_since : this.round
		if (this.round < since + this.p.competitivenessGrace) return true
		const expected = this.network_work.at(this.round) * e.stake / this.total_active(this.round)
		if (expected < this.p.competitivenessFloor) return true
		return c.work.at(this.round) * PERC >= expected * (PERC - this.p.competitivenessTolerance)
	}

	/* ETH comes along. */
	add_fees(who, fees, round) {
		this.#open()
		const v = this.vault(who)
		v.roll(this.round)
		const shared = v.earns ? part(fees, this.entry(who, round).fee_share) : 0n
		if (shared) {
			v.fee_per_share += (shared << 128n) / v.shares
			this.candidate(who).work.add(shared, this.round)
			this.network_work.add(shared, this.round)
		}
		this.delegation(who).fees += fees - shared
		this.eth += fees
		return shared
	}

	/* ---- slashing ---- */
	/* Returns the tokens taken. */
	slash(who, finder, amount, finder_fee) {
		this.#open()
		const v = this.vault(who)
		v.roll(this.round)
		const taken = v.slash(amount, this.block)
		this.#restake(who)
		const fee = finder === NOBODY ? 0n : part(taken, finder_fee)
		if (fee) this.#pay_lpt(finder, fee)
		if (taken !== fee) this.#pay_lpt(this.treasury, taken - fee)
		return taken
	}

	/* committed: the finder committed to it in an earlier block. */
	missed_reward_slash(finder, who, rounds, committed) {
		this.#open()
		if (BigInt(rounds.length) !== this.p.missedRewardRounds) throw new RuleError('InvalidParameter', 'rounds', BigInt(rounds.length))
		const c = this.candidate(who)
		const first = this.rounds.findLastIndex(r => r.round <= rounds[0])
		rounds.forEach((r, i) => {
			const ok = r < this.round && r > c.last_reward && r > c.punished_until && first >= 0 &&
				this.rounds[first + i]?.round === r && this.is_active(who, r)
			if (!ok) throw new RuleError('NoMissedRewards', who, r)
		})
		c.punished_until = rounds.at(-1)
		c.missed += BigInt(rounds.length)
		return this.slash(who, committed ? finder : NOBODY, this.p.missedRewardSlashAmount, this.p.finderFee)
	}

	/* ---- candidates ---- */
	#resign(who) {
		const c = this.candidate(who)
		c.registered = false
		if (this.pool.has(who)) this.pool.remove(who)
		this.#leave_waiting(who)
		c.records.change(this.round + 1n, { in_pool: false })
	}

	#restake(who) {
		if (!this.is_registered(who)) return
		const stake = this.total_stake(who)
		if (!this.pool.has(who)) {
			// A stake that did not change changes no place: promote() is for that.
			if (this.next_entry(who).stake !== stake) this.#place(who)
			return
		}
		if (this.pool.stake(who) === stake) return
		this.pool.update(who, stake)
		this.#record(who, stake, true)
	}

	#record(who, stake, in_pool) {
		this.candidate(who).records.change(this.round + 1n, { stake, in_pool })
	}

	#has_place(stake) { return BigInt(this.pool.size) < this.p.numActiveTranscoders || stake > this.pool.root.stake }

	#place(who) {
		const stake = this.total_stake(who)
		const enough = stake >= this.p.minTranscoderStake
		if (enough && this.#has_place(stake)) return this.#join(who, stake)
		if (!enough) this.#leave_waiting(who)
		else if (!this.waiting.includes(who)) this.waiting.push(who)
		this.#record(who, stake, false)
	}

	#join(who, stake) {
		this.#leave_waiting(who)
		if (BigInt(this.pool.size) < this.p.numActiveTranscoders) {
			this.pool.insert(who, stake)
		} else {
			const { who: out, stake: less_stake } = this.pool.root
			this.pool.replace_root(who, stake)
			if (less_stake >= this.p.minTranscoderStake) this.waiting.push(out)
			this.#record(out, less_stake, false)
		}
		const c = this.candidate(who)
		const back_soon = c.active_since && this.round + 1n < c.active_since + REENTRY
		if (!back_soon && !this.entry(who, this.round).in_pool) c.active_since = this.round + 1n
		this.#record(who, stake, true)
	}

	#leave_waiting(who) {
		const i = this.waiting.indexOf(who)
		if (i < 0) return
		const last = this.waiting.pop()
		if (last !== who) this.waiting[i] = last
	}
}

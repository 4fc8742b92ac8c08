// Stake as the contracts count it (docs/contracts.md 3 and 4): vaults of shares, pending
// stake, epochs, locks, slashes, the pool and the one drawn, inflation.  All amounts are
// whole base units and every division rounds down, as there.

export const PERC = 1_000_000n
export const ETHER = 10n ** 18n
const FEE_SCALE = 10n ** 27n
const FIRST_SHARES = 10n ** 9n
const FACTOR_ONE = 10n ** 27n
const SMALLEST_FACTOR = 10n ** 18n
const WORK_DECAY = 30n

export const perc = (amount, part) => amount * BigInt(part) / PERC

const least = (a, b) => a < b ? a : b
const most = (a, b) => a > b ? a : b
const rates_of = ({ cut, share, price }) => ({ cut, share, price })

export class Refused extends Error {}

function need(ok, why) {
	if (!ok) throw new Refused(why)
}

// Inflation and escrow of all LPT that is bonded or granted.
export class Minter {
	constructor(params, supply) {
		this.params = params
		this.supply = supply
		this.inflation = BigInt(params.inflation)
		this.held = 0n
		this.mintable = 0n
		this.granted = 0n
	}

	// A round's start.  Returns what its caller is paid.
	begin_round(bonded) {
		const step = BigInt(this.params.inflation_change)
		const rate = bonded * PERC / this.supply
		if (rate < this.params.target_bonding_rate) this.inflation += step
		else if (rate > this.params.target_bonding_rate) this.inflation = this.inflation > step ? this.inflation - step : 0n

		const left = this.mintable - this.granted
		this.mintable = perc(this.supply, this.inflation)
		const minted = this.mintable > left ? this.mintable - left : 0n
		if (left > this.mintable) this.mintable = left
		this.supply += minted
		this.held += minted
		this.granted = perc(this.mintable, this.params.initializer_share)
		this.held -= this.granted
		this.for_rewards = this.mintable - this.granted
		return this.granted
	}

	grant(num, denom) {
		const amount = this.for_rewards * num / denom
		need(this.granted + amount <= this.mintable, 'MintableExceeded')
		this.granted += amount
		return amount
	}
}

// All that is bonded to one delegate.
class Vault {
	stake = 0n
	shares = 0n
	pending = 0n		// tokens of pending_round
	units = 0n		// parts of it: one a token until a slash
	pending_round = -1
	fee_per_share = 0n
	epoch = 0
	last_fees = []		// fee_per_share at the end of each epoch
	conversions = new Map()	// round -> what its units became
	factor = FACTOR_ONE
	slashes = []		// { block, epoch, factor }

	get total() {
		return this.stake + this.pending
	}

	// Pending stake of an earlier round becomes shares.
	touch(round) {
		if (this.pending_round >= round || this.units === 0n) return
		const shares = this.shares === 0n ? this.pending * FIRST_SHARES : this.pending * this.shares / this.stake
		this.conversions.set(this.pending_round,
			{ units: this.units, shares, fees: this.fee_per_share, epoch: this.epoch })
		this.stake += this.pending
		this.shares += shares
		this.pending = this.units = 0n
	}

	add_pending(amount, round) {
		const units = this.units === 0n ? amount : amount * this.units / this.pending
		this.pending_round = round
		this.pending += amount
		this.units += units
		return units
	}

	// Takes a part of everything; what is left when hardly anything is, ends the epoch.
	slash(part, block) {
		const taken = perc(this.stake, part)
		const taken_pending = perc(this.pending, part)
		this.stake -= taken
		this.pending -= taken_pending
		this.factor = this.factor * (PERC - BigInt(part)) / PERC
		let rest = 0n
		if (this.factor < SMALLEST_FACTOR || (this.units > 0n && this.pending === 0n)) rest = this.end_epoch()
		this.slashes.push({ block, epoch: this.epoch, factor: this.factor })
		return { taken: taken + taken_pending, rest }
	}

	end_epoch() {
		const rest = this.total
		this.last_fees[this.epoch++] = this.fee_per_share
		this.stake = this.shares = this.pending = this.units = 0n
		this.factor = FACTOR_ONE
		return rest
	}

	// What part of a lock is left by the slashes up to its block.
	factor_at(block) {
		for (let i = this.slashes.length - 1; i >= 0; i--)
			if (this.slashes[i].block <= block) return this.slashes[i]
		return { epoch: 0, factor: FACTOR_ONE }
	}
}

class Delegator {
	delegate = null
	shares = 0n
	epoch = 0
	units = 0n
	pending_round = -1
	pending_epoch = 0
	fee_mark = 0n
	fees = 0n
	locks = new Map()
	next_lock = 0
}

export class Bonding {
	constructor(params, minter) {
		this.params = params
		this.minter = minter
		this.round = 0
		this.block = 0
		this.liquid = new Map()		// LPT outside the contracts
		this.common_pool = 0n
		this.eth_held = 0n
		this.total_bonded = 0n
		this.vaults = new Map()
		this.delegators = new Map()
		this.candidates = new Map()	// who -> { cut, share, price, since, reward_round, available }
		this.pool = new Set()
		this.waiting = new Set()
		this.drawn = null
		this.entries = new Map()	// round -> who -> entry, those active
		this.total_active = 0n
		this.work = new Map()		// who -> { amount, round }
		this.network_work = { amount: 0n, round: 0 }
	}

	vault(who) {
		let v = this.vaults.get(who)
		if (!v) this.vaults.set(who, v = new Vault())
		v.touch(this.round)
		return v
	}

	delegator(who) {
		let d = this.delegators.get(who)
		if (!d) this.delegators.set(who, d = new Delegator())
		return d
	}

	pay(who, amount) {
		this.liquid.set(who, (this.liquid.get(who) ?? 0n) + amount)
	}

	// ---- rounds ----

	// luck in [0, 1) stands for the hash of the round's first block.
	begin_round(luck, initializer) {
		this.round++
		this.pay(initializer, this.minter.begin_round(this.total_bonded))
		this.draw(luck)
		const active = new Map()
		this.total_active = 0n
		for (const who of this.drawn === null ? this.pool : [...this.pool, this.drawn]) {
			const entry = this.entry_of(who)
			active.set(who, entry)
			this.total_active += entry.stake
		}
		this.entries.set(this.round, active)
		for (const c of this.candidates.values()) this.ripen(c)
		this.entries.delete(this.round - this.params.entries_kept)
	}

	entry_of(who) {
		const c = this.candidates.get(who)
		const since = this.pool.has(who) ? c.since : this.round
		c.now = rates_of(c)
		return { stake: this.vault(who).total, price: c.price, cut: c.cut, share: c.share, since }
	}

	draw(luck) {
		const able = [...this.waiting].filter(who => this.vault(who).total >= this.params.min_transcoder_stake)
		this.drawn = able.length ? able[Math.floor(luck * able.length)] : null
	}

	entry(who, round = this.round) {
		return this.entries.get(round)?.get(who)
	}

	// ---- delegators ----

	bond(who, amount, to) {
		const d = this.settle(who)
		need((this.liquid.get(who) ?? 0n) >= amount, 'liquid')
		const all = this.stake_of(who)
		if (d.delegate !== null && d.delegate !== to && all > 0n) {
			need(!this.candidates.has(who), 'TranscoderCannotMove')
			this.lock(who, all, to)
		}
		need(amount > 0n || d.delegate !== to, 'ZeroAmount')
		this.pay(who, -amount)
		this.minter.held += amount
		this.join(who, amount, to)
	}

	join(who, amount, to) {
		const d = this.settle(who)
		const v = this.vault(to)
		if (d.delegate !== to) {
			d.delegate = to
			d.epoch = v.epoch
			d.fee_mark = v.fee_per_share
		}
		if (amount === 0n) return
		d.units += v.add_pending(amount, this.round)
		d.pending_round = this.round
		d.pending_epoch = v.epoch
		this.total_bonded += amount
		this.place(to)
	}

	unbond(who, amount) {
		return this.lock(who, amount, null)
	}

	// Out of the vault, pending tokens first, into a lock.
	lock(who, amount, to) {
		const d = this.settle(who)
		need(amount > 0n && amount <= this.stake_of(who), 'InsufficientBond')
		const v = this.vault(d.delegate)
		this.take(d, v, amount)
		this.total_bonded -= amount
		const id = d.next_lock++
		d.locks.set(id, { amount, delegate: d.delegate, to, epoch: v.epoch, factor: v.factor,
			withdraw_round: this.round + this.params.unbonding_period,
			slashable_until: this.block + this.params.slashable_period })
		if (this.candidates.has(d.delegate) && d.delegate === who && this.stake_of(who) === 0n) this.resign(who)
		return id
	}

	take(d, v, amount) {
		const pending = v.units ? d.units * v.pending / v.units : 0n
		const first = amount < pending ? amount : pending
		if (first > 0n) {
			const units = first === pending ? d.units : (first * v.units + v.pending - 1n) / v.pending
			d.units -= units
			v.units -= units
			v.pending -= first
		}
		const rest = amount - first
		if (rest === 0n) return
		const shares = (rest * v.shares + v.stake - 1n) / v.stake
		d.shares -= shares
		v.shares -= shares
		v.stake -= rest
	}

	rebond(who, id) {
		const d = this.settle(who)
		const lock = this.lock_of(who, id)
		need(lock.to === null && (d.delegate === lock.delegate || this.stake_of(who) === 0n), 'LockOfOtherDelegate')
		const amount = this.close(d, id)
		this.join(who, amount, lock.delegate)
	}

	complete_move(who, id) {
		const lock = this.lock_of(who, id)
		need(lock.to !== null && this.block > lock.slashable_until, 'LockNotMature')
		const amount = this.close(this.delegator(who), id)
		const d = this.delegator(who)
		if (d.delegate === lock.to || this.stake_of(who) === 0n) this.join(who, amount, lock.to)
		else this.redirect(who, amount)
	}

	// The owner has moved on meanwhile: its stake follows to where it now is.
	redirect(who, amount) {
		this.join(who, amount, this.delegator(who).delegate)
	}

	withdraw(who, id) {
		const lock = this.lock_of(who, id)
		need(lock.to === null && this.round >= lock.withdraw_round && this.block > lock.slashable_until, 'LockNotMature')
		const amount = this.close(this.delegator(who), id)
		this.minter.held -= amount
		this.pay(who, amount)
	}

	lock_of(who, id) {
		const lock = this.delegator(who).locks.get(id)
		need(lock, 'InvalidLock')
		return lock
	}

	worth(lock) {
		const s = this.vault(lock.delegate).factor_at(lock.slashable_until)
		if (s.epoch > lock.epoch) return 0n
		if (s.epoch < lock.epoch) return lock.amount
		return lock.amount * s.factor / lock.factor
	}

	// What slashes took of it goes to the CommonPool now.
	close(d, id) {
		const lock = d.locks.get(id)
		const amount = this.worth(lock)
		this.common_pool += lock.amount - amount
		this.minter.held -= lock.amount - amount
		d.locks.delete(id)
		return amount
	}

	// ---- earnings ----

	settle(who) {
		const d = this.delegator(who)
		if (d.delegate === null) return d
		const v = this.vault(d.delegate)
		const p = this.preview(d, v)
		d.shares = p.shares
		d.units = p.units
		d.fees += p.fees
		d.epoch = v.epoch
		d.fee_mark = v.fee_per_share
		return d
	}

	// Shares, pending units and new fees as they would be if settled now.
	preview(d, v) {
		let fees = 0n
		let shares = d.shares
		let units = d.units
		const end = d.epoch === v.epoch ? v.fee_per_share : v.last_fees[d.epoch]
		if (shares > 0n) fees += shares * (end - d.fee_mark) / FEE_SCALE
		if (d.epoch !== v.epoch) shares = 0n
		if (units > 0n && d.pending_round < this.round) {
			const c = v.conversions.get(d.pending_round)
			if (c && c.epoch === d.pending_epoch) {
				const got = units * c.shares / c.units
				const till = c.epoch === v.epoch ? v.fee_per_share : v.last_fees[c.epoch]
				fees += got * (till - c.fees) / FEE_SCALE
				if (c.epoch === v.epoch) shares += got
			}
			units = 0n
		} else if (d.pending_epoch !== v.epoch) {
			units = 0n
		}
		return { shares, units, fees }
	}

	stake_of(who) {
		const d = this.delegator(who)
		if (d.delegate === null) return 0n
		const v = this.vault(d.delegate)
		const p = this.preview(d, v)
		return (v.shares ? p.shares * v.stake / v.shares : 0n) + (v.units ? p.units * v.pending / v.units : 0n)
	}

	fees_of(who) {
		const d = this.delegator(who)
		return d.delegate === null ? d.fees : d.fees + this.preview(d, this.vault(d.delegate)).fees
	}

	withdraw_fees(who) {
		const d = this.settle(who)
		const amount = d.fees
		d.fees = 0n
		this.eth_held -= amount
		return amount
	}

	// ---- transcoders ----

	transcoder(who, cut, share, price) {
		const known = this.candidates.get(who)
		if (known) return this.change_rates(known, { cut, share, price })
		need(this.delegator(who).delegate === who && this.stake_of(who) > 0n, 'NotBonded')
		need(this.vault(who).total >= this.params.min_transcoder_stake, 'StakeTooSmall')
		const rates = { cut, share, price }
		this.candidates.set(who, { ...rates, now: rates, later: null, since: 0, reward_round: 0, available: true })
		this.waiting.add(who)
		this.place(who)
	}

	// In force from the next round, as the last call of this one says.  Two rules that are not in
	// docs/contracts.md: 'worse_later', what a call makes worse for delegators waits a round more;
	// 'rate_step', and it gets worse by so much a round at the most.
	change_rates(c, rates) {
		const { worse_later, rate_step } = this.params
		if (rate_step) {
			rates.cut = least(rates.cut, c.now.cut + rate_step)
			rates.share = most(rates.share, c.now.share - rate_step)
		}
		const worse = rates.cut > c.cut || rates.share < c.share
		if (worse_later && worse) c.later = { ...rates, round: this.round + 2 }
		else Object.assign(c, rates, { later: null })
	}

	ripen(c) {
		if (c.later && c.later.round <= this.round + 1) Object.assign(c, rates_of(c.later), { later: null })
	}

	resign(who) {
		need(this.candidates.delete(who), 'NotRegistered')
		this.pool.delete(who)
		this.waiting.delete(who)
	}

	smallest() {
		let least = null
		let stake = 0n
		for (const who of this.pool) {
			const mine = this.vault(who).total
			if (least === null || mine < stake) {
				least = who
				stake = mine
			}
		}
		return { who: least, stake }
	}

	// Its stake has changed: a candidate of the waiting list may take the last place.
	place(who) {
		if (!this.waiting.has(who)) return
		if (this.pool.size >= this.params.num_active) {
			const last = this.smallest()
			if (this.vault(who).total <= last.stake) return
			this.pool.delete(last.who)
			this.waiting.add(last.who)
		}
		this.waiting.delete(who)
		this.pool.add(who)
		this.candidates.get(who).since = this.round + 1
	}

	reward(who) {
		const entry = this.entry(who)
		const c = this.candidates.get(who)
		need(entry, 'NotActive')
		need(c && c.reward_round < this.round, 'AlreadyRewarded')
		c.reward_round = this.round
		if (!this.is_competitive(who, entry)) return 0n
		const v = this.vault(who)
		if (v.shares === 0n) return 0n
		const tokens = this.minter.grant(entry.stake, this.total_active)
		const own = perc(tokens, entry.cut)
		this.settle(who)
		v.stake += tokens - own
		const shares = own * v.shares / v.stake
		v.stake += own
		v.shares += shares
		this.delegator(who).shares += shares
		this.total_bonded += tokens
		return tokens
	}

	decayed(work) {
		if (work.round === this.round) return work
		for (let n = Math.min(this.round - work.round, 400); n > 0; n--) work.amount -= work.amount / WORK_DECAY
		work.round = this.round
		return work
	}

	work_of(who) {
		let w = this.work.get(who)
		if (!w) this.work.set(who, w = { amount: 0n, round: this.round })
		return this.decayed(w)
	}

	is_competitive(who, entry) {
		if (this.round - entry.since < this.params.competitiveness_grace) return true
		const network = this.decayed(this.network_work).amount
		const expected = network * entry.stake / this.total_active
		if (expected < this.params.competitiveness_floor) return true
		return this.work_of(who).amount * PERC >= expected * (PERC - BigInt(this.params.competitiveness_tolerance))
	}

	// With the ETH; round: the job's.
	add_fees(who, fees, round) {
		const v = this.vault(who)
		const entry = this.entry(who, round)
		const shared = v.shares > 0n && entry ? perc(fees, entry.share) : 0n
		this.eth_held += fees
		if (shared > 0n) v.fee_per_share += shared * FEE_SCALE / v.shares
		this.settle(who).fees += fees - shared
		this.work_of(who).amount += shared
		this.decayed(this.network_work).amount += shared
		return shared
	}

	slash(who, part, finder = null) {
		const v = this.vault(who)
		const { taken, rest } = v.slash(part, this.block)
		const reward = finder === null ? 0n : perc(taken, this.params.finder_fee)
		this.minter.held -= taken + rest
		this.total_bonded -= taken + rest
		this.common_pool += taken + rest - reward
		if (finder !== null) this.pay(finder, reward)
		return { taken, reward }
	}

	// ---- what may be claimed against what is held ----

	sums() {
		let stake = this.minter.mintable - this.minter.granted
		let fees = 0n
		for (const [who, d] of this.delegators) {
			stake += this.stake_of(who)
			fees += this.fees_of(who)
			for (const lock of d.locks.values()) stake += lock.amount	// some of it the CommonPool's
		}
		return { stake, fees, stake_held: this.minter.held, fees_held: this.eth_held }
	}
}

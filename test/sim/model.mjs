// Stake and inflation of the economy: the model that is compared with BondingManager call by
// call (test/contracts/lib/bonding_model.mjs), with the Minter and everybody's LPT around it.
import { BondingModel } from '../contracts/lib/bonding_model.mjs'

export const PERC = 1_000_000n
export const ETHER = 10n ** 18n

export const perc = (amount, part) => amount * BigInt(part) / PERC

// Inflation; all LPT that is bonded or granted.  As Minter.sol.
export class Minter {
	constructor(params, supply) {
		this.params = params
		this.supply = supply
		this.inflation = params.inflation
		this.held = 0n
		this.mintable = 0n
		this.minted = 0n
	}

	// A round's start.  Returns what its caller is paid.
	begin_round(bonded) {
		const left = this.mintable - this.minted
		const supply = this.supply - left
		this.move_inflation(bonded * PERC / supply)
		const tokens = perc(supply, this.inflation)
		const pay = perc(tokens, this.params.initializer_share)
		this.mintable = tokens - pay
		this.minted = 0n
		this.supply = supply + tokens
		this.held += tokens - left - pay
		return pay
	}

	move_inflation(rate) {
		const { target_bonding_rate: target, inflation_change: step } = this.params
		if (rate < target) this.inflation += step
		else if (rate > target) this.inflation = this.inflation > step ? this.inflation - step : 0n
	}
}

const TREASURY = 'treasury'

// The contracts' names of what the simulation may set.
const model_params = p => ({
	unbondingPeriod: BigInt(p.unbonding_period),
	numActiveTranscoders: BigInt(p.num_active),
	minTranscoderStake: p.min_transcoder_stake,
	slashablePeriod: BigInt(p.slashable_period),
	competitivenessTolerance: p.competitiveness_tolerance,
	competitivenessGrace: BigInt(p.competitiveness_grace),
	competitivenessFloor: p.competitiveness_floor,
})

export class Bonding {
	constructor(params, minter) {
		this.params = params
		this.minter = minter
		this.model = new BondingModel(model_params(params), { treasury: TREASURY })
		this.model.initialized = true
		this.liquid = new Map()		// LPT outside the contracts
		this.common_pool = 0n
		this.entries = new Map()	// round -> who -> entry, those active
	}

	get round() { return Number(this.model.round) }
	get eth_held() { return this.model.eth }
	get total_active() { return this.model.total_active(this.model.round) }

	at(block, locked) {
		this.model.block = BigInt(block)
		this.model.locked = locked
	}

	pay(who, amount) {
		this.liquid.set(who, (this.liquid.get(who) ?? 0n) + amount)
	}

	// LPT that the model's last call paid out.
	collect_paid() {
		for (const [who, amount] of this.model.paid_lpt) {
			this.minter.held -= amount
			if (who === TREASURY) this.common_pool += amount
			else this.pay(who, amount)
		}
		this.model.paid_lpt.clear()
	}

	// ---- rounds ----

	// luck in (0, 1) stands for the hash of the round's first block.
	begin_round(luck, initializer) {
		const { model } = this
		const round = model.round + 1n
		this.pay(initializer, this.minter.begin_round(this.total_bonded))
		const drawn = model.start_round(round, BigInt(Math.ceil(luck * 2 ** 32)), this.minter.mintable)
		for (const vault of model.vaults.values()) vault.roll(round)
		const active = drawn === null ? model.pool.nodes : [...model.pool.nodes, { who: drawn }]
		this.entries.set(this.round, new Map(active.map(({ who }) => [who, model.entry(who, round)])))
		this.entries.delete(this.round - this.params.entries_kept)
	}

	entry(who, round = this.round) {
		return this.entries.get(round)?.get(who)
	}

	// ---- delegators ----

	bond(who, amount, to) {
		if ((this.liquid.get(who) ?? 0n) < amount) throw new Error(`${who} has no ${amount}`)
		this.model.bond(who, amount, to)
		this.pay(who, -amount)
		this.minter.held += amount
	}

	unbond(who, amount) {
		return this.model.unbond(who, amount)
	}

	rebond(who, id) {
		const lock = this.delegation(who).locks.get(id)
		if (this.stake_of(who) > 0n) this.model.rebond(who, id)
		else this.model.rebond_from_unbonded(who, lock.delegate, id)
		this.collect_paid()
	}

	// What has come to its end of somebody's locks.
	end_locks(who) {
		const { model } = this
		for (const [id, lock] of this.delegation(who).locks) {
			if (model.block <= lock.slashable_until) continue
			if (lock.destination !== null) model.complete_move(who, id)
			else if (model.round >= lock.withdraw_round) model.withdraw_stake(who, id)
		}
		this.collect_paid()
	}

	delegation(who) { return this.model.delegation(who) }
	vault_total(who) { return this.model.vault(who).total }
	lock_value(lock) { return this.model.lock_value(lock) }

	// As settled now, without settling: vaults have been rolled at the round's start.
	view(who) {
		const now = this.delegation(who)
		if (now.delegate === null) return { stake: 0n, fees: now.fees }
		const d = Object.assign(Object.create(Object.getPrototypeOf(now)), now)
		const vault = this.model.vault(now.delegate)
		d.settle(vault, this.model.round)
		return { stake: d.bonded(vault), fees: d.fees }
	}

	stake_of(who) { return this.view(who).stake }
	fees_of(who) { return this.view(who).fees }

	get total_bonded() {
		let sum = 0n
		for (const vault of this.model.vaults.values()) sum += vault.total
		return sum
	}

	// ---- transcoders ----

	is_registered(who) { return this.model.is_registered(who) }
	is_in_pool(who) { return this.model.pool.has(who) }
	pool() { return this.model.pool.nodes.map(n => n.who) }
	is_competitive(who) { return this.model.is_competitive(who) }
	active_since(who) { return Number(this.model.candidate(who).active_since) }

	// Those of the next round.
	rates(who) {
		const { reward_cut, fee_share, price } = this.model.next_entry(who)
		return { cut: reward_cut, share: fee_share, price }
	}

	transcoder(who, cut, share, price) { this.model.transcoder(who, cut, share, price) }
	resign(who) { this.model.resign(who) }

	reward(who) {
		const before = this.model.escrow
		const taken = this.model.reward(who)
		let granted = this.model.escrow - before
		for (const amount of this.model.paid_lpt.values()) granted += amount
		this.minter.minted += granted
		this.collect_paid()
		return taken
	}

	// With the ETH; round: the job's.
	add_fees(who, fees, round) {
		return this.model.add_fees(who, fees, BigInt(round))
	}

	slash(who, part, finder = null) {
		const taken = this.model.slash(who, finder, part, this.params.finder_fee)
		this.collect_paid()
		return taken
	}

	// What may be claimed against what is held.
	sums() {
		let stake = this.minter.mintable - this.minter.minted
		let fees = 0n
		for (const [who, d] of this.model.delegations) {
			const mine = this.view(who)
			stake += mine.stake
			fees += mine.fees
			for (const lock of d.locks.values()) stake += lock.amount	// some of it the CommonPool's
		}
		return { stake, fees, stake_held: this.minter.held, fees_held: this.eth_held }
	}
}

// What the whitepaper's section Attacks and docs/contracts.md fear, as scripts.  Each is run
// against a control: the same accounts, stake and luck, playing honestly.
import { ETHER } from './model.mjs'
import { GAS, honest_work } from './world.mjs'
import { ANSWER } from './work.mjs'

const SELF = 0			// the transcoder that scripts play
const ROUNDS_WATCHED = 30	// of failed verifications

const nothing = () => {}
const ALL = 1_000_000n

// A script that does everything honestly but what is given.
const script = (plays, own = {}) => ({ plays, on: nothing, work: (w, who, job, n) => honest_work(n), ...own })

// A transcoder's phase handlers by name.
const phases = handlers => (phase, w) => handlers[phase]?.(w)

const transcoder = own => script([SELF], own)
const with_rates = (rates, own = {}) => ({ rates: (w, i) => i === SELF ? rates : undefined, ...own })

const with_broadcaster = (dims, own = {}) => script([SELF, spare(dims)], own)
const honest_one = () => transcoder()
const honest_pair = dims => with_broadcaster(dims)
const refuses = () => null

// ---- own broadcasters ----

// Tries until its own transcoder is elected; what it did not win it ends.
function own_job(w, broadcaster, id, { price, n, planted = false, tries = 40 }) {
	for (let k = 0; k < tries; k++) {
		const job = w.jobs.open(broadcaster, price, price * BigInt(n), planted, id * 100 + k)
		w.gas(broadcaster, 'job')
		if (job.ranked[0] === SELF) return job
	}
	return null
}

// A claim on one's own job; effort: what transcoding of a dull picture costs of the usual.
function own_claim(w, job, n, bad = 0, effort = 0.1) {
	w.cost(SELF, n * effort * w.costs[SELF])
	w.gas(SELF, 'claim', 'distribute')
	const claim = w.jobs.claim(job, SELF, { claimed: n, received: n, bad })
	if (claim) w.verify(claim, job)
	return claim
}

const own_id = w => w.round * 1000 + 900

// Fees that its own broadcaster gives to its own transcoder, in ETH a round.
const circulates = eth => w => {
	const price = BigInt(Math.floor(eth / 10 * 1e18))
	const job = own_job(w, w.first.spare, own_id(w), { price, n: 10 })
	if (job) own_claim(w, job, 10)
}

// ---- useless and self-dealing transcoders ----

const alone = { cut: ALL, share: ALL, price: 8n * 10n ** 14n }
const useless_rates = { cut: ALL, share: 0n, price: 10n ** 18n }
// Out for a round whenever its grace ends.
const renew_grace = w => {
	if (!w.bonding.is_registered(SELF)) w.bonding.transcoder(SELF, useless_rates.cut, useless_rates.share, useless_rates.price)
	else if (w.round - w.bonding.active_since(SELF) >= w.params.competitiveness_grace - 1) w.bonding.resign(SELF)
}

const comes_back = () => transcoder(with_rates(useless_rates, { work: refuses, on: phases({ free: renew_grace }) }))
const seems_busy = dims => with_broadcaster(dims, with_rates(alone, { work: refuses, on: phases({ work: circulates(0.5) }) }))

// Costs that leave about a tenth of the price; who is honest there takes no less.
const thin = { cost: 1.1e15 }
const priced = { rates: (w, i) => i === SELF ? { ...w.honest_rates(i), price: BigInt(Math.ceil(w.costs[i] * 1.1)) } : undefined }
const thin_one = () => transcoder(priced)
const thin_pair = dims => with_broadcaster(dims, priced)

// ---- transcoders that cheat ----

const no_output = (w, who, job, n) => ({ claimed: n, received: n, done: 0, bad: 1 })

// Bad output in small claims until one is found out, then honest for as long as that counts.
const SMALL_CLAIM = 20
function careful() {
	let honest_until = 0
	return transcoder({
		piece: (w, n) => w.round < honest_until ? n : SMALL_CLAIM,
		work: (w, who, job, n) => w.round < honest_until ? honest_work(n) : no_output(w, who, job, n),
		claimed(w, claim) {
			if (claim.who === SELF && claim.failures) honest_until = w.round + ROUNDS_WATCHED + 1
		},
	})
}

const inflated = part => (w, who, job, n) => {
	const received = Math.floor(n * (1 - part))
	return { claimed: n, received, done: received, bad: 0 }
}
const as_received = part => (w, who, job, n) => honest_work(Math.floor(n * (1 - part)))

// Cheats; when it sees that it was found out it takes its stake away before the slash comes.
function runaway(flee) {
	let found = false
	return transcoder({
		work: no_output,
		claimed(w, claim) { if (claim.who === SELF && claim.failures) found = true },
		on: phases({ free(w) { if (found) flee(w); found = false } }),
	})
}

const unbond_all = w => {
	const stake = w.bonding.stake_of(SELF)
	if (stake > 0n) w.bonding.unbond(SELF, stake)
}

// ---- delegators ----

const hopper = dims => dims.transcoders
const delegator = (dims, handlers) => script([hopper(dims)], { on: phases(handlers) })

// The richest vault of the pool: sure to be active.
const richest = w => w.bonding.pool().filter(who => who !== SELF)
	.reduce((a, b) => w.bonding.vault_total(b) > w.bonding.vault_total(a) ? b : a)

// Bonds all that is liquid to where it is bonded already.
function bond_all(w, who) {
	w.bonding.end_locks(who)
	if (w.liquid(who) > 0n) w.bonding.bond(who, w.liquid(who), w.bonding.delegation(who).delegate ?? richest(w))
}

const stays = dims => delegator(dims, { start(w) { if (w.round === 1) bond_all(w, hopper(dims)) } })

// Bonds before the reward, leaves after it, as often as it can.
const hops = dims => delegator(dims, {
	start(w) { bond_all(w, hopper(dims)) },
	lock(w) {
		const d = w.bonding.delegation(hopper(dims))
		const stake = w.bonding.stake_of(hopper(dims))
		if (stake > 0n && Number(d.pending_round) < w.round) w.bonding.unbond(hopper(dims), stake)
	},
})

// Out after each reward, in again before the next: at risk for an hour a round.
const blinks = dims => delegator(dims, {
	start(w) {
		const who = hopper(dims)
		if (w.round === 1) bond_all(w, who)
		for (const id of w.bonding.delegation(who).locks.keys()) w.bonding.rebond(who, id)
	},
	rewarded(w) {
		const stake = w.bonding.stake_of(hopper(dims))
		if (stake > 0n) w.bonding.unbond(hopper(dims), stake)
	},
})

// Moves to whoever has most fees coming a token.
const chases_fees = dims => delegator(dims, {
	start(w) { bond_all(w, hopper(dims)) },
	free(w) {
		const who = hopper(dims)
		const to = most_coming(w)
		const d = w.bonding.delegation(who)
		if (to !== null && to !== d.delegate && d.locks.size === 0 && w.bonding.stake_of(who) > 0n) w.bonding.bond(who, 0n, to)
	},
})

function most_coming(w) {
	const coming = new Map()
	for (const c of w.jobs.pending) {
		const entry = w.bonding.entry(c.who)
		if (c.who < w.n.transcoders && entry)
			coming.set(c.who, (coming.get(c.who) ?? 0) + Number(c.fees * entry.fee_share) / Number(entry.stake))
	}
	const sorted = [...coming].sort((a, b) => b[1] - a[1])
	return sorted.length ? sorted[0][0] : null
}

// ---- rates ----

const set_rates = rates => w => w.bonding.transcoder(SELF, rates.cut, rates.share, rates.price)
const dear = { cut: 500_000n, share: 100_000n, price: 10n ** 15n }
const bait = { cut: 0n, share: ALL, price: 7n * 10n ** 14n }
const fair = { cut: 100_000n, share: 500_000n, price: 8n * 10n ** 14n }
const greedy = { cut: ALL, share: 0n, price: 8n * 10n ** 14n }
const HIKE_ROUND = 30
const baits = () => transcoder(with_rates(dear, { on: phases({ start: set_rates(bait), 'before lock': set_rates(dear) }) }))
// Good rates in one round of ten: none can be taken back before they have held for a round.
const at_times = rates => w => { if (w.round % 10 === 1) set_rates(rates)(w) }
const baits_at_times = () => transcoder(with_rates(dear, { on: phases({ start: at_times(bait), 'before lock': at_times(dear) }) }))
const raises = () => transcoder(with_rates(fair, { on: phases({
	'before lock'(w) { if (w.round >= HIKE_ROUND) set_rates(greedy)(w) } }) }))

// ---- verifiers ----

const judges = dims => dims.transcoders + dims.delegators
const honest_judge = dims => script([judges(dims)])
const lazy = dims => script([judges(dims)], { judge: () => ANSWER.pass })
// A planted result that is the hash of no rendition is told from a real one without transcoding.
const seems_right = (w, who, batch) => batch.planted === 'hash' ? ANSWER.fail : ANSWER.pass
const tells_plants = dims => script([judges(dims)], { judge: seems_right })
const third_tells_plants = dims => script(ring(dims), { judge: seems_right })
const honest_third = dims => script(ring(dims))
const ring = dims => Array.from({ length: Math.floor(dims.verifiers / 3) }, (_, i) => judges(dims) + i)

const collude = dims => script([SELF, ...ring(dims)], { work: no_output,
	judge: (w, who, batch) => batch.who === SELF ? ANSWER.pass : w.judge_well(who, batch) })

// ---- broadcasters ----

const sends_nothing = w => {
	w.jobs.open(w.first.spare, 2n * 10n ** 15n, ETHER, false, own_id(w))
	w.gas(w.first.spare, 'job')
}

// A job of 200 segments, whose numbers follow each other or not; what that costs the transcoder
// is noted as harm.
const sends = gaps => w => {
	const n = 200
	const price = 15n * 10n ** 14n
	const job = w.jobs.open(w.first.spare, price, price * BigInt(n), false, own_id(w))
	w.gas(w.first.spare, 'job')
	if (!job.ranked.length || !w.serve(job, job.ranked[0], n) || !gaps) return
	const harm = (n - 1) * GAS.range * w.env.gas_price
	w.cost(job.ranked[0], harm)
	w.harm = (w.harm ?? 0) + harm / 1e18
}

// ---- identities ----

const SPLIT = 20
const split_stake = 40_000n * ETHER
const spare = dims => dims.transcoders + dims.delegators + dims.verifiers + dims.broadcasters
const identities = dims => Array.from({ length: SPLIT }, (_, i) => spare(dims) + i)

// LPT of the last delegator, so that both runs have the same supply.
const waits = n => dims => script([...identities(dims), spare(dims) - dims.broadcasters - dims.verifiers - 1], {
	genesis(w) {
		const from = spare(dims) - dims.broadcasters - dims.verifiers - 1
		const each = split_stake / BigInt(n)
		for (const who of identities(dims).slice(0, n)) {
			w.bonding.pay(from, -each)
			w.bonding.pay(who, each)
			w.register(who)
		}
	},
	rates: (w, who) => who >= spare(dims) ? fair : undefined,
})

// A job too cheap for any other transcoder, of segments that its broadcaster will call planted.
const cheap = { cut: 100_000n, share: 500_000n, price: 10n ** 12n }
const plants = planted => w => {
	const job = own_job(w, w.first.spare, own_id(w), { price: cheap.price, n: 500, planted })
	if (job) own_claim(w, job, 500)
}
// The rates that docs/contracts.md 6 recommends; both kinds of plants.
const PLANTS = 0.02
const BOTH = ['hash', 'rendition']

/*
 * name, control, attack.  params, setting, plants (part of all jobs), kinds: of both runs.
 * base: what the gain is a percentage of, in ETH, where not of what the control ends with.
 * more: so many times as many seeds, where luck cannot be paired or strikes seldom.
 * by_mean: it gains if the mean is above MARGIN by more than two standard errors; else if the
 * median is above MARGIN.
 * known: it may gain, and why that is not the rules' fault: not asserted.
 */
export const strategies = [
	{ name: 'none (noise: claims in pieces)', control: honest_one, attack: () => transcoder({ piece: () => 500 }) },
	{ name: 'useless transcoder', control: honest_one,
		attack: () => transcoder(with_rates(useless_rates, { work: refuses })) },
	{ name: 'useless, back in for the grace', control: honest_one, attack: comes_back },
	{ name: '  the same, work pays a tenth', setting: thin, more: 5, by_mean: true, control: thin_one, attack: comes_back },
	{ name: 'useless, self-dealing for tolerance', control: honest_pair, attack: seems_busy },
	{ name: '  the same, work pays a tenth', setting: thin, more: 5, by_mean: true, control: thin_pair, attack: seems_busy },
	{ name: 'self-dealing beside honest work', control: honest_pair,
		attack: dims => with_broadcaster(dims, { on: phases({ work: circulates(2) }) }) },
	{ name: 'self-dealing to starve the others', control: dims => with_broadcaster(dims, with_rates(alone)),
		attack: dims => with_broadcaster(dims, with_rates(alone, { on: phases({ work: circulates(150) }) })) },
	{ name: 'invalid output, always', control: honest_one, attack: () => transcoder({ work: no_output }) },
	{ name: 'invalid output until found out', more: 15, by_mean: true, control: honest_one, attack: careful },
	{ name: '  the same where 1 in 5000 is checked', more: 5, by_mean: true, params: { verification_rate: 5000 }, control: honest_one, attack: careful,
		known: 'VerificationRate must not be so large' },
	{ name: 'range inflation by a tenth', control: () => transcoder({ work: as_received(0.1) }),
		attack: () => transcoder({ work: inflated(0.1) }) },
	{ name: 'self-reporting finder', control: dims => with_broadcaster(dims, { work: as_received(0.1) }),
		attack: dims => with_broadcaster(dims, { work: inflated(0.1), finder: claim => claim.who === SELF ? spare(dims) : undefined }) },
	{ name: 'withholding transcoder', control: honest_one, attack: () => transcoder({ work: refuses }) },
	{ name: 'withholding broadcaster', base: 1, control: dims => script([spare(dims)]),
		attack: dims => script([spare(dims)], { on: phases({ work: sends_nothing }) }) },
	{ name: 'non-consecutive segment numbers', base: 1, control: dims => script([spare(dims)], { on: phases({ work: sends(false) }) }),
		attack: dims => script([spare(dims)], { on: phases({ work: sends(true) }) }) },
	{ name: 'cheats, unbonds before the slash', control: honest_one, attack: () => runaway(unbond_all) },
	{ name: 'stake hopping around reward()', control: stays, attack: hops },
	{ name: 'unbond and rebond around reward()', control: stays, attack: blinks },
	{ name: 'delegator that chases fees', control: stays, attack: chases_fees },
	{ name: 'price bait, all look in the lock', setting: { early: 0 }, control: () => transcoder(with_rates(dear)), attack: baits },
	{ name: 'price bait, half look before it', control: () => transcoder(with_rates(dear)), attack: baits },
	{ name: '  in one round of ten only', control: () => transcoder(with_rates(dear)), attack: baits_at_times,
		known: 'delegators that do not look again' },
	{ name: 'rates raised when stake has come', control: () => transcoder(with_rates(fair)), attack: raises,
		known: 'delegators that do not look' },
	{ name: 'lazy verifier, nothing planted', control: honest_judge, attack: lazy,
		known: 'why plants are needed' },
	{ name: 'lazy verifier', by_mean: true, plants: PLANTS, control: honest_judge, attack: lazy },
	{ name: 'a lazy third that tells hash plants', more: 5, by_mean: true, plants: PLANTS, kinds: BOTH, control: honest_third, attack: third_tells_plants },
	{ name: '  one alone that does', plants: PLANTS, kinds: BOTH, control: honest_judge, attack: tells_plants,
		known: 'outvoted: no verdict is other for it' },
	{ name: 'colluding third of the seats', control: dims => script([SELF, ...ring(dims)]), attack: collude },
	{ name: 'planted segments, wrong indeed', control: dims => with_broadcaster(dims, with_rates(cheap)),
		attack: dims => with_broadcaster(dims, with_rates(cheap, { on: phases({ work: plants('hash') }) })) },
	{ name: 'planted segments that are right', control: dims => with_broadcaster(dims, with_rates(cheap)),
		attack: dims => with_broadcaster(dims, with_rates(cheap, { on: phases({ work: plants('right') }) })) },
	{ name: '  the same, plants need no proof', params: { plant_proof: 'none' }, control: dims => with_broadcaster(dims, with_rates(cheap)),
		attack: dims => with_broadcaster(dims, with_rates(cheap, { on: phases({ work: plants('right') }) })),
		known: 'why a plant must be provable' },
	{ name: 'waiting list: 20 small identities', more: 5, control: waits(1), attack: waits(SPLIT) },
]

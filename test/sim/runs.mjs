// The runs that `make sim` and the tests make: the large economy, and each strategy against its
// control.
import { World, honest_work } from './world.mjs'
import { strategies } from './strategies.mjs'

// Among honest transcoders one of so many that is careless, and one of twice as many that claims
// what it did not receive, so that claims are voided and stake is slashed all along.
function crowd(transcoders, { every, careless }) {
	const is_careless = who => who % every === 3
	const is_greedy = who => who % (2 * every) === 2
	const plays = Array.from({ length: transcoders }, (_, i) => i).filter(i => is_careless(i) || is_greedy(i))
	const work = (w, who, job, n) => is_careless(who) ? { ...honest_work(n), bad: careless } :
		{ claimed: n, received: Math.ceil(n * (1 - careless / 2)), done: n, bad: 0 }
	return { plays, on() {}, work }
}

export function economy({ seed, rounds, transcoders, delegators, params, every = 25, careless = 0.02 }) {
	const w = new World({ seed, transcoders, delegators, bonded: 0.3, lazy: 0.1, plants: 0.002,
		params, script: crowd(transcoders, { every, careless }) })
	return w.run(rounds)
}

// Mean, lowest and highest bonding rate of the last rounds.
export function settled(log, last = 100) {
	const rates = log.slice(-last).map(l => l.rate)
	return { mean: rates.reduce((a, b) => a + b, 0) / rates.length, low: Math.min(...rates), high: Math.max(...rates) }
}

const DIMS = { transcoders: 24, delegators: 200, verifiers: 30, broadcasters: 20 }
const POOL = 16

function play(strategy, script, seed, rounds, rule) {
	const w = new World({ ...DIMS, seed, script, plants: rule?.plants ?? strategy.plants, setting: strategy.setting, check: false,
		params: { num_active: POOL, ...strategy.params, ...rule } })
	const before = w.wealth(script.plays)
	const after = w.run(rounds).wealth(script.plays)
	w.balance()
	return { earned: after - before, after, harm: w.harm ?? 0 }
}

const middle = list => [...list].sort((a, b) => a - b)[list.length >> 1]
const mean = list => list.reduce((a, b) => a + b, 0) / list.length

// Where the two runs differ in who is drawn, their luck cannot be paired: it takes more of them.
const more_seeds = (seeds, draws) => draws ? Array.from({ length: 5 * seeds.length }, (_, i) => seeds[0] + i) : seeds

// Controls that several strategies share are run once.
export function compare({ seeds, rounds, rule = false, only = () => true }) {
	const played = new Map()
	const control = (s, seed) => {
		const list = played.get(s.control) ?? []
		const key = JSON.stringify([seed, s.params, s.setting, s.plants, rule && s.rule], (k, v) => typeof v === 'bigint' ? String(v) : v)
		const found = list.find(c => c.key === key)
		if (found) return found.result
		const result = play(s, s.control(DIMS), seed, rounds, rule && s.rule)
		played.set(s.control, [...list, { key, result }])
		return result
	}
	return strategies.filter(s => only(s) && (!rule || s.rule)).map(s => {
		const pairs = more_seeds(seeds, s.draws).map(seed => ({ control: control(s, seed), attack: play(s, s.attack(DIMS), seed, rounds, rule && s.rule) }))
		const eth = pairs.map(p => p.attack.earned - p.control.earned)
		const gain = pairs.map((p, i) => eth[i] / (s.base ?? p.control.after) * 100)
		return { ...s, n: pairs.length, gain: middle(gain), low: Math.min(...gain), high: Math.max(...gain), mean: mean(gain),
			eth: middle(eth), mean_eth: mean(eth), control_eth: middle(pairs.map(p => p.control.earned)), harm: middle(pairs.map(p => p.attack.harm)) }
	})
}

// A median this small, in percent, is noise unless no seed lost: the row that does nothing but
// claim in pieces stays well below.
export const MARGIN = 0.02
export const does_gain = row => row.gain > MARGIN || row.low > 0

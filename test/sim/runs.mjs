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
	const w = new World({ seed, transcoders, delegators, bonded: 0.3, lazy: 0.1, plants: 0.02, kinds: ['hash', 'rendition'],
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

function play(strategy, script, seed, rounds) {
	const { plants, kinds, setting } = strategy
	const w = new World({ ...DIMS, seed, script, plants, kinds, setting, check: false, params: { num_active: POOL, ...strategy.params } })
	const before = w.wealth(script.plays)
	const after = w.run(rounds).wealth(script.plays)
	w.balance()
	return { earned: after - before, after, harm: w.harm ?? 0 }
}

const middle = list => [...list].sort((a, b) => a - b)[list.length >> 1]
const mean = list => list.reduce((a, b) => a + b, 0) / list.length
function standard_error(list) {
	const m = mean(list)
	return Math.sqrt(list.reduce((s, x) => s + (x - m) ** 2, 0) / (list.length - 1) / list.length)
}

// Of a row, where others have n.
const seeds_of = (strategy, n) => n * (strategy.more ?? 1)

// What can be run apart: all rows of one seed, in which controls that several share are run once.
// i: the seed's number, n: how many seeds a row has.  Gives { row: { control, attack } }.
export function play_seed({ seed, i, n, rounds, rows }) {
	const played = new Map()
	const control = s => {
		const list = played.get(s.control) ?? []
		const key = JSON.stringify([s.params, s.setting, s.plants, s.kinds], (k, v) => typeof v === 'bigint' ? String(v) : v)
		const found = list.find(c => c.key === key)
		if (found) return found.result
		const result = play(s, s.control(DIMS), seed, rounds)
		played.set(s.control, [...list, { key, result }])
		return result
	}
	const wanted = rows.filter(row => i < seeds_of(strategies[row], n))
	return wanted.map(row => [row, { control: control(strategies[row]), attack: play(strategies[row], strategies[row].attack(DIMS), seed, rounds) }])
}

function sum_up(s, pairs) {
	const eth = pairs.map(p => p.attack.earned - p.control.earned)
	const gain = pairs.map((p, i) => eth[i] / (s.base ?? p.control.after) * 100)
	const { name, known, plants, by_mean } = s
	return { name, known, plants, by_mean, n: pairs.length, gain: middle(gain), low: Math.min(...gain), high: Math.max(...gain),
		mean: mean(gain), error: standard_error(gain), eth: middle(eth), mean_eth: mean(eth),
		control_eth: middle(pairs.map(p => p.control.earned)), harm: middle(pairs.map(p => p.attack.harm)) }
}

// Seeds from `seed` on, n a row or more.  each: runs play_seed on what it is given, here or elsewhere.
export async function compare({ seed, n, rounds, only = () => true, each = play_seed }) {
	const rows = strategies.flatMap((s, i) => only(s) ? [i] : [])
	const most = Math.max(...rows.map(row => seeds_of(strategies[row], n)))
	const tasks = Array.from({ length: most }, (_, i) => ({ seed: seed + i, i, n, rounds, rows }))
	const done = (await Promise.all(tasks.map(each))).flat()
	return rows.map(row => sum_up(strategies[row], done.filter(([r]) => r === row).map(([, pair]) => pair)))
}

// A median this small, in percent, is noise unless no seed lost: the row that does nothing but
// claim in pieces stays well below.
export const MARGIN = 0.02
export const does_gain = row => row.by_mean ? row.mean - 2 * row.error > MARGIN : row.gain > MARGIN || row.low > 0

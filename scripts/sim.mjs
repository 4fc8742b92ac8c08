#!/usr/bin/env node
// The economy of the contracts, simulated (docs/contracts.md 9): conservation, what bonding
// settles at, and what each attack gains over honesty.  Writes build/sim.svg.  Ends with 1
// when a strategy gains that should not, or conservation fails.
//   sim.mjs          SEED=n ROUNDS=n SEEDS=n from the environment
import { mkdirSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Worker, isMainThread, parentPort } from 'node:worker_threads'
import { MARGIN, compare, does_gain, economy, play_seed, settled } from '../test/sim/runs.mjs'
import { svg_plot, table, text_plot } from '../test/sim/plot.mjs'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..')
const env = (name, otherwise) => Number(process.env[name] ?? otherwise)
const percent = digits => x => `${(x * 100).toFixed(digits)} %`
const millions = x => `${(x / 1e6).toFixed(2)} M`

function show_economy(w) {
	const panels = [
		{ title: 'bonding rate', values: w.log.map(l => l.rate), show: percent(1), mark: 0.5, colour: '#1565c0' },
		{ title: 'inflation a round', values: w.log.map(l => l.inflation), show: percent(4), colour: '#c62828' },
		{ title: 'supply, LPT', values: w.log.map(l => l.supply), show: millions, colour: '#2e7d32' },
	]
	for (const p of panels) console.log(`${text_plot(p.title, p.values, p.show, p)}\n`)
	mkdirSync(join(root, 'build'), { recursive: true })
	writeFileSync(join(root, 'build/sim.svg'), svg_plot(panels))
	const s = settled(w.log)
	console.log(`bonding, last 100 rounds: mean ${percent(2)(s.mean)}, from ${percent(2)(s.low)} to ${percent(2)(s.high)}`)
	console.log(`work: ${Object.entries(w.jobs.counts).map(([k, v]) => `${k} ${v}`).join(', ')}`)
	console.log(`conservation held in each round; left by rounding: ${w.dust.stake} base units of LPT, ${w.dust.fees} wei`)
}

const signed = x => (x > 0 ? '+' : '') + x.toFixed(3)

const error_of = r => r.by_mean ? `+-${(2 * r.error).toFixed(3)}` : ''
const note = r => r.known ? `informational: ${r.known}` : does_gain(r) ? 'GAINS' : ''

function show_strategies(title, rows) {
	console.log(`\n${title}`)
	console.log(table([['strategy', 'n', 'median %', 'lowest', 'highest', 'mean', '', 'ETH', 'honest ETH', ''],
		...rows.map(r => [r.name, `${r.n}`, signed(r.gain), signed(r.low), signed(r.high), signed(r.mean), error_of(r), signed(r.eth),
			signed(r.control_eth), note(r)])]))
	for (const r of rows) if (r.harm) console.log(`${r.name.trim()}: costs its victims ${r.harm.toFixed(4)} ETH, itself ${(-r.control_eth).toFixed(2)}`)
}

// How many jobs must be planted for laziness to cost as much as it saves.
function show_plants(rows) {
	const saved = rows.find(r => r.name === 'lazy verifier, nothing planted').mean_eth
	const { mean_eth, plants } = rows.find(r => r.name === 'lazy verifier')
	const rate = plants * saved / (saved - mean_eth)
	console.log(`a lazy verifier breaks even where one job in ${Math.round(1 / rate)} is planted`)
}

// One seed of all strategies a task; gives { each, end }: play_seed elsewhere, on all cores.
function start_workers() {
	const waiting = new Map()
	const workers = Array.from({ length: availableParallelism() }, () => new Worker(fileURLToPath(import.meta.url)))
	for (const w of workers) {
		w.on('message', ({ i, result }) => waiting.get(i).resolve(result))
		w.on('error', e => { for (const { reject } of waiting.values()) reject(e) })
	}
	const each = task => new Promise((resolve, reject) => {
		waiting.set(task.i, { resolve, reject })
		workers[task.i % workers.length].postMessage(task)
	})
	return { each, end: () => workers.map(w => w.terminate()) }
}

function work() {
	parentPort.on('message', task => parentPort.postMessage({ i: task.i, result: play_seed(task) }))
}

async function main() {
	const seed = env('SEED', 1)
	const rounds = env('ROUNDS', 1000)
	console.log(`SEED=${seed}: ${rounds} rounds, 200 transcoders, 5000 delegators\n`)
	const { each, end } = start_workers()
	try {
		const compared = compare({ seed, n: env('SEEDS', 7), rounds: 60, each })
		compared.catch(() => {})	// thrown below
		show_economy(economy({ seed, rounds, transcoders: 200, delegators: 5000 }))
		const rows = await compared
		show_strategies(`gain over honesty in 60 rounds, in % of what the honest end with (a median up to ${MARGIN} is noise)`, rows)
		show_plants(rows)
		const wrong = rows.filter(r => does_gain(r) && !r.known)
		for (const r of wrong) console.error(`not ok - ${r.name.trim()} gains ${signed(r.gain)} %, mean ${signed(r.mean)} %`)
		return wrong.length ? 1 : 0
	} finally {
		end()
	}
}

if (isMainThread) process.exitCode = await main()
else work()

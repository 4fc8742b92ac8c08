#!/usr/bin/env node
// The economy of the contracts, simulated (docs/contracts.md 8): conservation, what bonding
// settles at, and what each attack gains over honesty.  Writes build/sim.svg.  Ends with 1
// when a strategy gains that is not known to, or conservation fails.
//   sim.mjs          SEED=n ROUNDS=n SEEDS=n from the environment
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { MARGIN, compare, does_gain, economy, settled } from '../test/sim/runs.mjs'
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

function show_strategies(title, rows) {
	console.log(`\n${title}`)
	console.log(table([['strategy', 'n', 'median %', 'lowest', 'highest', 'mean', 'ETH', 'honest ETH', ''],
		...rows.map(r => [r.name, `${r.n}`, signed(r.gain), signed(r.low), signed(r.high), signed(r.mean), signed(r.eth),
			signed(r.control_eth), does_gain(r) ? r.gains ? 'GAINS (known)' : 'GAINS' : ''])]))
	for (const r of rows) if (r.harm) console.log(`${r.name.trim()}: costs its victims ${r.harm.toFixed(4)} ETH, itself ${(-r.control_eth).toFixed(2)}`)
}

// How many jobs must be planted for laziness to cost as much as it saves.
function show_plants(rows, ruled) {
	const saved = rows.find(r => r.rule?.plants).mean_eth
	const { mean_eth, rule } = ruled.find(r => r.rule.plants)
	const rate = rule.plants * saved / (saved - mean_eth)
	console.log(`a lazy verifier breaks even where one job in ${Math.round(1 / rate)} is planted`)
}

function main() {
	const seed = env('SEED', 1)
	const rounds = env('ROUNDS', 1000)
	const seeds = Array.from({ length: env('SEEDS', 7) }, (_, i) => seed + i)
	console.log(`SEED=${seed}: ${rounds} rounds, 200 transcoders, 5000 delegators\n`)
	show_economy(economy({ seed, rounds, transcoders: 200, delegators: 5000 }))
	const rows = compare({ seeds, rounds: 60 })
	const ruled = compare({ seeds, rounds: 60, rule: true })
	show_strategies(`gain over honesty in 60 rounds, in % of what the honest end with (a median up to ${MARGIN} is noise)`, rows)
	show_strategies('the known ones again, with the rule that stops them', ruled)
	show_plants(rows, ruled)
	const unknown = rows.filter(r => does_gain(r) && !r.gains)
	for (const r of unknown) console.error(`not ok - ${r.name.trim()} gains ${signed(r.gain)} %`)
	return unknown.length ? 1 : 0
}

process.exitCode = main()

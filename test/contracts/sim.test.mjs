// The simulated economy (scripts/sim.mjs), small: everything that may be claimed is there, bonding
// goes where ParticipationRate wants it, and no attack pays.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ETHER } from '../sim/model.mjs'
import { compare, does_gain, economy, settled } from '../sim/runs.mjs'
import { World } from '../sim/world.mjs'

const seed = Number(process.env.SEED ?? 1)
console.log(`SEED=${seed}`)

const SMALL = { seed, transcoders: 20, delegators: 200 }
const small = (rounds, own = {}) => economy({ ...SMALL, rounds, params: { num_active: 14, ...own } })

test('all that may be claimed is held, in each of 100 rounds with slashes and moves', () => {
	// It throws in the round where that is not so.
	const w = economy({ ...SMALL, rounds: 100, every: 5, careless: 0.2, params: { num_active: 14 } })
	assert.equal(w.log.length, 100)
	assert.ok(w.jobs.counts.void > 0 && w.jobs.counts.slashed > 0, 'nothing was voided or slashed')
	assert.ok([...w.bonding.model.delegations.values()].some(d => d.locks.size), 'nobody moved')
})

test('the books notice a base unit too much or too little', async t => {
	const w = small(5)
	const [delegation] = [...w.bonding.model.delegations.values()].filter(d => d.delegate !== null)
	const wrongs = {
		'LPT that nobody minted': [() => { w.minter.held += 1n }, () => { w.minter.held -= 1n }, /supply/],
		'a wei that is gone from escrow': [() => { w.jobs.eth_held -= 1n }, () => { w.jobs.eth_held += 1n }, /escrow/],
		'stake that nobody bonded': [() => { w.bonding.model.vault(delegation.delegate).stake += ETHER },
			() => { w.bonding.model.vault(delegation.delegate).stake -= ETHER }, /stake: claims exceed/],
		'fees that nobody paid': [() => { delegation.fees += ETHER }, () => { delegation.fees -= ETHER }, /fees: claims exceed/],
	}
	for (const [what, [wrong, right, error]] of Object.entries(wrongs)) await t.test(what, () => {
		w.balance()
		wrong()
		assert.throws(() => w.balance(), error)
		right()
		w.balance()
	})
})

test('inflation rises while too little is bonded and falls while too much is', () => {
	const { log } = small(60)
	for (let i = 1; i < log.length; i++) {
		const before = log[i - 1]
		const step = Math.round((log[i].inflation - before.inflation) * 1e6)
		assert.equal(step, before.rate < 0.5 ? 3 : -3, `round ${log[i].round}: bonded ${before.rate}`)
	}
})

test('bonding settles at ParticipationRate', () => {
	const s = settled(small(400, { inflation_change: 10n }).log)
	assert.ok(Math.abs(s.mean - 0.5) < 0.03, `mean ${s.mean}, from ${s.low} to ${s.high}`)
})

test('the same seed gives the same run', () => {
	assert.deepEqual(small(20).log, small(20).log)
})

test('luck is the same for all whom a script does not touch', () => {
	const [a, b] = [undefined, { plays: [0], on() {}, work: () => null }].map(script =>
		new World({ seed, transcoders: 6, delegators: 20, params: { num_active: 4 }, ...(script ? { script } : {}) }).run(1))
	const elected = w => w.jobs.pending.filter(c => c.who !== 0).map(c => [c.job.id, c.who, c.challenged.join()].join(' '))
	const both = elected(a)
	assert.ok(both.length && both.every(line => elected(b).includes(line)))
})

const show = r => `${r.name.trim()}: median ${r.gain.toFixed(3)} %, mean ${r.mean.toFixed(3)}, from ${r.low.toFixed(3)} to ${r.high.toFixed(3)}, n ${r.n}`

test('no attack gains', async t => {
	const rows = [...await compare({ seed, n: 3, rounds: 36, only: s => !s.known && !s.more }),
		...await compare({ seed, n: 1, rounds: 36, only: s => !s.known && s.more })]
	for (const row of rows) await t.test(row.name.trim(), () => assert.ok(!does_gain(row), show(row)))
})

test('a gain is noticed: of what no rule stops', async t => {
	for (const row of await compare({ seed, n: 3, rounds: 36, only: s => /nothing planted|need no proof/.test(s.name) }))
		await t.test(row.name.trim(), () => assert.ok(does_gain(row), show(row)))
})

// What everything costs: gas of whole transactions through the proxies, with all contracts real,
// 144 in the pool, all active, 20 waiting.  The limits are asserted; the table is that of
// docs/gas.md, which must say the same within 2 % (GAS_DOC=1 writes it).
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, beforeEach, test } from 'node:test'
import { id } from 'ethers'
import { Full, N, WAITING } from './lib/full.mjs'
import { GasTable } from './lib/gas.mjs'
import { ETH, pack, sequences_of } from './lib/jobs.mjs'
import { GAS_MAX, LPT, abi_hash, event_of, receipt_tree, root, run, word } from './lib/kit.mjs'

const table = new GasTable()
const row = table.row.bind(table)
let w
let rounds_start
/* Members with much stake, leaves of the pool, that call reward and earn fees in every round. */
let steady
/* The same, of those with least stake. */
let small

before(async () => {
	w = await Full.start(10, async w => {
		await w.kit.next_rounds(3)
		rounds_start = { 10: await w.kit.next_round() }
	})
	await w.kit.next_rounds(3)
	rounds_start[N] = await w.kit.next_round()
	await w.fill_waiting_list()
	await w.kit.next_rounds(3)
	// Words that are written in every round are not fresh any more.
	const sorted = await w.by_stake()
	steady = [N - 1, N - 2, N - 20].map(i => sorted[i])
	small = sorted.slice(0, 3)
	for (let i = 0; i < 2; i++) {
		for (const who of [...steady, ...small]) {
			await run(w.bonding.connect(who).reward())
			await w.pay_fees(who.address, ETH / 1000n)
		}
		await w.kit.next_round()
	}
	await run(w.jobs.connect(w.broadcaster).deposit({ value: 100n * ETH }))
	await w.kit.keep()
})
after(() => w.kit.stop())
beforeEach(() => w.kit.reset())

/* A job for which only member 3 may be elected. */
const solo_job = () => w.job({ price: 1n, blocks: 3000, value: 0n, opts: { renditions: [{ width: 1280, height: 720 }] } })

test('rounds', async () => {
	const old = { 10: '2,272,104', [N]: '30.4M, more than a transaction may have' }
	row('initializeRound', '10 active, nobody waiting', rounds_start[10], { limit: 300000, old: old[10] })
	row('initializeRound', `${N} active, nobody waiting`, rounds_start[N], { limit: 300000, old: old[N] })
	row('initializeRound', `${N} active, one of ${WAITING} waiting is drawn`, await w.kit.next_round(), { limit: 300000 })
	assert.ok(Math.abs(Number(rounds_start[N].gasUsed - rounds_start[10].gasUsed)) < 3000, 'flat in N')
	const n = await w.chain.block()
	row('seal', 'a block 1 to 256 back', await run(w.rounds.seal(n - 10)))
	await w.chain.mine(300)
	row('seal', 'a block up to 8191 back, from the EIP-2935 history', await run(w.rounds.seal(n - 20)))
})

test('deposits and jobs', async () => {
	const jobs = w.jobs.connect(w.broadcaster)
	row('deposit', 'first', await run(w.jobs.connect(w.finder).deposit({ value: ETH })), { old: '83,286' })
	row('deposit', 'again', await run(jobs.deposit({ value: ETH })), { old: '66,186' })
	await w.job({ value: 0n })
	const job = await w.job({ value: 0n, blocks: 20 })
	row('job', 'streamId of 78 characters, 1 rendition', job.receipt, { limit: 150000, old: '329,973-344,273' })
	row('job', '78 characters, 2 renditions, with its deposit',
		(await w.job({ opts: { renditions: [{}, { width: 1280, height: 720 }] } })).receipt, { limit: 150000, old: '329,973-344,273' })
	row('topUp', '', await run(jobs.topUp(job.id, 1000n)))
	row('endJob', 'by its broadcaster', await run(jobs.endJob(job.id)))
	await w.chain.mine(150)
	await w.kit.next_round()
	row('refund', '', await run(jobs.refund(job.id)))
	row('withdraw', 'of a deposit', await run(jobs.withdraw()), { old: '79,971' })
})

/* n ranges of one segment, as of a stream with holes, from a sequence on. */
const holes = (from, n) => Array.from({ length: n }, (_, i) => [from + 3 * i, 1])

async function claim_ranges(job, from, n) {
	const by = w.members[3]
	const receipts = w.receipts(job, by, [[from, 1]])
	return (await w.claim(job, { by, ranges: holes(from, n), receipts })).receipt
}

test('claims', async () => {
	const first = {}
	const later = {}
	for (const n of [1, 10, 100, 1000]) {
		const job = await solo_job()
		first[n] = await claim_ranges(job, 1000, n)
		later[n] = await claim_ranges(job, 9000, n)
	}
	const one = n => n === 1 ? { limit: 150000 } : {}
	const old = (n, first) => n === 1 ? (first ? '413,549-414,513' : '280,764') : `${Math.round(280.776 * (n - 1) + (first ? 414 : 281)).toLocaleString('en')}k`
	for (const n of [1, 10, 100, 1000]) row('claimWork', `first, ${n} range${n > 1 ? 's' : ''}`, first[n], { ...one(n), old: old(n, true) })
	for (const n of [1, 10, 100, 1000]) row('claimWork', `later, ${n} range${n > 1 ? 's' : ''}`, later[n], { ...one(n), old: old(n, false) })
	for (const n of [10, 100, 1000])
		row('claimWork, each further range', `of ${n}`, Number(later[n].gasUsed - later[1].gasUsed), { per: n - 1, limit: 1500, old: '280,776' })

	const job = await w.job({ price: 1n, blocks: 3000, value: 0n })
	await w.election(job)
	await w.chain.mine(300)
	row('claimWork', 'first, the seed out of the EIP-2935 history', await claim_ranges(job, 1000, 1), { limit: 150000 })
})

test('verification', async () => {
	const by = w.members[3]
	const job = await solo_job()
	const [claim, sequences, bench] = await w.judged_claim(job, by, 100, 4)
	row('verifyWithVerdicts, a segment', 'batch 4, 100 leaves, its verifiers were never paid before',
		await w.settle(claim, sequences, w.openings(bench)), { per: 4 })
	row('record', 'of a batch of 4 that was settled in one transaction',
		await run(w.verifier.connect(w.finder).record(claim.ref, claim.batches, 0)))
	await w.credit_verifiers(job, by)
	for (const leaves of [100, 1000]) {
		for (const batch of [1, 4, 8]) {
			const [claim, sequences, bench] = await w.judged_claim(job, by, leaves, batch)
			const receipt = await w.settle(claim, sequences, w.openings(bench))
			row('verifyWithVerdicts, a segment', `batch ${batch}, ${leaves} leaves`, receipt,
				{ per: batch, limit: batch === 4 ? 60000 : undefined, old: leaves === 100 ? '313k' : '316k' })
		}
	}
	for (const leaves of [100, 1000]) {
		const [claim, sequences, bench] = await w.judged_claim(job, by, leaves, 4)
		const [asked, answered] = await w.verify_then_answer(claim, sequences, bench)
		row('verify, a segment', `batch 4, ${leaves} leaves, 3 statements`, asked, { per: 4, old: leaves === 100 ? '237,276' : '239,654' })
		row('answer, a segment', `batch 4, ${leaves} leaves, 3 openings`, answered, { per: 4, old: '72,362-76,338' })
		row('verify and answer, a segment', `batch 4, ${leaves} leaves, two transactions`, [asked, answered],
			{ per: 4, limit: 75000, missed: 94000, old: leaves === 100 ? '313k' : '316k' })
	}
})

test('fees', async () => {
	const by = w.members[3]
	const job = await solo_job()
	const claims = []
	for (let i = 0; i < 10; i++) claims.push(await w.claim(job, { by, ranges: [[10 * i, 5]], receipts: w.receipts(job, by, [[10 * i, 1]]) }))
	const judged = (await w.judged_claim(job, by, 100, 4))
	await w.settle(judged[0], judged[1], w.openings(judged[2]))
	await w.chain.next_is(judged[0].block + 130)
	await w.kit.ensure_round()
	row('distributeFees', 'the first of a transcoder', await w.distribute(claims[0]), { old: '185,152' })
	row('distributeFees', 'again', await w.distribute(claims[1]), { old: '150,964' })
	row('distributeFees', 'of a claim with verified segments', await w.distribute(judged[0]))
	row('batchDistributeFees', '8 claims', await run(w.jobs.batchDistributeFees(claims.slice(2).map(c => c.ref))), { old: '525,482' })
})

test('findings', async () => {
	const job = await w.job({ price: 2n, value: 0n })
	const { ranked } = await w.election(job)
	const refute = async (job, by, better, n) => {
		await w.claim(job, { by, ranges: [[0, 4]], receipts: w.receipts(job, by, [[0, 1]]) })
		const action = abi_hash(['string', 'uint256', 'address'], ['refuteElection', job.id, by.address])
		const salt = n ? await w.commit(w.finder, (who, salt) => abi_hash(['address', 'bytes32', 'bytes32'], [who, salt, action])) : word(0)
		return run(w.jobs.connect(w.finder).refuteElection(job.id, by.address, better, salt))
	}
	row('refuteElection', 'rank 0, finder not known', await refute(job, ranked[1], [ranked[0].address], false), { varies: 0.3 })
	const other = await w.job({ price: 2n, value: 0n })
	const e = await w.election(other)
	row('refuteElection', 'rank 0, with the FinderFee', await refute(other, e.ranked[1], [e.ranked[0].address], true), { varies: 0.3 })

	const by = w.members[3]
	const mine = await solo_job()
	const claim = await w.claim(mine, { by, ranges: [[0, 4]], receipts: w.receipts(mine, by, [[0, 4]]) })
	await w.chain.next_is(claim.block + 101)
	await w.kit.ensure_round()
	row('missedVerificationSlash', 'finder not known',
		await run(w.jobs.connect(w.finder).missedVerificationSlash(claim.ref, 2, claim.bytes, claim.root, [], word(0))), { old: '271,120', varies: 0.3 })
})

test('a slash, whatever the number of delegators', async () => {
	const sorted = await w.by_stake()
	const slash = who => run(w.bonding.connect(w.chain.as(w.jobs.target)).slashTranscoder(who, w.finder.address, 1n, 50000n))
	// The second of each: the first slash of a vault makes its list.
	await w.chain.fund(w.jobs.target, 1000n * ETH)
	await w.rounds_of(3000)
	const figures = []
	for (const [i, n] of [[100, 1], [101, 39]]) {
		for (const d of w.delegators.slice(figures.length, figures.length + n)) await run(w.bonding.connect(d).bond(LPT, sorted[i]))
		await slash(sorted[i])
		const receipt = await slash(sorted[i])
		figures.push(Number(receipt.gasUsed))
		row('slashTranscoder (as JobsManager)', `${n} delegator${n > 1 ? 's' : ''}, keeps its place`, receipt)
	}
	assert.ok(Math.abs(figures[0] - figures[1]) < 1000, 'flat in delegators')
	row('slashTranscoder (as JobsManager)', 'half of the stake, the largest goes to the root',
		await run(w.bonding.connect(w.chain.as(w.jobs.target)).slashTranscoder(sorted[N - 1], w.finder.address, 500000n, 50000n)))
})

test('reward', async () => {
	const reward = who => run(w.bonding.connect(who).reward())
	const old = '228,452-308,197'
	const figures = []
	for (const who of steady) figures.push(await reward(who))
	row('reward', 'place kept, the worst of 3', worst(figures), { limit: 150000, old })
	// Bonded to in the round before: its pending tokens become shares first, two new words say how.
	await run(w.bonding.connect(w.delegators[0]).bond(LPT, steady[0]))
	await w.kit.next_round()
	row('reward', 'place kept, after bonds in the round before', await reward(steady[0]), { old })
})

const worst = receipts => receipts.reduce((a, b) => a.gasUsed > b.gasUsed ? a : b)

test('reward with a move', async () => {
	const figures = []
	// The smallest, with a large stake in this round only: its reward lifts it above all others.
	for (const who of small) {
		const least = (await w.bonding.getTranscoderInfo((await w.by_stake())[0])).stake
		const own = (await w.bonding.getTranscoderInfo(who)).stake
		await run(w.bonding.connect(who).unbond(own - least + LPT))
		await run(w.bonding.connect(w.whale).bond(700000n * LPT, who))
		await w.kit.next_round()
		await w.pay_fees(who.address, ETH / 100n)	// or it would be judged to do no work
		await run(w.bonding.connect(w.whale).unbond((await w.bonding.getDelegator(w.whale)).bondedAmount))
		assert.equal((await w.by_stake()).indexOf(who), 0)
		figures.push(await run(w.bonding.connect(who).reward()))
		assert.ok((await w.by_stake()).indexOf(who) > N / 2, 'the reward moves it')
	}
	row('reward', 'from the root to a leaf of the pool, the worst of 3', worst(figures), { limit: 210000, old: '228,452-308,197' })
})

test('claimEarnings, whatever the number of rounds', async () => {
	const to = (await w.by_stake())[100]
	const [a, b, c] = w.delegators
	const figures = {}
	await w.rounds_of(8)
	await w.kit.next_round()
	await w.pay_fees(to.address, ETH / 1000n)
	await run(w.bonding.connect(a).bond(LPT, to))
	for (let i = 1; i <= 101; i++) {
		await w.kit.next_round()
		await run(w.bonding.connect(to).reward())
		await w.pay_fees(to.address, ETH / 1000n)
		if (i === 91) await run(w.bonding.connect(b).bond(LPT, to))
		if (i === 100) await run(w.bonding.connect(c).bond(LPT, to))
	}
	const old = { 1: '102,895', 10: '309k', 100: '2.2M in 5 transactions' }
	const round = await w.rounds.currentRound()
	for (const [n, who] of [[1, c], [10, b], [100, a]]) {
		const receipt = await run(w.bonding.connect(who).claimEarnings(round))
		figures[n] = Number(receipt.gasUsed)
		row('claimEarnings', `${n} round${n > 1 ? 's' : ''} unclaimed, with rewards and fees`, receipt, { limit: 120000, old: old[n] })
	}
	assert.ok(Math.abs(figures[100] - figures[10]) < 6000, 'flat in rounds')
	row('claimEarnings', 'again in the same round', await run(w.bonding.connect(a).claimEarnings(round)), { limit: 120000 })
})

test('delegators', async () => {
	const [a, b, c] = w.delegators
	const sorted = await w.by_stake()
	const { bonding } = w
	row('bond', 'first; the first in its delegate\'s round', await run(bonding.connect(a).bond(10n * LPT, sorted[20])), { old: '232,995-289,496' })
	row('bond', 'first', await run(bonding.connect(b).bond(LPT, sorted[20])), { old: '232,995-289,496' })
	row('bond', 'more in the same round', await run(bonding.connect(a).bond(LPT, sorted[20])))
	await w.kit.next_round()
	row('bond', 'more in a new round', await run(bonding.connect(a).bond(LPT, sorted[20])), { old: '229,482' })
	row('bond', 'from the root of the pool to a leaf', await run(bonding.connect(w.whale).bond(5000n * LPT, sorted[0])))
	row('unbond', 'a part', await run(bonding.connect(a).unbond(LPT)), { old: '192,394-227,399' })
	row('unbond', 'all', await run(bonding.connect(a).unbond((await bonding.getDelegator(a)).bondedAmount)), { old: '187,320' })
	row('bond with another delegate', 'moves all', await run(bonding.connect(b).bond(0, sorted[40])))
	await run(bonding.connect(c).bond(10n * LPT, sorted[20]))
	await run(bonding.connect(c).unbond(LPT))
	await run(bonding.connect(c).unbond(LPT))
	await w.pay_fees(sorted[20].address, ETH)
	row('withdrawFees', '', await run(bonding.connect(sorted[20]).withdrawFees(w.stranger.address, 1000n)), { old: '117,271' })
	await w.kit.next_rounds(4)
	row('rebondFromUnbonded', '', await run(bonding.connect(a).rebondFromUnbonded(sorted[20], 0)), { old: '184,232' })
	row('rebond', '', await run(bonding.connect(c).rebond(0)), { old: '136,582' })
	row('completeMove', '', await run(bonding.connect(w.stranger).completeMove(b, 0)))
	row('withdrawStake', '', await run(bonding.connect(c).withdrawStake(1)), { old: '104,508' })
})

test('transcoders', async () => {
	const sorted = await w.by_stake()
	const { bonding } = w
	await run(bonding.connect(w.whale).bond(3000n * LPT, w.whale))
	row('transcoder', 'registers, takes a place in the full pool', await run(bonding.connect(w.whale).transcoder(1, 1, 1)), { old: '237,710' })
	row('transcoder', 'other rates', await run(bonding.connect(sorted[70]).transcoder(2, 2, 2)), { old: '97,258' })
	row('transcodeAvailability', '', await run(bonding.connect(sorted[70]).transcodeAvailability(false)))
	row('resignAsTranscoder', '', await run(bonding.connect(sorted[70]).resignAsTranscoder()))
	row('promote', 'into a place that is free', await run(bonding.promote(w.members[N + 1])))
	await w.kit.next_round()
	row('updateTranscoderWithFees (as JobsManager)', 'first in a round', await w.pay_fees(sorted[20].address, ETH))
	row('updateTranscoderWithFees (as JobsManager)', 'again', await w.pay_fees(sorted[20].address, ETH))
})

test('verifiers', async () => {
	const who = w.verifiers[0]
	const by = w.verifier.connect(who)
	await w.kit.give(who, 1000n * LPT)
	row('joinSeats', 'one more', await run(by.joinSeats(1)))
	const job = await solo_job()
	await w.credit_verifiers(job, w.members[3])
	row('withdrawVerifierFees', '', await run(w.jobs.withdrawVerifierFees(who.address)))
	row('leaveSeats', 'one', await run(by.leaveSeats([1])))
})

test('governance', async () => {
	const { LivepeerGovernor: governor, Treasury: treasury, BondingVotes: votes } = w.kit.sys
	const whale = w.members[0]
	await run(w.bonding.connect(w.whale).bond(900000n * LPT, whale))
	await w.kit.next_rounds(2)
	const action = [[w.rounds.target], [0n], [w.rounds.interface.encodeFunctionData('setRoundLockAmount', [200000])]]
	const receipt = await run(governor.connect(whale).propose(...action, 'a change'))
	const { proposalId } = event_of(receipt, governor, 'ProposalCreated')
	row('propose', 'one action', receipt)
	await w.kit.next_rounds(2)
	row('castVote', '', await run(governor.connect(w.members[1]).castVote(proposalId, 1)))
	await run(governor.connect(whale).castVote(proposalId, 1))
	await w.kit.next_rounds(3)
	row('queue', 'one action', await run(governor.queue(...action, id('a change'))))
	await w.chain.pass(await treasury.getMinDelay())
	row('execute', 'one action', await run(governor.execute(...action, id('a change'))))
	assert.equal(await w.rounds.roundLockAmount(), 200000n)
	assert.ok(await votes.getPastVotes(whale, (await w.rounds.currentRound()) - 1n) > 0n)
})

/* Receipts of what was created before the first round. */
async function creations() {
	const found = new Map()
	for (let n = 1; n < 80; n++) {
		const receipts = await w.chain.rpc('eth_getBlockReceipts', `0x${n.toString(16)}`)
		for (const r of receipts ?? []) if (r.contractAddress) found.set(r.contractAddress.toLowerCase(), Number(r.gasUsed))
	}
	return found
}

test('deployment', async () => {
	const found = await creations()
	const old = { BondingManager: '4.53M', JobsManager: '3.40M' }
	const { at, targets } = w.kit.sys
	for (const [name, address] of Object.entries({ ...at, ...targets })) {
		const gas = found.get(address.toLowerCase())
		assert.ok(gas, `${name} was created`)
		row('create', name, gas, { limit: GAS_MAX, old: old[name] })
	}
})

test('the limits hold', () => table.check_limits())

test('docs/gas.md says the same', () => {
	const version = name => JSON.parse(readFileSync(join(root, 'node_modules', name, 'package.json'))).version
	const about = `Measured ${new Date().toISOString().slice(0, 10)} on Anvil ${version('@foundry-rs/anvil-linux-amd64')} ` +
		`(its default hardfork), contracts by solc ${version('solc')} via-IR, 200 runs, cancun, OpenZeppelin ${version('@openzeppelin/contracts')}.`
	if (process.env.GAS_DOC) table.write(about)
	table.check(0.02)
})

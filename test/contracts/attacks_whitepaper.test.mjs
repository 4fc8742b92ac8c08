// The whitepaper's chapter on attacks, one test a paragraph: what each brings who tries it.
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { ZeroHash, id } from 'ethers'
import { LPT, PERC, event_of, expect_event, expect_revert, make_receipt, receipt_tree, run } from './lib/kit.mjs'
import { ETH, pack } from './lib/jobs.mjs'
import { PRICE, Whole } from './lib/whole.mjs'

let w
before(async () => {
	w = await Whole.start({
		stakes: [100n, 200n, 300n, 97n], delegations: [[1, 100n], [2, 100n]],
		parameters: { BondingManager: { numActiveTranscoders: 3, competitivenessGrace: 1, competitivenessFloor: 10n ** 12n } },
	})
})
after(() => w?.kit.stop())
beforeEach(() => w.kit.reset())

const refused = (promise, name, args) => expect_revert(promise, w.jobs, name, args)
const by = who => w.bonding.connect(who)
const share = claim => BigInt(claim.challenged.length) * 3n * claim.job.fee / 10n

/* Claimed, verified by PASS and paid. */
async function paid(job, options) {
	const claim = await w.claim(job, { ranges: [[0, 100]], least: 1, ...options })
	await w.pass(claim)
	await w.until(claim, 'payable')
	await w.kit.ensure_round()
	await w.distribute(claim)
	return claim
}

test('consensus: stake that comes late elects nobody, and a second history of a segment is worth nothing', async () => {
	const [rich] = w.spare
	await w.register(rich, 1000000n * LPT)
	const job = await w.job()
	const { ranked, seed } = await w.election(job)
	assert.equal(ranked.includes(rich), false, 'a million LPT, bonded in the round of the job')
	await refused(w.jobs.connect(rich).claimWork(job.id, pack([[0, 1]]), id(''), seed, '0x'), 'NotEligible', [job.id, rich])

	// A transcoder that signs two results of each segment can claim one of them.
	const claim = await paid(job)
	const other = claim.receipts.map(r => make_receipt(w.jobs, w.broadcaster, claim.by, { ...r, transcodedHash: id('other') }))
	const again = w.jobs.connect(claim.by).claimWork(job.id, claim.bytes, receipt_tree(other).root, seed, '0x')
	await refused(again, 'RangeNotAscending', [0, 100])
	assert.equal((await w.chain.balance(w.bonding)), claim.fees - share(claim), 'paid once')
})

test('denial of service by a transcoder: the next in order works, and the first earns nothing', async () => {
	const job = await w.job()
	const { ranked: [idle, next] } = await w.election(job)
	const jobs = await w.jobs.numJobs()
	const fallback = w.fallback(job, 1, next, 0)
	const claim = await paid(job, { by: next, fallback })
	assert.equal(await w.jobs.numJobs(), jobs, 'without another job')
	const due = claim.fees - share(claim)
	const delegators = due / 2n
	assert.ok(await w.fees_of(next) >= due - delegators)
	assert.equal(await w.fees_of(idle), 0n)

	// What it claims all the same it cannot verify: the segments were signed for another.
	const stake = await w.total_stake(idle)
	const greedy = await w.claim(job, { by: idle, ranges: [[0, 100]], least: 1, receipts: claim.receipts })
	await refused(w.jobs.connect(idle).verify(...w.evidence(greedy, greedy.challenged), '0x'), 'BadSignature', ['broadcaster', greedy.challenged[0]])
	await w.until(greedy, 'missed')
	await w.kit.ensure_round()
	await run(w.missed(greedy))
	assert.equal(stake - await w.total_stake(idle), stake / 10n)
	assert.equal(await w.fees_of(idle), 0n)
})

test('a rank that one does not have costs a twentieth of the stake', async () => {
	const job = await w.job()
	const { ranked: [first, second] } = await w.election(job)
	const stake = await w.total_stake(second)
	const claim = await w.claim(job, { by: second, ranges: [[0, 100]] })
	await refused(w.jobs.refuteElection(job.id, first, [second], ZeroHash), 'UnknownClaim', [job.id, first, 0])
	const receipt = await run(w.jobs.connect(w.stranger).refuteElection(job.id, second, [first], ZeroHash))
	expect_event(receipt, w.jobs, 'ElectionRefuted', [second, job.id, [first.address], claim.fees])
	assert.equal(stake - await w.total_stake(second), stake / 20n)
	assert.equal((await w.jobs.getJob(job.id)).escrow, ETH)
	await refused(w.distribute(claim), 'ClaimNotPending', [2])
})

test('denial of service by a broadcaster: it holds its own money, and nothing of the transcoder', async () => {
	const job = await w.job()
	const { ranked: [t], seed } = await w.election(job)
	const stake = await w.total_stake(t)
	await run(w.jobs.connect(t).endJob(job.id))
	await refused(w.jobs.connect(t).claimWork(job.id, pack([[0, 1]]), id(''), seed, '0x'), 'Relinquished', [job.id, t])
	await refused(w.jobs.refund(job.id), 'JobNotOver', [job.id, job.endBlock + 100])
	await refused(w.jobs.connect(w.broadcaster).withdraw(), 'NothingToWithdraw', [w.broadcaster])
	await w.chain.next_is(job.endBlock + 101)
	await run(w.jobs.refund(job.id))
	assert.equal(await w.total_stake(t), stake)
	assert.equal(await w.jobs.broadcasters(w.broadcaster), ETH, `held for ${job.endBlock + 101 - job.block} blocks`)
})

test('a useless transcoder has no part of the inflation', async () => {
	const [, worker, useless] = w.transcoders
	await run(by(useless).transcoder(PERC, 0, 1000000n * PRICE))
	await w.kit.next_round()
	await paid(await w.job_of(worker))
	await w.kit.next_round()
	const stake = await w.total_stake(useless)
	expect_event(await run(by(useless).reward()), w.bonding, 'Reward', [useless, 0])
	assert.equal(await w.total_stake(useless), stake)
	const { amount } = event_of(await run(by(worker).reward()), w.bonding, 'Reward')
	// Delegated to the worker it would have had this, less a tenth.
	assert.ok(amount > 0n)
	console.log(`# a round's reward: ${amount} for 300 LPT that work, 0 for 400 that do not`)
})

test('work for oneself without fees for delegators is no work, and costs the verifiers\' fee', async () => {
	const [, worker, selfish] = w.transcoders
	const [friend] = w.spare
	await run(by(selfish).transcoder(PERC, 0, PRICE - 1n))
	// Worse rates hold a round later.
	await w.kit.next_rounds(2)
	await paid(await w.job_of(worker))
	const before = await w.chain.balance(friend) + await w.fees_of(selfish)
	// Cheaper than all others it is elected for its own job.
	const job = await w.job({ by: friend, price: PRICE - 1n })
	assert.deepEqual((await w.election(job)).ranked, [selfish])
	const claim = await paid(job)
	await w.chain.next_is(Math.max(job.endBlock + 101, await w.chain.block() + 1))
	await w.kit.ensure_round()
	await run(w.jobs.refund(job.id))
	await run(w.jobs.connect(friend).withdraw())
	const lost = before - await w.chain.balance(friend) - await w.fees_of(selfish)
	assert.equal(lost, share(claim), 'what went round, less what the verifiers have')
	await w.kit.ensure_round()
	expect_event(await run(by(selfish).reward()), w.bonding, 'Reward', [selfish, 0])
	console.log(`# dealing with itself for ${claim.fees} wei: ${lost} wei lost, no reward`)
})

test('invalid output is slashed until the place is lost', async () => {
	const [bad, , , waiting] = w.transcoders
	await expect_revert(by(w.stranger).promote(waiting), w.bonding, 'NoPlaceInPool', [97n * LPT, 100n * LPT])
	const claim = await w.claim(await w.job_of(bad), { ranges: [[0, 30]], least: 2 })
	await w.fail(claim)
	assert.equal(await w.total_stake(bad), 95n * LPT)
	assert.equal((await w.jobs.getJob(claim.job.id)).escrow, ETH - share(claim), 'all but the verifiers\' fee is back')
	await w.kit.ensure_round()
	await run(by(w.stranger).promote(waiting))
	await w.kit.next_round()
	assert.equal((await w.bonding.getTranscoderInfo(bad)).inPool, false)
	assert.equal((await w.bonding.getTranscoderInfo(waiting)).active, true)
	assert.equal(await w.fees_of(bad), 0n)
})

test('griefing by numbers that do not follow: a thousand ranges are one transaction', async () => {
	const job = await w.job()
	const receipts = w.receipts(job, (await w.election(job)).ranked[0], [[0, 2]])
	const one = await w.claim(job, { ranges: [[0, 2]] })
	const ranges = Array.from({ length: 1000 }, (_, i) => [10 + 2 * i, 1])
	const many = await w.claim(job, { ranges, by: one.by, receipts })
	const [few, all] = [one, many].map(c => Number(c.receipt.gasUsed))
	console.log(`# claim of 1 range: ${few} gas; of 1,000 ranges: ${all}; each further one: ${Math.round((all - few) / 999)}`)
	assert.ok(all < 16777216 && all - few <= 999 * 1500)
	assert.equal((await w.get_claim(many)).segments, 1000n)
	assert.equal((await w.get_claim(many)).fees, 1000n * job.fee)
})

test('a reorganisation that elects another costs nobody anything', async () => {
	const job = await w.job()
	const there = await w.chain.snapshot()
	const first = await w.election(job)
	await w.chain.revert(there)
	let second
	for (let i = 1; ; i++) {
		const fork = await w.chain.snapshot()
		await w.chain.pass(1000 * i)
		await w.chain.rpc('evm_mine')
		second = await w.election(job)
		if (second.ranked[0] !== first.ranked[0]) break
		await w.chain.revert(fork)
	}
	assert.notEqual(first.seed, second.seed)
	const [was, is] = [first.ranked[0], second.ranked[0]]
	const receipts = w.receipts(job, was, [[0, 100]])
	const stake = await w.total_stake(was)
	// What the first sent before it saw the other chain fails there, and is no false rank.
	const sent = w.jobs.connect(was).claimWork(job.id, pack([[0, 100]]), receipt_tree(receipts).root, first.seed, '0x')
	await refused(sent, 'ElectionSeedMismatch', [first.seed, second.seed])
	assert.equal(await w.total_stake(was), stake)

	// The broadcaster turns to the new one for what follows, and may keep the old one by its word.
	const rank = second.ranked.indexOf(was)
	const kept = await paid(job, { by: was, receipts, fallback: w.fallback(job, rank, was, 0) })
	const next = await paid(job, { by: is, ranges: [[100, 100]] })
	assert.equal(await w.chain.balance(w.bonding), kept.fees + next.fees - share(kept) - share(next))
})

// Deposits, jobs, elections and claims.
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { concat, id, keccak256, recoverAddress, toBeHex } from 'ethers'
import { calling_back, create, digest, event_of, expect_event, expect_revert, run } from './lib/kit.mjs'
import { neg_log2, ranked as rank_all } from './lib/election.mjs'
import { ETH, STATUS, STREAM_ID, World, options, pack } from './lib/jobs.mjs'

let w, jobs
before(async () => {
	w = await World.start()
	jobs = w.jobs
})
after(() => w.kit.stop())
beforeEach(() => w.kit.reset())

const as = who => jobs.connect(who)
const refused = (promise, name, args) => expect_revert(promise, jobs, name, args)
const ZERO = toBeHex(0, 32)
const pause = async () => run(w.kit.sys.Controller.connect(await w.kit.as_owner()).pause())

/* ---- deposits ---- */

test('a deposit can be withdrawn, also while paused', async () => {
	const b = w.broadcaster
	const before = await w.chain.balance(b)

	expect_event(await run(as(b).deposit({ value: 5n })), jobs, 'Deposit', [b, 5n])
	expect_event(await run(b.sendTransaction({ to: jobs.target, value: 2n })), jobs, 'Deposit', [b, 2n])
	assert.equal(await jobs.broadcasters(b.address), 7n)
	await pause()
	await refused(as(b).deposit({ value: 1n }), 'ManagerPaused', [])
	expect_event(await run(as(b).withdraw()), jobs, 'Withdraw', [b, 7n])
	assert.equal(await w.chain.balance(b), before)
	await refused(as(b).withdraw(), 'NothingToWithdraw', [b])
})

test('a withdrawal to who does not take it fails, and costs nobody else', async () => {
	const mute = await create(w.kit, 'Controller')
	const it = w.chain.as(mute.target)

	await w.chain.fund(mute.target, 10n)
	await run(as(it).deposit({ value: 5n }))
	await run(as(w.broadcaster).deposit({ value: 5n }))
	await refused(as(it).withdraw(), 'TransferFailed', [mute.target, 5n])
	await run(as(w.broadcaster).withdraw())
	assert.equal(await jobs.broadcasters(mute.target), 5n)
})

test('who calls again from within its withdrawal gets nothing', async () => {
	const again = w.stranger.address
	await w.chain.rpc('anvil_setCode', again, calling_back(jobs.interface.encodeFunctionData('withdraw')))
	await run(as(w.stranger).deposit({ value: 5n }))
	await run(as(w.broadcaster).deposit({ value: 50n }))
	await refused(as(w.stranger).withdraw(), 'TransferFailed', [again, 5n])
	assert.equal(await jobs.broadcasters(again), 5n)
})

/* ---- jobs ---- */

test('a job fixes its terms and takes its escrow out of the deposit', async () => {
	const opts = { rate: 30000, ms: 2000, renditions: [{ width: 640, height: 360 }, { width: 1280, height: 720, rate: 25000, encoder: 4 }] }
	// frames of 2 s: 60 and 50; AV1 counts eight times
	const units = BigInt(Math.ceil((640 * 360 * 60 + 1280 * 720 * 50 * 8) / 1e6))
	const job = await w.job({ opts, value: 3n * ETH, blocks: 200 })
	const j = await jobs.getJob(job.id)
	const made = event_of(job.receipt, jobs, 'NewJob')

	assert.deepEqual([...made], [w.broadcaster.address, 1n, STREAM_ID, options(opts), 10n, units, ETH, BigInt(job.block), BigInt(job.endBlock), ZERO])
	assert.deepEqual([j.broadcaster, j.creationBlock, j.endBlock, j.escrow, j.price, j.units, j.pendingClaims, j.params],
		[w.broadcaster.address, BigInt(job.block), BigInt(job.endBlock), ETH, 10n, units, 0n, 0n])
	assert.equal(j.creationRound, await w.rounds.currentRound())
	assert.equal(await jobs.broadcasters(w.broadcaster.address), 2n * ETH)
	assert.equal(await jobs.numJobs(), 1n)
	assert.equal(await jobs.jobStatus(job.id), 1n)
	assert.deepEqual([...await jobs.unitsOf(options(opts))], [units, 2000n])
	await w.chain.mine(202)
	assert.equal(await jobs.jobStatus(job.id), 0n)
	await refused(jobs.getJob(2), 'UnknownJob', [2n])
	await refused(jobs.jobStatus(2), 'UnknownJob', [2n])
})

test('jobs out of bounds are refused', async () => {
	const b = as(w.broadcaster)
	const far = await w.chain.block() + 100
	const o = options()
	await run(b.deposit({ value: 10n }))

	await refused(b.job('', o, 1, far, 1, ZERO), 'InvalidJob', ['streamId', 0n])
	await refused(b.job('x'.repeat(257), o, 1, far, 1, ZERO), 'InvalidJob', ['streamId', 257n])
	await refused(b.job('s', o, 1, far - 100, 1, ZERO), 'InvalidJob', ['endBlock', BigInt(far - 100)])
	await refused(b.job('s', o, 1, 2n ** 40n, 1, ZERO), 'InvalidJob', ['endBlock', 2n ** 40n])
	await refused(b.job('s', o, 2n ** 64n, far, 1, ZERO), 'InvalidJob', ['pricePerUnit', 2n ** 64n])
	const huge = { width: 65535, height: 65535, rate: 4294967295, encoder: 4 }
	const units = (65535n * 65535n * 4294967295n * 8n * 65535n * 10n + 10n ** 12n - 1n) / 10n ** 12n
	await refused(b.job('s', options({ ms: 65535, renditions: Array(10).fill(huge) }), 1, far, 1, ZERO), 'InvalidJob', ['units', units])
	await refused(b.job('s', o, 1, far, 11, ZERO), 'InsufficientDeposit', [11n, 10n])
	await refused(b.job('s', o, 1, far, 12, ZERO, { value: 1n }), 'InsufficientDeposit', [12n, 11n])
	await w.chain.mine(60)
	const round = await w.rounds.currentRound()
	await refused(b.job('s', o, 1, far, 1, ZERO), 'RoundNotInitialized', [round])
	await pause()
	await refused(b.job('s', o, 1, far, 1, ZERO), 'ManagerPaused', [])
})

test('options that mean nothing are refused where they are wrong', async () => {
	const wrong = (o, at) => refused(jobs.unitsOf(options(o)), 'InvalidOptions', [BigInt(at)])

	await wrong({ version: 2 }, 0)
	await wrong({ width: 0 }, 1)
	await wrong({ height: 0 }, 3)
	await wrong({ rate: 0 }, 5)
	await wrong({ ms: 0 }, 9)
	await wrong({ renditions: [{}, { width: 0 }] }, 30)
	await wrong({ renditions: [{ height: 0 }] }, 11)
	await wrong({ renditions: [{}, { encoder: 5 }] }, 42)
	await wrong({ renditions: [] }, 11)
	await wrong({ renditions: Array(11).fill({}) }, 220)
	await refused(jobs.unitsOf(options() + '00'), 'InvalidOptions', [31n])
	await refused(jobs.unitsOf('0x'), 'InvalidOptions', [0n])
	for (const [encoder, weight] of [1n, 4n, 1n, 4n, 8n].entries())
		assert.equal((await jobs.unitsOf(options({ renditions: [{ width: 1000, height: 1000, encoder }] })))[0], 60n * weight)
	assert.equal((await jobs.unitsOf(options({ ms: 1, renditions: [{ width: 1, height: 1 }] })))[0], 1n)
})

test('only its broadcaster tops a job up, while it takes claims', async () => {
	const job = await w.job({ blocks: 10 })

	expect_event(await run(as(w.broadcaster).topUp(job.id, 7, { value: 10n })), jobs, 'JobToppedUp', [job.id, 7n, ETH + 7n])
	assert.equal(await jobs.broadcasters(w.broadcaster.address), 3n)
	await refused(as(w.stranger).topUp(job.id, 1, { value: 1n }), 'NotBroadcaster', [job.id, w.stranger])
	await refused(as(w.broadcaster).topUp(job.id, 5), 'InsufficientDeposit', [5n, 3n])
	await refused(as(w.broadcaster).topUp(9, 5), 'UnknownJob', [9n])
	await w.chain.next_is(job.endBlock + 101)
	await refused(as(w.broadcaster).topUp(job.id, 1), 'JobOver', [job.id, BigInt(job.endBlock + 100)])
})

test('endJob: by the broadcaster it ends, by another it is that one who leaves', async () => {
	const job = await w.job()
	const e = await w.election(job)
	const [first] = e.ranked

	expect_event(await run(as(first).endJob(job.id)), jobs, 'JobRelinquished', [job.id, first])
	assert.equal((await jobs.progress(job.id, first.address)).relinquished, true)
	await refused(as(first).claimWork(job.id, pack([[0, 1]]), ZERO, e.seed, '0x'), 'Relinquished', [job.id, first])
	const ended = await run(as(w.broadcaster).endJob(job.id))
	expect_event(ended, jobs, 'JobEnded', [job.id, BigInt(ended.blockNumber)])
	await refused(as(w.broadcaster).endJob(job.id), 'JobOver', [job.id, BigInt(ended.blockNumber)])
	await refused(as(w.broadcaster).endJob(77), 'UnknownJob', [77n])
})

test('what is left of a job goes to the deposit once no claim can come or is pending', async () => {
	const job = await w.job({ blocks: 10 })
	const until = BigInt(job.endBlock + 100)

	await refused(as(w.stranger).refund(job.id), 'JobNotOver', [job.id, until])
	await w.chain.next_is(job.endBlock + 90)
	await w.claim(job)
	await w.chain.next_is(Number(until) + 1)
	await refused(as(w.stranger).refund(job.id), 'ClaimsPending', [job.id, 1n])
	await refused(as(w.stranger).refund(5), 'UnknownJob', [5n])
	await w.kit.ensure_round()
	const quiet = await w.job({ blocks: 1 })
	await w.chain.next_is(quiet.endBlock + 101)
	expect_event(await run(as(w.stranger).refund(quiet.id)), jobs, 'JobRefunded', [quiet.id, ETH])
	assert.equal(await jobs.broadcasters(w.broadcaster.address), ETH)
	await refused(as(w.stranger).refund(quiet.id), 'NothingToWithdraw', [w.broadcaster])
})

/* ---- elections ---- */

test('an election is that of the seed, the stakes of the round and the offer', async () => {
	await w.stake(w.transcoders[3], 400n * ETH, 11n)
	await w.stake(w.stranger, 50n * ETH, 1n, 10n ** 9n)
	const job = await w.job({ price: 10n })
	const { seed, ranked, scores } = await w.election(job)
	const block = await w.chain.provider.getBlock(job.block + 1)
	const want = rank_all(block.hash, job.id, w.transcoders.slice(0, 3).map((t, i) => ({ address: t.address, stake: BigInt(i + 1) * 100n * ETH })))

	assert.equal(seed, block.hash)
	assert.deepEqual(ranked.map(t => t.address), want.map(c => c.address))
	assert.deepEqual([...scores], want.map(c => c.score))
	assert.equal(neg_log2(0n), 256n << 64n)
})

test('an election has no seed before the next block', async () => {
	const job = await w.job()
	await refused(jobs.getElection(job.id), 'BlockHashUnavailable', [BigInt(job.block + 1)])
	await refused(jobs.getElection(77), 'UnknownJob', [77n])
})

/* ---- claims ---- */

test('a claim reserves its fees at once', async () => {
	const job = await w.job()
	const claim = await w.claim(job, { ranges: [[5, 3], [10, 2]] })
	const c = await w.get_claim(claim)
	const fees = 5n * job.fee
	const parameters = await jobs.claimParams(c.params)

	expect_event(claim.receipt, jobs, 'NewClaim', [claim.by, job.id, 0n, claim.root, claim.bytes, 5n, fees, 0n])
	assert.deepEqual([c.claimBlock, c.segments, c.lastVerified, c.verified, c.open, c.status, c.settledAt, c.fees],
		[BigInt(claim.block), 5n, 0n, 0n, 0n, STATUS.Pending, 0n, fees])
	assert.equal(c.content, keccak256(concat([claim.root, keccak256(claim.bytes)])).slice(0, 48))
	assert.equal(c.verifiedChain, c.content.slice(0, 36), 'of batches, none yet')
	assert.equal((await jobs.getJob(job.id)).escrow, ETH - fees)
	assert.equal((await jobs.getJob(job.id)).pendingClaims, 1n)
	assert.deepEqual([...await jobs.progress(job.id, claim.by.address)], [12n, 1n, 0n, false, false])
	assert.deepEqual([...parameters], [1n, 50n, 20n, 100n, 300000n])
	assert.deepEqual([...await jobs.claimDeadlines(job.id, claim.by.address, 0)], [50n, 69n, 70n].map(n => n + BigInt(claim.block)))
	await refused(jobs.claimDeadlines(job.id, claim.by.address, 1), 'UnknownClaim', [job.id, claim.by, 1n])
	assert.equal((await jobs.getClaim(job.id, claim.by.address, 1)).status, STATUS.None)
})

test('no segment is claimed twice', async () => {
	const job = await w.job()
	const claim = await w.claim(job, { ranges: [[5, 3]] })
	const again = ranges => as(claim.by).claimWork(job.id, pack(ranges), ZERO, ZERO, '0x')

	await refused(again([[7, 1]]), 'RangeNotAscending', [7n, 8n])
	await refused(again([[0, 1]]), 'RangeNotAscending', [0n, 8n])
	await refused(again([[8, 2], [9, 1]]), 'RangeNotAscending', [9n, 10n])
	await run(again([[8, 1]]))
	assert.equal((await jobs.progress(job.id, claim.by.address)).claims, 2n)
})

test('claims that may not be are refused', async () => {
	const job = await w.job({ escrow: 1000n * 10n, blocks: 60 })
	const e = await w.election(job)
	const me = as(e.ranked[0])
	const one = pack([[0, 1]])

	await refused(me.claimWork(9, one, ZERO, e.seed, '0x'), 'UnknownJob', [9n])
	await refused(me.claimWork(job.id, one, ZERO, id('fork'), '0x'), 'ElectionSeedMismatch', [id('fork'), e.seed])
	await refused(as(w.stranger).claimWork(job.id, one, ZERO, e.seed, '0x'), 'NotEligible', [job.id, w.stranger])
	await refused(me.claimWork(job.id, pack([[0, 65536]]), ZERO, e.seed, '0x'), 'InvalidRanges', [12n])
	await refused(me.claimWork(job.id, '0x', ZERO, e.seed, '0x'), 'InvalidRanges', [0n])
	await refused(me.claimWork(job.id, pack([[0, 5000]]), ZERO, e.seed, '0x'), 'InsufficientEscrow', [5000n * job.fee, 10000n])
	await pause()
	await refused(me.claimWork(job.id, one, ZERO, e.seed, '0x'), 'ManagerPaused', [])
	await run(w.kit.sys.Controller.connect(await w.kit.as_owner()).unpause())
	await w.chain.next_is(job.endBlock + 101)
	await refused(me.claimWork(job.id, one, ZERO, e.seed, '0x'), 'JobOver', [job.id, BigInt(job.endBlock + 100)])
})

test('who has no stake any more claims no more', async () => {
	const claim = await w.claim(await w.job())

	await w.stake(claim.by, 0n)
	await refused(as(claim.by).claimWork(claim.ref.jobId, pack([[4, 1]]), ZERO, ZERO, '0x'), 'StakeGone', [claim.by])
	await w.stake(claim.by, 1n)
	await run(as(claim.by).claimWork(claim.ref.jobId, pack([[4, 1]]), ZERO, ZERO, '0x'))
})

test('in the block after its job nobody can claim: there is no seed yet', async () => {
	const job = await w.job()
	await refused(as(w.transcoders[0]).claimWork(job.id, pack([[0, 1]]), ZERO, ZERO, '0x'), 'BlockHashUnavailable', [BigInt(job.block + 1)])
})

test('a claim that a reorganisation moved to another election reverts', async () => {
	const before = await w.chain.snapshot()
	const job = await w.job()
	const e = await w.election(job)
	await w.chain.revert(before)
	await w.chain.pass(1000)
	const again = await w.job()
	const other = await w.election(again)

	assert.equal(again.id, job.id)
	assert.notEqual(other.seed, e.seed)
	for (const t of w.transcoders)
		await refused(as(t).claimWork(job.id, pack([[0, 1]]), ZERO, e.seed, '0x'), 'ElectionSeedMismatch', [e.seed, other.seed])
})

/* ---- fallbacks ---- */

test('a later rank claims with the word of the broadcaster', async () => {
	const job = await w.job()
	const { ranked, seed } = await w.election(job)
	const second = as(ranked[1])
	const good = w.fallback(job, 1, ranked[1], 10)
	const claim = (f, start = 10) => second.claimWork(job.id, pack([[start, 1]]), ZERO, seed, f)

	await refused(claim(good, 9), 'BeforeFallback', [9n, 10n])
	await refused(claim(w.fallback(job, 0, ranked[1], 10)), 'InvalidFallback', [0n, w.broadcaster])
	await refused(claim(w.fallback(job, 4, ranked[1], 10)), 'InvalidFallback', [4n, w.broadcaster])
	await refused(claim(w.fallback(job, 1, ranked[1], 10, w.stranger)), 'InvalidFallback', [1n, w.stranger])
	await refused(claim(good.slice(0, -2)), 'InvalidFallback', [0n, toBeHex(0, 20)])
	// Signed for another, or on another job: what comes out as the signer is anybody.
	const said = digest(jobs, 'Fallback', { jobId: job.id, rank: 1, transcoder: ranked[1].address, fromSequence: 10 })
	for (const f of [w.fallback(job, 1, ranked[2], 10), w.fallback({ ...job, id: 2n }, 1, ranked[1], 10)])
		await refused(claim(f), 'InvalidFallback', [1n, recoverAddress(said, `0x${f.slice(20)}`)])
	await run(claim(good))
	assert.deepEqual([...await jobs.progress(job.id, ranked[1].address)], [11n, 1n, 1n, false, false])
	await run(claim('0x', 20))
	assert.equal((await jobs.progress(job.id, ranked[1].address)).rank, 1n)
})

/* ---- the whole of the interface ---- */

test('every function of the interface is there', async () => {
	const known = jobs.interface
	for (const f of known.fragments.filter(f => f.type === 'function' && f.stateMutability === 'view' && !f.inputs.length))
		await jobs[f.name]().catch(e => assert.ok(f.name === 'proxiableUUID', `${f.name}: ${e.message}`))
	const missing = w.stranger.sendTransaction({ to: jobs.target, data: '0x12345678' })
	await expect_revert(missing, jobs, '')
})

// What becomes of claims when block hashes leave the EIP-2935 history.  Mines 8200 blocks, once.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { toBeHex } from 'ethers'
import { expect_event, expect_revert, run } from './lib/kit.mjs'
import { ETH, STATUS, VOID, World, pack } from './lib/jobs.mjs'

const ZERO = toBeHex(0, 32)
let w, jobs, unsealed, verified, sealed_one, job, e
before(async () => {
	w = await World.start({ parameters: { claimPeriod: 20000 } })
	jobs = w.jobs
	unsealed = await w.claim(await w.job())
	verified = await w.claim(await w.job())
	await w.verify(verified, [0])
	sealed_one = await w.claim(await w.job())
	await w.challenge_hash(sealed_one)
	await run(w.rounds.seal(sealed_one.block + 1))
	job = await w.job({ blocks: 20000 })
	e = await w.election(job)
	await expect_revert(jobs.voidUnsealed(unsealed.ref), jobs, 'TooEarly', [BigInt(unsealed.block + 1 + 8192)])
	// Into the history with the seed, before a long way (see mine()).
	await w.chain.mine(2)
	// verify and slash in 70 blocks: in the next block refuters still have the seed that long
	await w.chain.next_is(job.block + 1 + 8191 - 70)
})
after(() => w.kit.stop())

test('a claim waits for the seed to be sealed when refuters might miss it', async () => {
	const claim = s => jobs.connect(e.ranked[0]).claimWork(job.id, pack([[s, 1]]), ZERO, e.seed, '0x')
	const before = await w.chain.snapshot()

	await run(claim(0))
	await expect_revert(claim(1), jobs, 'SeedNotSealed', [BigInt(job.block + 1)])
	await w.chain.revert(before)
	await w.chain.mine(1)
	await expect_revert(claim(0), jobs, 'SeedNotSealed', [BigInt(job.block + 1)])
	await run(w.rounds.seal(job.block + 1))
	await run(claim(0))
})

test('a claim whose challenge nobody sealed is void, never drawn again and never paid', async () => {
	await w.chain.mine(100)
	const n = BigInt(unsealed.block + 1)
	const left = (await jobs.getJob(unsealed.job.id)).escrow

	await expect_revert(w.distribute(unsealed), w.rounds, 'BlockHashUnavailable', [n])
	await expect_revert(jobs.voidUnsealed(verified.ref), jobs, 'ChallengeSealed', [BigInt(verified.block + 1)])
	await expect_revert(jobs.voidUnsealed(sealed_one.ref), jobs, 'ChallengeSealed', [BigInt(sealed_one.block + 1)])
	const receipt = await run(jobs.connect(w.stranger).voidUnsealed(unsealed.ref))
	expect_event(receipt, jobs, 'ClaimVoided', [unsealed.by, unsealed.job.id, 0n, VOID.Unsealed, 4n * unsealed.job.fee])
	assert.equal((await jobs.getJob(unsealed.job.id)).escrow, left + 4n * unsealed.job.fee)
	assert.equal((await w.get_claim(unsealed)).status, STATUS.Void)
	await expect_revert(jobs.voidUnsealed(unsealed.ref), jobs, 'ClaimNotPending', [STATUS.Void])
	await w.distribute(sealed_one)
	await w.distribute(verified)
	assert.equal((await jobs.getJob(unsealed.job.id)).escrow, ETH)
})

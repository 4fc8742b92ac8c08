// The weaknesses of the first contracts that lay in stake, rounds and power, each tried on the
// whole system.  Those of jobs and claims are in attacks_jobs.
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { id } from 'ethers'
import { LPT, PERC, abi_hash, event_of, expect_event, expect_revert, run } from './lib/kit.mjs'
import { pack } from './lib/jobs.mjs'
import { PRICE, Whole, finding, missed_action } from './lib/whole.mjs'

let w
before(async () => {
	// Three places, all taken; a fourth candidate waits.
	w = await Whole.start({
		stakes: [100n, 200n, 300n, 90n], delegations: [[0, 100n], [1, 100n], [1, 100n]],
		parameters: { BondingManager: { numActiveTranscoders: 3 } },
	})
})
after(() => w?.kit.stop())
beforeEach(() => w.kit.reset())

const refused = (promise, name, args) => expect_revert(promise, w.bonding, name, args)
const by = who => w.bonding.connect(who)
const lock_of = async (who, n) => (await w.bonding.getLock(who, n)).amount

/* A false claim, found and slashed at once. */
async function slashed(claim) {
	const salt = await w.commit(w.finder, missed_action(claim, claim.challenged[0]))
	await w.until(claim, 'missed')
	await w.kit.ensure_round()
	return run(w.missed(claim, { salt }))
}

test('weakness 2: stake that is unbonded or moved after a false claim is slashed with the rest', async () => {
	const [, , t] = w.transcoders
	const claim = await w.claim(await w.job_of(t), { ranges: [[0, 100]], least: 1 })
	await run(by(t).unbond(300n * LPT - 1n))
	assert.equal(await w.bonding.isRegisteredTranscoder(t), true, 'one base unit keeps it registered')
	const until = [0, await w.rounds.currentRound() + 3n, await w.chain.block() + 400]
	await refused(by(t).withdrawStake(0), 'LockNotMature', until)
	const slash = await slashed(claim)
	expect_event(slash, w.bonding, 'TranscoderSlashed', [t, w.finder, 0, 0])
	assert.equal(await lock_of(t, 0), (300n * LPT - 1n) * 9n / 10n, 'the lock pays a tenth less')
	// Back into the vault, or out of it: the slash comes along.
	const there = await w.chain.snapshot()
	await run(by(t).rebond(0))
	assert.equal(await w.stake_of(t), (300n * LPT - 1n) * 9n / 10n + 1n)
	await w.chain.revert(there)
	await w.kit.mine(400)
	await w.kit.ensure_round()
	const [mine, pool] = [await w.lpt(t), await w.lpt(w.treasury)]
	await run(by(t).withdrawStake(0))
	const got = await w.lpt(t) - mine
	assert.equal(got, (300n * LPT - 1n) * 9n / 10n)
	assert.equal(await w.lpt(w.treasury) - pool, 300n * LPT - 1n - got, 'the tenth is the CommonPool\'s')
})

test('weakness 2: delegators that flee to another transcoder are slashed where they were', async () => {
	const [t, to] = w.transcoders
	const [d] = w.delegators
	const claim = await w.claim(await w.job_of(t), { ranges: [[0, 100]], least: 1 })
	await run(by(d).bond(0, to))
	await slashed(claim)
	assert.equal(await lock_of(d, 0), 90n * LPT)
	await w.kit.mine(400)
	await w.kit.ensure_round()
	await run(by(w.stranger).completeMove(d, 0))
	assert.equal(await w.stake_of(d), 90n * LPT)
	assert.equal(await w.stake_of(t), 90n * LPT)
})

test('weakness 2: who has withdrawn its stake can claim no more', async () => {
	const [, , t] = w.transcoders
	const job = await w.job_of(t, { blocks: 2000 })
	const { seed } = await w.election(job)
	await run(by(t).unbond(300n * LPT))
	await w.kit.mine(500)
	await w.kit.ensure_round()
	await run(by(t).withdrawStake(0))
	assert.equal(await w.lpt(t), 300n * LPT, 'nothing is at risk any more')
	assert.equal(await w.bonding.eligibleStake(t, (await w.jobs.getJob(job.id)).creationRound, job.block, PRICE), 300n * LPT, 'though it was elected for that')
	await expect_revert(w.jobs.connect(t).claimWork(job.id, pack([[0, 10000]]), id('lie'), seed, '0x'), w.jobs, 'StakeGone', [t])
})

test('weakness 2: nor who left one base unit of it', async () => {
	const [, , t] = w.transcoders
	const job = await w.job_of(t, { blocks: 2000 })
	const { seed } = await w.election(job)
	const claim = n => w.jobs.connect(t).claimWork(job.id, pack([[n, 1]]), id('lie'), seed, '0x')
	await run(claim(0))
	await run(by(t).unbond(300n * LPT - 1n))
	await expect_revert(claim(1), w.jobs, 'StakeGone', [t])
	await run(by(t).rebond(0))
	await run(claim(1))
})

test('weakness 6: late fees into a claimed round are not lost', async () => {
	const [t] = w.transcoders
	const [d] = w.delegators
	const job = await w.job_of(t)
	const claim = await w.claim(job, { ranges: [[0, 100]], least: 1 })
	await w.pass(claim)
	await w.until(claim, 'payable')
	// Two rounds later: all have claimed their earnings up to then, one has left.
	await w.kit.next_rounds(2)
	for (const a of [t, d]) await run(by(a).claimEarnings(await w.rounds.currentRound()))
	const before = await w.holdings([t, d])
	await w.distribute(claim)
	const fees = await w.chain.balance(w.bonding)
	const got = await w.holdings([t, d])
	const gain = a => got[a.address].fees - before[a.address].fees
	// Half to the vault, in which both have as much.
	assert.ok(fees / 4n - gain(d) <= 1n && gain(d) <= fees / 4n, `${gain(d)} of ${fees}`)
	assert.ok(fees * 3n / 4n - gain(t) <= 1n)
	await run(by(d).withdrawFees(d, gain(d)))
	await run(by(t).withdrawFees(t, gain(t)))
	const dust = await w.chain.balance(w.bonding)
	assert.ok(dust <= 2n)
	console.log(`# ${fees} wei of fees two rounds late, ${dust} left as dust`)
})

test('weakness 11: what attracts work is at risk, delegated stake too', async () => {
	const [, t] = w.transcoders
	const [, d, e] = w.delegators
	const claim = await w.claim(await w.job_of(t), { ranges: [[0, 100]], least: 1 })
	assert.equal(await w.bonding.eligibleStake(t, await w.rounds.currentRound(), claim.job.block, PRICE), 400n * LPT)
	const receipt = await slashed(claim)
	expect_event(receipt, w.bonding, 'TranscoderSlashed', [t, w.finder, 40n * LPT, 2n * LPT])
	assert.deepEqual(await Promise.all([t, d, e].map(a => w.stake_of(a))), [180n * LPT, 90n * LPT, 90n * LPT])
	assert.equal(await w.total_stake(t), 360n * LPT)
})

test('weakness 15: the evicted verifies, is paid, and has its reward', async () => {
	const [t] = w.transcoders
	const claim = await w.claim(await w.job_of(t), { ranges: [[0, 100]], least: 1 })
	const [rich] = w.spare
	const receipt = await w.register(rich, 1000n * LPT)
	expect_event(receipt, w.bonding, 'TranscoderDeactivated', [t, await w.rounds.currentRound() + 1n])
	const there = await w.chain.snapshot()
	const { amount } = event_of(await run(by(t).reward()), w.bonding, 'Reward')
	assert.ok(amount > 0n, 'it is active to the end of the round')
	await w.chain.revert(there)
	await w.pass(claim)
	await w.kit.next_round()
	assert.equal((await w.bonding.getTranscoderInfo(t)).inPool, false)
	await w.claim(claim.job, { by: t, ranges: [[200, 4]], most: 0 })
	await w.until(claim, 'payable')
	await w.kit.ensure_round()
	const before = await w.fees_of(t)
	await w.distribute(claim)
	const fees = await w.chain.balance(w.bonding)
	assert.equal(fees, claim.fees - BigInt(claim.challenged.length) * 3n * claim.job.fee / 10n)
	assert.ok(await w.fees_of(t) - before >= fees * 3n / 4n - 1n)
})

test('weakness 16: neither the order of claims nor dust loses a reward, and all can leave', async () => {
	const [, t] = w.transcoders
	const [, d, e] = w.delegators
	const [dusty] = w.spare
	await w.bond(dusty, 1000n, t)
	await w.kit.next_round()
	const round = await w.rounds.currentRound()
	await run(by(d).claimEarnings(round))
	await run(by(t).reward())
	await run(by(e).claimEarnings(round))
	await w.kit.next_round()
	await run(by(t).reward())
	await run(by(d).claimEarnings(round + 1n))
	const [one, two, small] = await Promise.all([d, e, dusty].map(a => w.stake_of(a)))
	assert.equal(one, two, 'claimed before the reward, and after')
	assert.ok(one > 100n * LPT)
	assert.ok(small === 1000n * one / (100n * LPT) || small === 1000n * one / (100n * LPT) - 1n, `${small} from 1000`)
	for (const a of [d, dusty, t, e]) await run(by(a).unbond(await w.stake_of(a)))
	const left = await w.total_stake(t)
	assert.ok(left <= 4n, `${left} left`)
	console.log(`# all have left: ${left} base units of dust in the vault`)
})

test('weakness 17: a round begins, and a job is made and claimed, at the same cost with 40 transcoders', async () => {
	const cost = async () => {
		const round = await w.kit.next_round()
		const job = await w.job()
		const claim = await w.claim(job, { ranges: [[0, 100]] })
		return [round, job.receipt, claim.receipt].map(r => Number(r.gasUsed))
	}
	await w.kit.next_round()
	const few = await cost()
	const owner = await w.kit.as_owner()
	await run(by(owner).setNumActiveTranscoders(30))
	for (let i = 0; i < 36; i++) {
		const who = w.chain.account(`crowd ${i}`)
		w.kit.accounts.push(who)
		if (i % 12 === 0) await w.kit.next_round()
		await w.register(who, BigInt(91 + i) * LPT)
	}
	await w.kit.next_round()
	const many = await cost()
	assert.equal(await w.bonding.getTranscoderPoolSize() + await w.bonding.getWaitingListSize(), 40n)
	console.log(`# gas with 4 and with 40: round ${few[0]}, ${many[0]}; job ${few[1]}, ${many[1]}; claim ${few[2]}, ${many[2]}`)
	// The draw may write another word; nothing else differs.
	for (const [i, gas] of many.entries()) assert.ok(Math.abs(gas - few[i]) < 30000, `${few[i]} and ${gas}`)
	w.kit.accounts.length -= 36
})

test('weakness 20: who deployed it can do nothing, and no pot pays for another', async () => {
	const { Controller, Treasury } = w.sys
	const boss = w.kit.deployer
	assert.equal(await Controller.owner(), Treasury.target)
	await expect_revert(Controller.connect(boss).pause(), Controller, 'OwnableUnauthorizedAccount', [boss])
	const rename = () => Controller.connect(boss).setContractInfo(id('Verifier'), w.token, `0x${'00'.repeat(20)}`)
	await expect_revert(rename, Controller, 'OwnableUnauthorizedAccount', [boss])
	for (const m of [w.bonding, w.jobs, w.rounds, w.minter, w.verifier])
		await expect_revert(m.connect(boss).upgradeToAndCall(w.token, '0x'), m, 'OnlyControllerOwner', [boss])
	await expect_revert(w.jobs.connect(boss).setVerificationRate(1), w.jobs, 'OnlyControllerOwner', [boss])
	await expect_revert(w.token.connect(boss).mint(boss, 1), w.token, 'OwnableUnauthorizedAccount', [boss])
	const order = () => Treasury.connect(boss).schedule(w.token, 0, '0x', id(''), id(''), 10)
	await expect_revert(order, Treasury, 'AccessControlUnauthorizedAccount', [boss, id('PROPOSER_ROLE')])

	// Deposits, fees, stakes and seats lie apart, and only their own manager moves them.
	const jobs = w.chain.as(w.jobs)
	await expect_revert(w.minter.connect(jobs).trustedTransferTokens(boss, 1), w.minter, 'OnlyBondingManager', [w.jobs])
	await expect_revert(w.minter.connect(boss).trustedTransferTokens(boss, 1), w.minter, 'OnlyBondingManager', [boss])
	await refused(by(boss).slashTranscoder(w.transcoders[0], boss, PERC, PERC), 'OnlyJobsManager', [boss])
	await refused(by(boss).updateTranscoderWithFees(w.transcoders[0], 1, 1, { value: 1 }), 'OnlyJobsManager', [boss])
	await expect_revert(w.verifier.connect(boss).punishPlanted([1, boss.address, 0], boss, [], '0x'), w.verifier, 'OnlyJobsManager', [boss])
	assert.equal(await w.lpt(w.bonding), 0n, 'no LPT where the fees are')
	assert.equal(await w.chain.balance(w.minter), 0n, 'no ETH where the stake is')
	assert.equal(await w.lpt(w.verifier), 1200n * LPT, 'twelve seats')
	assert.equal(await w.lpt(w.jobs), 0n)
})

test('weakness 21: who moves the round, and who reports a missed reward, is paid', async () => {
	const before = await w.lpt(w.stranger)
	await w.kit.next_round(w.stranger)
	const paid = await w.lpt(w.stranger) - before
	const tokens = await w.minter.currentMintableTokens() + paid
	assert.equal(paid, tokens / 1000n, 'a thousandth of the round\'s tokens')

	const [t] = w.transcoders
	const first = await w.rounds.currentRound()
	await w.kit.next_rounds(3)
	const rounds = [first, first + 1n, first + 2n]
	const action = abi_hash(['bytes4', 'address', 'uint256[]'], [w.bonding.interface.getFunction('missedRewardSlash').selector, t.address, rounds])
	const salt = id('missed')
	await run(by(w.finder).commitFinding(finding(w.finder, salt, action)))
	const receipt = await run(by(w.finder).missedRewardSlash(t, rounds, salt))
	expect_event(receipt, w.bonding, 'TranscoderSlashed', [t, w.finder, 6n * LPT, 3n * LPT / 10n])
	assert.equal(await w.lpt(w.finder), 3n * LPT / 10n)
	await refused(by(w.finder).missedRewardSlash(t, rounds, salt), 'NoMissedRewards', [t, first])
})

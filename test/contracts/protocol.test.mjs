// The whole protocol once through, ownership with the Governor: work of several transcoders is
// claimed, verified and paid, a parameter is changed by a vote in between, and at the end all take
// what is theirs: to the base unit, it is what there was.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { id } from 'ethers'
import { LPT, event_of, expect_event, expect_revert, run } from './lib/kit.mjs'
import { Whole } from './lib/whole.mjs'

const FOR = 1
const [ACTIVE, SUCCEEDED] = [1n, 4n]
let w
const claims = []
before(async () => {
	w = await Whole.start({
		stakes: [100n, 200n, 300n, 150n], delegations: [[0, 100n], [1, 70n], [2, 33n], [2, 1n]],
	})
})
after(() => w?.kit.stop())

const by = who => w.bonding.connect(who)
const stakers = () => [...w.transcoders, ...w.delegators]
const dust_is_small = async locks => {
	const dust = await w.dust({ claims, locks })
	for (const [what, n] of Object.entries(dust)) assert.ok(n < 100n, `${what}: ${n} left over`)
	return dust
}

/* A new round, in which all have their rewards. */
async function rewarded() {
	await w.kit.next_round(w.stranger)
	for (const t of w.transcoders) await run(by(t).reward())
}

/* Claims one after the other; each pays what its verifiers cost by the rate of its time. */
async function work(job, ranges, options = {}) {
	await w.kit.ensure_round()
	const claim = await w.claim(job, { ranges, least: 2, ...options })
	claims.push(claim)
	return claim
}

async function vote(calls) {
	const { LivepeerGovernor: governor } = w.sys
	const list = [calls.map(([to]) => to.target), calls.map(() => 0n), calls.map(([to, f, ...args]) => to.interface.encodeFunctionData(f, args))]
	const proposed = await run(governor.connect(w.transcoders[2]).propose(...list, 'cheaper verifiers'))
	const { proposalId } = event_of(proposed, governor, 'ProposalCreated')
	const until = async state => {
		for (let i = 0; i < 6 && await governor.state(proposalId) !== state; i++) await rewarded()
		assert.equal(await governor.state(proposalId), state)
	}
	await until(ACTIVE)
	for (const t of w.transcoders) await run(governor.connect(t).castVote(proposalId, FOR))
	await until(SUCCEEDED)
	await run(governor.connect(w.stranger).queue(...list, id('cheaper verifiers')))
	await w.chain.pass(await w.treasury.getMinDelay())
	return run(governor.connect(w.stranger).execute(...list, id('cheaper verifiers')))
}

const verifiers_of = (claim, fee) => BigInt(claim.challenged.length) * claim.job.fee * fee / 1000000n

test('the whole protocol', async () => {
	const supply = await w.token.totalSupply()
	const start_eth = await w.chain.balance(w.broadcaster)
	await rewarded()

	// Several ranges, verified in one transaction and in two; another's claim by a fallback.
	const one = await w.job({ blocks: 100 })
	const { ranked } = await w.election(one)
	const first = await work(one, [[0, 10], [15, 5], [30, 20]])
	await w.pass(first)
	const second = await work(one, [[50, 30], [90, 1]], { by: first.by })
	await w.answer(await w.ask(second), second.challenged.map(() => 0n))
	const other = await work(one, [[100, 20], [125, 5]], { by: ranked[1], fallback: w.fallback(one, 1, ranked[1], 100) })
	const half = other.challenged.slice(0, 1)
	await w.pass(other, half)
	await w.pass(other, other.challenged.slice(1), half.length)
	const mid = await w.dust({ claims })
	for (const n of Object.values(mid)) assert.ok(n < 100n)
	await w.until(other, 'payable')
	await rewarded()
	const refs = [first, second, other].map(c => c.ref)
	await run(w.jobs.connect(w.stranger).batchDistributeFees(refs))
	const early = [first, second, other].reduce((n, c) => n + c.fees - verifiers_of(c, 300000n), 0n)
	assert.equal(await w.chain.balance(w.bonding), early)

	// A vote: what is claimed from now on pays verifiers less.
	const adopted = await vote([[w.jobs, 'setVerifierFee', 200000]])
	expect_event(adopted, w.jobs, 'ParameterUpdate', ['verifierFee'])
	await rewarded()
	const two = await w.job({ blocks: 100 })
	const third = await work(two, [[0, 20], [1000, 20]])
	await w.pass(third)
	const fourth = await work(two, [[2000, 25]], { by: third.by })
	await w.answer(await w.ask(fourth), fourth.challenged.map(() => 0n))
	await w.until(fourth, 'payable')
	await w.kit.ensure_round()
	for (const c of [third, fourth]) await w.distribute(c)
	const late = [third, fourth].reduce((n, c) => n + c.fees - verifiers_of(c, 200000n), 0n)
	assert.equal(await w.chain.balance(w.bonding), early + late)

	// One is found out: nothing for it, less for all that trusted it.
	await rewarded()
	const bad = await work(await w.job({ blocks: 20 }), [[0, 40]])
	const stake = await w.total_stake(bad.by)
	await w.fail(bad)
	// Parts of stake and of pending tokens are rounded down each.
	const taken = stake - await w.total_stake(bad.by)
	assert.ok(stake / 20n - taken <= 2n && taken <= stake / 20n, `${taken} of ${stake}`)
	await dust_is_small()

	await refunds([one, two, bad.job])
	const judged = [first, second, other].reduce((n, c) => n + verifiers_of(c, 300000n), 0n) +
		[third, fourth, bad].reduce((n, c) => n + verifiers_of(c, 200000n), 0n)
	assert.equal(start_eth - await w.chain.balance(w.broadcaster), early + late + judged, 'what the broadcaster spent')
	assert.equal(await w.chain.balance(w.jobs), judged)
	await everybody_leaves(early + late, judged)
	const minted = await w.token.totalSupply() - supply
	console.log(`# ${minted} base units minted in ${await w.rounds.currentRound()} rounds, ${early + late} wei of fees, ${judged} to verifiers`)
})

async function refunds(jobs) {
	const ends = await Promise.all(jobs.map(j => w.jobs.getJob(j.id).then(x => Number(x.endBlock))))
	const last = Math.max(...ends) + 101
	if (await w.chain.block() + 1 < last) await w.chain.next_is(last)
	for (const j of jobs) await run(w.jobs.connect(w.stranger).refund(j.id))
	await run(w.jobs.connect(w.broadcaster).withdraw())
}

async function everybody_leaves(fees, judged) {
	await w.kit.ensure_round()
	const round = await w.rounds.currentRound()
	let eth = 0n
	const locks = []
	for (const a of stakers()) {
		await run(by(a).claimEarnings(round))
		const [due, bonded] = [await w.fees_of(a), await w.stake_of(a)]
		const before = await w.chain.balance(a)
		await run(by(a).withdrawFees(a, due))
		eth += await w.chain.balance(a) - before
		await run(by(a).unbond(bonded))
		locks.push([a, 0, bonded])
	}
	const left = fees - eth
	assert.ok(left >= 0n && left < 20n, `${left} wei of fees are left`)
	await dust_is_small(locks)
	for (const v of w.verifiers) await run(w.verifier.connect(v).leaveSeats([w.verifiers.indexOf(v) + 1]))
	await expect_revert(() => by(w.delegators[0]).withdrawStake(0), w.bonding, 'LockNotMature')

	await w.kit.mine(401)
	for (const [a, lock, amount] of locks) {
		const before = await w.lpt(a)
		await run(by(a).withdrawStake(lock))
		assert.equal(await w.lpt(a) - before, amount)
	}
	await expect_revert(() => by(w.delegators[0]).withdrawStake(0), w.bonding, 'InvalidLock', [w.delegators[0], 0])
	let earned = 0n
	for (const [i, v] of w.verifiers.entries()) {
		const before = await w.lpt(v)
		await run(w.verifier.connect(v).withdrawSeats([i + 1]))
		assert.equal(await w.lpt(v) - before, 100n * LPT)
		const owed = await w.jobs.verifierFees(v)
		earned += owed
		if (owed) await run(w.jobs.connect(w.stranger).withdrawVerifierFees(v))
	}
	assert.equal(earned, judged, 'all of the verifiers\' fees went to verifiers')
	const dust = await w.dust({ claims })
	for (const n of Object.values(dust)) assert.ok(n < 100n)
	assert.equal(await w.chain.balance(w.bonding), dust.eth)
	assert.equal(await w.chain.balance(w.verifier), 0n)
	assert.equal(await w.chain.balance(w.jobs), 0n)
	const ungranted = await w.minter.currentMintableTokens() - await w.minter.currentMintedTokens()
	assert.equal(await w.lpt(w.minter), ungranted + dust.lpt)
	console.log(`# dust: ${Object.entries(dust).map(([k, n]) => `${k} ${n}`).join(', ')}`)
}

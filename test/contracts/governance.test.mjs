// The whole system in the hands of its stakers: what a vote can do, and that nothing else can.
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { ZeroHash, id } from 'ethers'
import { LPT, artifact, create, event_of, expect_event, expect_revert, plan, run, start } from './lib/kit.mjs'

const MANAGERS = ['RoundsManager', 'BondingManager', 'JobsManager', 'Minter', 'Verifier', 'ServiceRegistry']
const [AGAINST, FOR, ABSTAIN] = [0, 1, 2]
const [PENDING, ACTIVE, CANCELED, DEFEATED, SUCCEEDED, QUEUED, , EXECUTED] = [0n, 1n, 2n, 3n, 4n, 5n, 6n, 7n]
let kit, sys, governor, treasury, token, a, b, c, nobody

before(async () => {
	kit = await start({ accounts: 6, options: { handover: true }, parameters: { RoundsManager: { roundLength: 25 } } })
	sys = kit.sys
	;({ LivepeerGovernor: governor, Treasury: treasury, LivepeerToken: token } = sys)
	;[a, b, c, nobody] = kit.accounts
	await kit.ensure_round()
	for (const [who, stake] of [[a, 500n], [b, 300n], [c, 200n]]) {
		await kit.give(who, stake * LPT)
		await bond(who, stake * LPT)
		await run(sys.BondingManager.connect(who).transcoder(0, 0, 1))
	}
	// Active from the next round on; proposing takes votes of a round that is over.
	await kit.next_rounds(2)
	await kit.keep()
})
after(() => kit.stop())
beforeEach(() => kit.reset())

async function bond(who, amount, to = who) {
	await run(token.connect(who).approve(sys.at.BondingManager, amount))
	await run(sys.BondingManager.connect(who).bond(amount, to.address))
}

/* [contract, function, ...arguments] as Governor wants it. */
function actions(calls) {
	return [calls.map(([to]) => to.target), calls.map(() => 0n),
		calls.map(([to, f, ...args]) => to.interface.encodeFunctionData(f, args))]
}

async function propose(by, calls, text = 'a change') {
	const receipt = await run(governor.connect(by).propose(...actions(calls), text))

	return { calls: actions(calls), hash: id(text), id: event_of(receipt, governor, 'ProposalCreated').proposalId }
}

/* Rounds pass until the proposal is in that state. */
async function until(p, state) {
	for (let i = 0; i < 8 && await governor.state(p.id) !== state; i++) await kit.next_round()
	assert.equal(await governor.state(p.id), state)
}

async function vote(p, votes) {
	await until(p, ACTIVE)
	for (const [who, support] of votes) await run(governor.connect(who).castVote(p.id, support))
}

async function execute(p) {
	await run(governor.connect(nobody).queue(...p.calls, p.hash))
	await kit.chain.pass(await treasury.getMinDelay())
	return run(governor.connect(nobody).execute(...p.calls, p.hash))
}

/* From proposal to deed, with a's and b's 80 %. */
async function adopt(calls, text) {
	const p = await propose(a, calls, text)

	await vote(p, [[a, FOR], [b, FOR]])
	await until(p, SUCCEEDED)
	return execute(p)
}

test('a parameter of each manager is changed by one vote', async () => {
	const receipt = await adopt([
		[sys.RoundsManager, 'setRoundLockAmount', 200000],
		[sys.Minter, 'setInflation', 777],
		[sys.BondingManager, 'setUnbondingPeriod', 11],
		[sys.JobsManager, 'setVerificationRate', 250],
		[sys.Verifier, 'setSeatStake', 5n * LPT],
		[sys.Controller, 'setContractInfo', id('ServiceRegistry'), sys.Verifier.target, `0x${'ab'.repeat(20)}`],
	])

	expect_event(receipt, sys.RoundsManager, 'ParameterUpdate', ['roundLockAmount'])
	assert.equal(await sys.RoundsManager.roundLockAmount(), 200000n)
	assert.equal(await sys.Minter.inflation(), 777n)
	assert.equal(await sys.BondingManager.unbondingPeriod(), 11n)
	assert.equal(await sys.JobsManager.verificationRate(), 250n)
	assert.equal((await sys.Verifier.parameters()).seatStake, 5n * LPT)
	assert.equal(await sys.Controller.getContract(id('ServiceRegistry')), sys.Verifier.target)
})

test('the CommonPool is burnt and spent by a vote', async () => {
	const slasher = sys.BondingManager.connect(kit.chain.as(sys.at.JobsManager))

	await run(slasher.slashTranscoder(c.address, `0x${'00'.repeat(20)}`, 500000, 0))
	const pool = await token.balanceOf(treasury.target)

	assert.equal(pool, 100n * LPT, 'what was slashed lies in the Treasury')
	const p = await propose(a, [[token, 'transfer', nobody.address, 30n * LPT], [token, 'burn', 70n * LPT]])

	await vote(p, [[a, FOR], [b, FOR]])
	await until(p, SUCCEEDED)
	const supply = await token.totalSupply()
	await execute(p)
	assert.equal(await token.balanceOf(nobody.address), 30n * LPT)
	assert.equal(await token.balanceOf(treasury.target), 0n)
	assert.equal(await token.totalSupply(), supply - 70n * LPT)
})

test('every manager is upgraded by a vote, and keeps its state', async () => {
	const d = plan().names
	const arg = p => d[p.name.replace(/_$/, '')]
	const next = []
	for (const name of MANAGERS) {
		const inputs = artifact(name).interface.deploy.inputs

		next.push(await create(kit, name, inputs.map(p => sys.at[arg(p).slice(1)])))
	}
	const length = await sys.RoundsManager.roundLength()

	await adopt(MANAGERS.map((name, i) => [sys[name], 'upgradeToAndCall', next[i].target, '0x']))
	for (const [i, name] of MANAGERS.entries()) {
		const slot = await kit.chain.provider.getStorage(sys.at[name],
			'0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc')

		assert.equal(`0x${slot.slice(26)}`, next[i].target.toLowerCase(), name)
	}
	assert.equal(await sys.RoundsManager.roundLength(), length)
	await kit.next_round()
})

test('weakness 20: nobody else changes, upgrades, pauses or spends anything', async () => {
	const setters = Object.fromEntries(MANAGERS.map(n => [n, []]))
	for (const name of MANAGERS)
		sys[name].interface.forEachFunction(f => { if (/^set[A-Z]/.test(f.name)) setters[name].push(f) })
	const foreign = ['setCurrentRewardTokens', 'setCurrentRoundTotalActiveStake', 'setServiceURI']

	for (const who of [kit.deployer, nobody, a]) {
		for (const name of MANAGERS) {
			const m = sys[name].connect(who)

			for (const f of setters[name].filter(f => !foreign.includes(f.name)))
				await expect_revert(m[f.name](...f.inputs.map(() => 1)), m, 'OnlyControllerOwner', [who])
			await expect_revert(m.upgradeToAndCall(sys.targets.ServiceRegistry, '0x'), m, 'OnlyControllerOwner', [who])
		}
		const controller = sys.Controller.connect(who)

		for (const f of ['pause', 'unpause', 'renounceOwnership'])
			await expect_revert(controller[f](), controller, 'OwnableUnauthorizedAccount', [who])
		await expect_revert(controller.transferOwnership(who.address), controller, 'OwnableUnauthorizedAccount', [who])
		await expect_revert(controller.setContractInfo(ZeroHash, who.address, `0x${'00'.repeat(20)}`), controller,
			'OwnableUnauthorizedAccount', [who])
		await expect_revert(token.connect(who).mint(who.address, 1), token, 'OwnableUnauthorizedAccount', [who])
	}
	assert.ok(setters.BondingManager.length >= 8 && setters.JobsManager.length >= 6 && setters.Verifier.length >= 4)
})

test('weakness 20: the Treasury obeys the Governor only, and keeps its time', async () => {
	const call = [token.target, 0, token.interface.encodeFunctionData('transfer', [nobody.address, 1]), ZeroHash, ZeroHash]
	const roles = await Promise.all(['DEFAULT_ADMIN_ROLE', 'PROPOSER_ROLE', 'CANCELLER_ROLE', 'EXECUTOR_ROLE'].map(r => treasury[r]()))

	for (const who of [kit.deployer, nobody, a]) {
		const t = treasury.connect(who)

		for (const role of roles) assert.equal(await treasury.hasRole(role, who.address), false)
		await expect_revert(t.schedule(...call, 1000), treasury, 'AccessControlUnauthorizedAccount', [who, roles[1]])
		await expect_revert(t.cancel(ZeroHash), treasury, 'AccessControlUnauthorizedAccount', [who, roles[2]])
		await expect_revert(t.execute(...call), treasury, 'AccessControlUnauthorizedAccount', [who, roles[3]])
		await expect_revert(t.grantRole(roles[1], who.address), treasury, 'AccessControlUnauthorizedAccount', [who, roles[0]])
		await expect_revert(t.updateDelay(0), treasury, 'TimelockUnauthorizedCaller', [who])
	}
	for (const role of roles.slice(1)) assert.equal(await treasury.hasRole(role, governor.target), true)
	assert.equal(await treasury.hasRole(roles[0], governor.target), false)
	assert.equal(await treasury.hasRole(roles[0], treasury.target), true)
	const p = await propose(a, [[treasury, 'updateDelay', 1000]])

	await vote(p, [[a, FOR]])
	await until(p, SUCCEEDED)
	await run(governor.queue(...p.calls, p.hash))
	assert.equal(await governor.state(p.id), QUEUED)
	await expect_revert(governor.execute(...p.calls, p.hash), treasury, 'TimelockUnexpectedOperationState')
	await kit.chain.pass(await treasury.getMinDelay())
	await run(governor.execute(...p.calls, p.hash))
	assert.equal(await governor.state(p.id), EXECUTED)
	assert.equal(await treasury.getMinDelay(), 1000n)
})

test('the Governor changes itself by a vote, nobody else does', async () => {
	for (const [f, value] of [['setVotingDelay', 3], ['setVotingPeriod', 4], ['setProposalThreshold', 5],
		['updateQuorumNumerator', 40], ['updateTimelock', nobody.address]])
		await expect_revert(governor.connect(a)[f](value), governor, 'GovernorOnlyExecutor', [a])
	await adopt([[governor, 'setVotingDelay', 3], [governor, 'setVotingPeriod', 4],
		[governor, 'setProposalThreshold', 5], [governor, 'updateQuorumNumerator', 40]])
	assert.deepEqual([await governor.votingDelay(), await governor.votingPeriod(), await governor.proposalThreshold(),
		await governor['quorumNumerator()']()], [3n, 4n, 5n, 40n])
})

test('the system is paused and woken by votes, though no round begins meanwhile', async () => {
	await adopt([[sys.Controller, 'pause']])
	assert.equal(await sys.Controller.paused(), true)
	const pass_round = async () => kit.chain.next_is(
		await sys.RoundsManager.currentRoundStartBlock() + await sys.RoundsManager.roundLength() + 1n)

	await pass_round()
	await expect_revert(sys.RoundsManager.initializeRound(), sys.RoundsManager, 'ManagerPaused', [])
	const p = await propose(a, [[sys.Controller, 'unpause']], 'wake up')

	for (let i = 0; i < 4 && await governor.state(p.id) !== ACTIVE; i++) await pass_round()
	await run(governor.connect(a).castVote(p.id, FOR))
	for (let i = 0; i < 4 && await governor.state(p.id) !== SUCCEEDED; i++) await pass_round()
	await execute(p)
	assert.equal(await sys.Controller.paused(), false)
	await kit.next_round()
})

test('clock, mode and wiring of the Governor', async () => {
	assert.equal(await governor.name(), 'LivepeerGovernor')
	assert.equal(await governor.clock(), await sys.RoundsManager.currentRound())
	assert.equal(await governor.CLOCK_MODE(), 'mode=livepeer_round')
	assert.equal(await governor.COUNTING_MODE(), 'support=bravo&quorum=for,abstain')
	assert.equal(await governor.token(), sys.BondingVotes.target)
	assert.equal(await governor.timelock(), treasury.target)
	assert.equal(await sys.Controller.owner(), treasury.target)
	assert.equal(await token.owner(), sys.Minter.target)
	assert.equal(await governor.proposalNeedsQueuing(1), true)
})

test('votes weigh by stake; a third of it is the quorum', async () => {
	const p = await propose(c, [[sys.Minter, 'setInflation', 1]])
	const snapshot = await governor.proposalSnapshot(p.id)

	assert.equal(await governor.state(p.id), PENDING)
	await expect_revert(governor.connect(c).castVote(p.id, FOR), governor, 'GovernorUnexpectedProposalState')
	await vote(p, [[c, FOR]])
	assert.equal(await governor.quorum(snapshot), 330n * LPT)
	assert.deepEqual([...await governor.proposalVotes(p.id)], [0n, 200n * LPT, 0n])
	await expect_revert(governor.connect(c).castVote(p.id, FOR), governor, 'GovernorAlreadyCastVote', [c])
	await until(p, DEFEATED)
	await expect_revert(governor.queue(...p.calls, p.hash), governor, 'GovernorUnexpectedProposalState')
	await expect_revert(governor.execute(...p.calls, p.hash), governor, 'GovernorUnexpectedProposalState')
})

test('abstentions fill the quorum, the majority of the rest decides', async () => {
	const p = await propose(a, [[sys.Minter, 'setInflation', 1]])

	await vote(p, [[a, ABSTAIN], [b, AGAINST], [c, FOR]])
	assert.deepEqual([...await governor.proposalVotes(p.id)], [300n * LPT, 200n * LPT, 500n * LPT])
	await until(p, DEFEATED)
	const q = await propose(a, [[sys.Minter, 'setInflation', 2]])

	await vote(q, [[a, ABSTAIN], [c, FOR]])
	await until(q, SUCCEEDED)
})

test('who has no stake neither proposes nor votes', async () => {
	await expect_revert(governor.connect(nobody).propose(...actions([[sys.Minter, 'setInflation', 1]]), 'x'), governor,
		'GovernorInsufficientProposerVotes', [nobody, 0n, LPT])
	const p = await propose(a, [[sys.Minter, 'setInflation', 1]])

	await vote(p, [[nobody, FOR]])
	assert.deepEqual([...await governor.proposalVotes(p.id)], [0n, 0n, 0n])
})

test('stake that comes once the snapshot\'s round has begun does not vote', async () => {
	const p = await propose(a, [[sys.Minter, 'setInflation', 1]])

	await kit.next_round()
	assert.equal(await governor.proposalSnapshot(p.id), await sys.RoundsManager.currentRound())
	await kit.give(nobody, 5000n * LPT)
	await bond(nobody, 5000n * LPT)
	await run(sys.BondingManager.connect(nobody).transcoder(0, 0, 1))
	await kit.give(c, 5000n * LPT)
	await bond(c, 5000n * LPT)
	await vote(p, [[nobody, FOR], [c, FOR]])
	assert.deepEqual([...await governor.proposalVotes(p.id)], [0n, 200n * LPT, 0n])
	assert.equal(await governor.quorum(await governor.proposalSnapshot(p.id)), 330n * LPT)
})

test('stake that leaves during the vote still votes, once', async () => {
	const p = await propose(a, [[sys.Minter, 'setInflation', 1]])

	await until(p, ACTIVE)
	await run(sys.BondingManager.connect(b).resignAsTranscoder())
	await run(sys.BondingManager.connect(b).unbond(300n * LPT))
	await kit.next_round()
	await run(governor.connect(b).castVote(p.id, FOR))
	assert.deepEqual([...await governor.proposalVotes(p.id)], [0n, 300n * LPT, 0n])
})

test('a snapshot in a round that nobody initialised has the stakes of the round before', async () => {
	const p = await propose(a, [[sys.Minter, 'setInflation', 1]])
	const snapshot = await governor.proposalSnapshot(p.id)

	await kit.give(c, 5000n * LPT)
	await bond(c, 5000n * LPT)
	await kit.chain.next_is(await sys.RoundsManager.currentRoundStartBlock() + 2n * await sys.RoundsManager.roundLength() + 1n)
	await run(sys.RoundsManager.initializeRound())
	assert.equal(await sys.RoundsManager.initializedRound(snapshot), false)
	await vote(p, [[c, FOR], [a, AGAINST]])
	assert.deepEqual([...await governor.proposalVotes(p.id)], [500n * LPT, 200n * LPT, 0n])
	assert.equal(await governor.quorum(snapshot), 330n * LPT)
})

test('its proposer takes a proposal back before the vote begins', async () => {
	const p = await propose(a, [[sys.Minter, 'setInflation', 1]])

	await expect_revert(governor.connect(b).cancel(...p.calls, p.hash), governor, 'GovernorUnableToCancel', [p.id, b])
	await run(governor.connect(a).cancel(...p.calls, p.hash))
	assert.equal(await governor.state(p.id), CANCELED)
})

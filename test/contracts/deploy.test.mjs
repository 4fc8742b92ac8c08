// eth/deploy.json, which the program's own deployer follows too: each profile gives a whole
// system, wired to itself, with the whitepaper's values on mainnet.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { StandardMerkleTree } from '@openzeppelin/merkle-tree'
import { getCreateAddress, id } from 'ethers'
import { LPT, artifact, plan, run, start } from './lib/kit.mjs'

const MANAGERS = ['RoundsManager', 'BondingManager', 'JobsManager', 'Minter', 'Verifier', 'ServiceRegistry']

async function check_wiring(kit) {
	const { sys } = kit

	assert.deepEqual(sys.skipped, [])
	for (const name of Object.keys(sys.at).filter(n => !['Controller', 'Vacant'].includes(n)))
		assert.equal(await sys.Controller.getContract(id(name)), sys.at[name], name)
	for (const name of MANAGERS) {
		assert.equal(await sys[name].controller(), sys.at.Controller)
		// The proxies' addresses are part of the code; a wrong one would be a wrong sibling.
		// A manager in two halves makes the second itself: its first creation.
		const halves = [sys.targets[name], getCreateAddress({ from: sys.targets[name], nonce: 1 })]
		const code = (await Promise.all(halves.map(a => kit.chain.rpc('eth_getCode', a, 'latest')))).join('').toLowerCase()

		for (const p of artifact(name).interface.deploy.inputs) {
			const sibling = plan().names[p.name.replace(/_$/, '')].slice(1)

			assert.ok(code.includes(sys.at[sibling].slice(2).toLowerCase()), `${name} knows ${sibling}`)
		}
	}
	assert.equal(await sys.LivepeerToken.owner(), sys.at.Minter)
	for (const role of ['PROPOSER_ROLE', 'CANCELLER_ROLE', 'EXECUTOR_ROLE'])
		assert.equal(await sys.Treasury.hasRole(id(role), sys.at.LivepeerGovernor), true, role)
	for (const role of [`0x${'00'.repeat(32)}`, id('PROPOSER_ROLE'), id('CANCELLER_ROLE'), id('EXECUTOR_ROLE')])
		assert.equal(await sys.Treasury.hasRole(role, kit.deployer.address), false)
}

async function with_kit(options, check) {
	const kit = await start(options)

	try {
		await check(kit)
	} finally {
		kit.stop()
	}
}

test('devnet: a faucet, LPT and the ownership with the deployer', () => with_kit({}, async kit => {
	const { LivepeerToken: token, Controller: controller, LivepeerTokenFaucet: faucet } = kit.sys

	await check_wiring(kit)
	assert.equal(await controller.owner(), kit.deployer.address)
	assert.equal(await token.balanceOf(faucet.target), 1000000n * LPT)
	assert.equal(await token.balanceOf(kit.deployer.address), 9000000n * LPT)
	await run(faucet.connect(kit.accounts[0]).request())
	assert.equal(await token.balanceOf(kit.accounts[0].address), 10n * LPT)
	await kit.ensure_round()
	await kit.next_rounds(2)
	assert.equal(await kit.sys.RoundsManager.lastInitializedRound(), 3n)
}))

test('mainnet: the whitepaper\'s values, all LPT to be claimed, the ownership with the Treasury', () => {
	const row = [`0x${'11'.repeat(20)}`, 10000000n * LPT]
	const tree = StandardMerkleTree.of([row], ['address', 'uint256'])

	return with_kit({ profile: 'mainnet', options: { genesisRoot: tree.root } }, async kit => {
		const s = kit.sys

		await check_wiring(kit)
		assert.equal(await s.Controller.owner(), s.at.Treasury)
		assert.equal(s.LivepeerTokenFaucet, undefined)
		await run(s.GenesisClaim.claim(...row, tree.getProof(row)))
		assert.equal(await s.LivepeerToken.balanceOf(row[0]), await s.LivepeerToken.totalSupply())
		const block_seconds = 12n
		const values = {
			N: [await s.BondingManager.numActiveTranscoders(), 144n],
			RoundLength: [await s.RoundsManager.roundLength() * block_seconds, 86400n],
			InflationRate: [await s.Minter.inflation(), 400n],
			ParticipationRate: [await s.Minter.targetBondingRate(), 500000n],
			RoundLockAmount: [await s.RoundsManager.roundLockAmount(), 100000n],
			UnbondingPeriod: [await s.BondingManager.unbondingPeriod(), 30n],
			VerificationPeriod: [await s.JobsManager.verificationPeriod() * block_seconds, 6n * 3600n],
			VerificationRate: [await s.JobsManager.verificationRate(), 500n],
			FailedVerificationSlashAmount: [await s.JobsManager.failedVerificationSlashAmount(), 50000n],
			MissedRewardSlashAmount: [await s.BondingManager.missedRewardSlashAmount(), 30000n],
			MissedVerificationSlashAmount: [await s.JobsManager.missedVerificationSlashAmount(), 100000n],
			CompetitivenessTolerance: [await s.BondingManager.competitivenessTolerance(), 900000n],
			VerificationFailureThreshold: [await s.JobsManager.verificationFailureThreshold(), 10000n],
			FinderFee: [await s.BondingManager.finderFee(), 50000n],
			SlashingPeriod: [await s.JobsManager.slashingPeriod() * block_seconds, 3600n],
		}
		for (const [name, [is, should]] of Object.entries(values)) assert.equal(is, should, name)
		assert.ok(await s.JobsManager.finality() <= await s.BondingManager.slashablePeriod(),
			'stake stays slashable until claims are final')
	})
})

test('devnet: stake stays slashable until claims are final', () => with_kit({}, async ({ sys }) => {
	assert.ok(await sys.JobsManager.finality() <= await sys.BondingManager.slashablePeriod())
}))

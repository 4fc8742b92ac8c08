// The initial allocation, claimed by Merkle proof.
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { StandardMerkleTree } from '@openzeppelin/merkle-tree'
import { ZeroHash } from 'ethers'
import { LPT, create, expect_event, expect_revert, run, start } from './lib/kit.mjs'

const PERIOD = 50
let kit, token, claim, tree, rows, treasury
before(async () => {
	kit = await start({ accounts: 6, deploy: false })
	token = await create(kit, 'LivepeerToken')
	treasury = kit.chain.account('treasury')
	rows = kit.accounts.slice(0, 5).map((a, i) => [a.address, BigInt(i + 1) * LPT])
	tree = StandardMerkleTree.of(rows, ['address', 'uint256'])
	claim = await create(kit, 'GenesisClaim', [token.target, treasury.address, tree.root, PERIOD])
	await run(token.mint(claim.target, 15n * LPT))
	await kit.keep()
})
after(() => kit.stop())
beforeEach(() => kit.reset())

const proof_of = i => tree.getProof(rows[i])

test('it was made with this root, token, treasury and deadline', async () => {
	const made = (await kit.chain.provider.getTransactionReceipt(claim.deploymentTransaction().hash)).blockNumber

	assert.equal(await claim.root(), tree.root)
	assert.equal(await claim.token(), token.target)
	assert.equal(await claim.treasury(), treasury.address)
	assert.equal(await claim.deadline(), BigInt(made + PERIOD))
	await expect_revert(create(kit, 'GenesisClaim', [token.target, treasury.address, ZeroHash, PERIOD]), claim, 'ZeroRoot', [])
})

test('all of the tree take their part, whoever sends it', async () => {
	for (const [i, [address, amount]] of rows.entries()) {
		const receipt = await run(claim.connect(kit.accounts[5]).claim(address, amount, proof_of(i)))

		expect_event(receipt, claim, 'Claimed', [address, amount])
		assert.equal(await token.balanceOf(address), amount)
		assert.equal(await claim.claimed(address), true)
	}
	assert.equal(await token.balanceOf(claim.target), 0n)
})

test('nobody takes twice', async () => {
	await run(claim.claim(...rows[0], proof_of(0)))
	await expect_revert(claim.claim(...rows[0], proof_of(0)), claim, 'AlreadyClaimed', [rows[0][0]])
})

test('another amount, another address or another\'s proof is not in the tree', async () => {
	const [address, amount] = rows[1]

	await expect_revert(claim.claim(address, amount + 1n, proof_of(1)), claim, 'NotInTree', [address, amount + 1n])
	await expect_revert(claim.claim(kit.accounts[5].address, amount, proof_of(1)), claim, 'NotInTree', [kit.accounts[5], amount])
	await expect_revert(claim.claim(address, amount, proof_of(2)), claim, 'NotInTree', [address, amount])
	await expect_revert(claim.claim(address, amount, []), claim, 'NotInTree', [address, amount])
	await expect_revert(claim.claim(address, amount, [...proof_of(1), ZeroHash]), claim, 'NotInTree', [address, amount])
})

test('an inner node passed off as a leaf is not in the tree', async () => {
	const [left, right] = [tree.dump().tree[1], tree.dump().tree[2]]

	// The root's children as (address, amount) would need an address of 32 bytes: the call
	// does not even decode.
	const data = `${claim.interface.getFunction('claim').selector}${left.slice(2)}${right.slice(2)}${'60'.padStart(64, '0')}${'0'.repeat(64)}`
	await expect_revert(kit.deployer.sendTransaction({ to: claim.target, data }), claim, '')
})

test('claims until the deadline\'s block, then the rest is the Treasury\'s', async () => {
	const deadline = await claim.deadline()

	await kit.chain.next_is(deadline)
	await expect_revert(claim.sweep(), claim, 'ClaimsNotOver', [deadline])
	await run(claim.claim(...rows[0], proof_of(0)))
	await expect_revert(claim.claim(...rows[1], proof_of(1)), claim, 'ClaimsOver', [deadline])
	const receipt = await run(claim.connect(kit.accounts[5]).sweep())

	expect_event(receipt, claim, 'Swept', [14n * LPT])
	assert.equal(await token.balanceOf(treasury.address), 14n * LPT)
	assert.equal(await token.balanceOf(claim.target), 0n)
})

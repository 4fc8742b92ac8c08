// The kit itself: a check that cannot fail checks nothing.
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { TypedDataEncoder, recoverAddress } from 'ethers'
import { ANY, LPT, Stub, create, expect_event, expect_revert, make_receipt, multiproof, receipt_tree, run, start,
	domain, flag_words, TYPES } from './lib/kit.mjs'

let kit, token, alice, bob
before(async () => {
	kit = await start({ accounts: 2, deploy: false })
	token = await create(kit, 'LivepeerToken')
	;[alice, bob] = kit.accounts
	await kit.keep()
})
after(() => kit.stop())
beforeEach(() => kit.reset())

const fails = promise => assert.rejects(promise, { code: 'ERR_ASSERTION' })

test('expect_revert wants the error, its arguments, and a failure at all', async () => {
	const mint = () => token.connect(alice).mint(alice.address, 1)

	await expect_revert(mint(), token, 'OwnableUnauthorizedAccount', [alice])
	await expect_revert(mint, null, 'OwnableUnauthorizedAccount', [ANY])
	await fails(expect_revert(mint(), token, 'OwnableUnauthorizedAccount', [bob]))
	await fails(expect_revert(mint(), token, 'ERC20InvalidReceiver'))
	await fails(expect_revert(mint(), token, ''))
	await fails(expect_revert(token.mint(alice.address, 1), token, 'OwnableUnauthorizedAccount'))
	await assert.rejects(mint(), /reverted: OwnableUnauthorizedAccount\(0x/)
})

test('expect_event wants one event with these arguments', async () => {
	const receipt = await run(token.mint(alice.address, 5))

	expect_event(receipt, token, 'Transfer', [ANY, alice, 5n])
	assert.throws(() => expect_event(receipt, token, 'Transfer', [ANY, alice, 6n]), { code: 'ERR_ASSERTION' })
	assert.throws(() => expect_event(receipt, token, 'Approval', []), { code: 'ERR_ASSERTION' })
})

test('what reverts makes no block, what does not makes one, gas costs nothing', async () => {
	const block = await kit.chain.block()
	const wei = await kit.chain.balance(alice)

	await assert.rejects(token.connect(alice).mint(alice.address, 1))
	assert.equal(await kit.chain.block(), block)
	await run(token.connect(alice).approve(bob.address, 1))
	assert.equal(await kit.chain.block(), block + 1)
	assert.equal(await kit.chain.balance(alice), wei)
	await kit.chain.next_is(block + 10)
	assert.equal((await run(token.connect(alice).approve(bob.address, 1))).blockNumber, block + 10)
	await assert.rejects(kit.chain.next_is(block), /is past/)
})

test('reset goes back', async () => {
	await run(token.mint(alice.address, LPT))
	await kit.reset()
	assert.equal(await token.balanceOf(alice.address), 0n)
	await run(token.mint(alice.address, LPT))
	await kit.keep()
	await kit.reset()
	assert.equal(await token.balanceOf(alice.address), LPT)
})

test('a transaction may have 16,777,216 gas, as on the real network', async () => {
	await run(token.mint(alice.address, 1, { gasLimit: 16777216 }))
	await assert.rejects(token.mint(alice.address, 1, { gasLimit: 16777217 }))
})

test('a stub answers what it is told, and nothing else', async () => {
	const stub = await Stub.at(kit)
	const f = 'function f(uint256) view returns (uint256)'
	const other = token.attach(stub.target)

	await stub.answer('function balanceOf(address) view returns (uint256)', [7])
	await stub.answer('function balanceOf(address) view returns (uint256)', [9], { args: [bob.address] })
	assert.equal(await other.balanceOf(alice.address), 7n)
	assert.equal(await other.balanceOf(bob.address), 9n)
	await expect_revert(other.totalSupply(), stub.contract, 'Unforeseen', [ANY])
	await stub.answer('function burn(uint256)', [], { logged: true })
	assert.deepEqual([...stub.calls_of(await run(other.connect(alice).burn(3)), 'function burn(uint256)')[0]], [3n])
	await stub.fail(f, '0x1234')
	await assert.rejects(kit.chain.rpc('eth_call', { to: stub.target, data: '0xb3de648b' }, 'latest'), { data: '0x1234' })
})

test('receipts are signed by both, and proven by the tree', () => {
	const jobs = { target: `0x${'22'.repeat(20)}` }
	const seg = sequence => ({ jobId: 1n, streamId: 's', sequence, durationMs: 2000, dataHash: `0x${'aa'.repeat(32)}`, transcodedHash: `0x${'bb'.repeat(32)}` })
	const receipts = [0n, 1n, 5n, 6n, 9n].map(s => make_receipt(jobs, alice, bob, seg(s)))
	const r = receipts[2]

	assert.equal(recoverAddress(TypedDataEncoder.hash(domain(jobs), { Segment: TYPES.Segment },
		{ ...seg(5n), transcoder: bob.address }), r.broadcasterSig), alice.address)
	assert.equal(recoverAddress(r.digest, r.transcoderSig), bob.address)
	const tree = receipt_tree(receipts)
	const proof = multiproof(tree, [1, 3])

	assert.deepEqual(new Set(proof.leaves), new Set([receipts[1].digest, receipts[3].digest]))
	assert.equal(proof.flagCount, proof.leaves.length + proof.proof.length - 1)
	assert.deepEqual(flag_words([true, false, true, ...Array(254).fill(false), true]), [5n, 2n])
})

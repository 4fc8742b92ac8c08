// What tests of stake share: the system without jobs (JobsManager is an address we act as), and
// all that the contract tells, in one request, beside what the model says.
import assert from 'node:assert/strict'
import { MaxUint256, ZeroAddress } from 'ethers'
import { BondingModel } from './bonding_model.mjs'
import { LPT, plan, run, start } from './kit.mjs'

export const NOBODY = null
export const key = a => (a?.target ?? a?.address ?? a).toLowerCase()

const needed = ['RoundsManager', 'Minter', 'BondingManager', 'LivepeerToken', 'Treasury']

/* The kit, with the parameters (of BondingManager) in force, accounts that have 10^6 LPT each
 * and let the BondingManager take them, and round 2 begun. */
export async function start_bonding({ accounts = 10, parameters = {}, round_length = 400, anvil } = {}) {
	const kit = await start({
		accounts, anvil, only: needed,
		parameters: { BondingManager: parameters, RoundsManager: { roundLength: round_length } },
	})
	kit.bonding = kit.sys.BondingManager
	kit.token = kit.sys.LivepeerToken
	kit.jobs = kit.chain.as(kit.sys.JobsManager)
	kit.treasury = kit.sys.Treasury
	kit.parameters = Object.fromEntries(Object.entries({ ...plan().profiles.devnet.BondingManager, ...parameters })
		.map(([name, v]) => [name, BigInt(v)]))
	await kit.chain.fund(kit.sys.JobsManager.target, 10n ** 24n)
	const share = await kit.token.balanceOf(kit.deployer) / BigInt(accounts + 1)
	for (const a of kit.accounts) await kit.give(a, share < 1000000n * LPT ? share : 1000000n * LPT)
	await Promise.all(kit.accounts.map(a => run(kit.token.connect(a).approve(kit.bonding, MaxUint256))))
	await kit.next_round()
	await kit.keep()
	return kit
}

/* A transcoder's usual beginning: bonded to itself, registered. */
export async function register(kit, who, stake, { cut = 100000n, share = 500000n, price = 10n } = {}) {
	await run(kit.bonding.connect(who).bond(stake, who))
	return run(kit.bonding.connect(who).transcoder(cut, share, price))
}

/* Fees as JobsManager brings them, for a job of `round` (the current one). */
export async function pay_fees(kit, who, fees, round) {
	round ??= await kit.sys.RoundsManager.currentRound()
	return run(kit.bonding.connect(kit.jobs).updateTranscoderWithFees(who, fees, round, { value: fees }))
}

export function slash(kit, who, amount, finder = ZeroAddress, fee = 0n) {
	return run(kit.bonding.connect(kit.jobs).slashTranscoder(who, finder, amount, fee))
}

/* Many view calls in one request: [[contract, function, args]...]. */
export async function read_all(kit, calls) {
	const body = calls.map(([c, name, args], id) => ({
		jsonrpc: '2.0', id, method: 'eth_call',
		params: [{ to: c.target, data: c.interface.encodeFunctionData(name, args) }, 'latest'],
	}))
	const answer = await fetch(kit.chain.url, {
		method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body),
	})
	const results = new Map((await answer.json()).map(r => [r.id, r]))
	return calls.map(([c, name], id) => {
		const r = results.get(id)
		if (r.error) throw new Error(`${name}: ${JSON.stringify(r.error)}`)
		const decoded = c.interface.decodeFunctionResult(name, r.result)
		return decoded.length === 1 ? decoded[0] : decoded
	})
}

/* ---- the model beside it ---- */

/* A model that has seen what start_bonding did. */
export async function new_model(kit) {
	const m = new BondingModel(kit.parameters, { treasury: key(kit.treasury) })
	await sync_round(kit, m)
	return m
}

/* The model begins the round that the chain began with `receipt` (or that is there). */
export async function sync_round(kit, m, receipt) {
	const round = await kit.sys.RoundsManager.currentRound()
	const log = receipt?.logs.map(l => kit.sys.RoundsManager.interface.parseLog(l)).find(l => l?.name === 'NewRound')
	m.start_round(round, log ? BigInt(log.args.blockHash) : 0n, await kit.sys.Minter.currentMintableTokens())
	m.block = BigInt(await kit.chain.block())
}

const address_of = who => who ?? ZeroAddress

function entry_fields(e) {
	return [e.from, e.stake, e.price, e.reward_cut, e.fee_share, e.in_pool]
}

/* Everything that the contract tells is what the model says; LPT and ETH are all accounted for. */
export async function compare(kit, m, accounts, what = '') {
	const b = kit.bonding
	const names = accounts.map(key)
	const locks = names.flatMap(who => [...m.delegation(who).locks.values()].map(l => [who, l]))
	const expected = []
	const calls = []
	const expect = (name, args, value, contract = b) => {
		calls.push([contract, name, args])
		expected.push([`${name}(${args.join(', ')})`, value])
	}
	for (const who of names) {
		const { delegation: d, bonded, fees } = m.peek(who)
		const start_round = d.delegate ? d.pending_round + 1n : 0n
		expect('getDelegator', [who], [bonded, fees, address_of(d.delegate), m.total_stake(who), start_round, d.last_claim_round, d.next_lock])
		expect('entryAt', [who, m.round], entry_fields(m.entry(who, m.round)))
		expect('entryAt', [who, m.round + 1n], entry_fields(m.next_entry(who)))
		expect('entryAt', [who, m.round + 2n], entry_fields(m.entry(who, m.round + 2n)))
		const c = m.candidate(who)
		if (!c.known) continue
		const next = m.next_entry(who)
		const later = c.records.later?.round > m.round + 1n ? c.records.later : null
		expect('getTranscoderInfo', [who], [
			who, m.total_stake(who), d.delegate === who ? bonded : 0n, next.price, next.reward_cut, next.fee_share,
			c.registered, m.pool.has(who), m.is_active(who), !c.absences.at(-1)?.absent, c.last_reward, c.active_since,
			c.missed, BigInt(m.vault(who).slashes.length), c.work.at(m.round),
			later?.round ?? 0n, later?.reward_cut ?? 0n, later?.fee_share ?? 0n,
		])
	}
	for (const [who, l] of locks)
		expect('getLock', [who, l.id], [m.lock_value(l), l.withdraw_round, l.slashable_until, l.delegate, address_of(l.destination)])
	expect('getTotalBonded', [], m.total_bonded)
	expect('currentRoundTotalActiveStake', [], m.total_active(m.round))
	expect('nextRoundTotalActiveStake', [], m.next_total)
	expect('drawnTranscoder', [m.round], address_of(m.drawn(m.round)))
	expect('getTranscoderPoolSize', [], BigInt(m.pool.size))
	expect('getWaitingListSize', [], BigInt(m.waiting.length))
	const ungranted = calls.length
	calls.push([kit.sys.Minter, 'currentMintableTokens', []], [kit.sys.Minter, 'currentMintedTokens', []], [kit.token, 'balanceOf', [kit.sys.Minter.target]])
	const [answers, eth] = await Promise.all([read_all(kit, calls), kit.chain.balance(b)])
	expected.forEach(([call, value], i) => assert.deepEqual(plain(answers[i]), plain(value), `${what}: ${call}`))

	const [mintable, minted, held] = answers.slice(ungranted)
	assert.equal(held - (mintable - minted), m.escrow, `${what}: LPT in escrow`)
	assert.equal(eth, m.eth, `${what}: ETH held`)
	check_conservation(m, names, what)
	return answers
}

function plain(v) {
	if (Array.isArray(v)) return [...v].map(plain)
	return typeof v === 'string' ? v.toLowerCase() : v
}

/* No more can be claimed than is held, and what is held and claimed by nobody is dust. */
export function check_conservation(m, names, what = '') {
	const sum = f => names.reduce((s, who) => s + f(who), 0n)
	const locked = sum(who => [...m.delegation(who).locks.values()].reduce((s, l) => s + l.amount, 0n))
	const bonded = sum(who => m.stake_of(who))
	const fees = sum(who => m.fees_of(who))
	assert.ok(bonded <= m.total_bonded, `${what}: ${bonded} bonded, ${m.total_bonded} in vaults`)
	assert.equal(m.total_bonded + locked, m.escrow, `${what}: vaults and locks are what is in escrow`)
	assert.ok(fees <= m.eth, `${what}: ${fees} wei of fees, ${m.eth} held`)
}

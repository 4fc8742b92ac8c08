// Stake: gas of whole transactions through the proxy, with a full pool of 144.  Limits are those
// of the issue; the figures are printed.
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { key, pay_fees, read_all, register, slash, start_bonding } from './lib/bonding.mjs'
import { LPT, run } from './lib/kit.mjs'

const N = 144
const WAITING = 20
let kit
let members
const gas = (what, receipt, limit) => {
	console.log(`# ${what.padEnd(62)} ${String(receipt.gasUsed).padStart(8)}${limit ? `  of ${limit}` : ''}`)
	if (limit) assert.ok(receipt.gasUsed <= limit, `${what}: ${receipt.gasUsed}, at most ${limit}`)
	return Number(receipt.gasUsed)
}

before(async () => {
	kit = await start_bonding({
		accounts: N + WAITING + 3, round_length: 30,
		parameters: { numActiveTranscoders: N, minTranscoderStake: LPT, slashablePeriod: 100, competitivenessFloor: 0n, competitivenessGrace: 1n },
	})
	members = kit.accounts.slice(0, N + WAITING)
	// Many blocks in one round: mining the empty ones of long rounds would take longer than all else.
	await run(kit.sys.RoundsManager.setRoundLength(1000))
	// The largest first, so that those who come last wait.
	await Promise.all(members.map((a, i) => register(kit, a, LPT * BigInt(2000 - 5 * i))))
	await run(kit.sys.RoundsManager.setRoundLength(30))
	await kit.next_rounds(2)
	// Words that are written in every round are not fresh any more.
	for (const a of [pool_at(0), pool_at(N - 1), pool_at(N - 2)]) await run(kit.bonding.connect(await a).reward())
	await kit.next_round()
	await kit.keep()
})
after(() => kit.stop())
beforeEach(() => kit.reset())

async function by_stake() {
	const infos = await read_all(kit, members.map(a => [kit.bonding, 'getTranscoderInfo', [a.address]]))
	return members.map((a, i) => [a, infos[i]]).filter(([, x]) => x.inPool).sort(([, x], [, y]) => Number(x.stake - y.stake)).map(([a]) => a)
}
async function pool_at(i) { return (await by_stake())[i] }

test('reward', async () => {
	const sorted = await by_stake()
	gas('reward, place kept', await run(kit.bonding.connect(sorted[N - 1]).reward()), 150000)
	// Bonded to in the round before: its pending tokens become shares first.
	await run(kit.bonding.connect(kit.accounts.at(-1)).bond(LPT, sorted[N - 2]))
	await kit.next_round()
	await run(kit.bonding.connect(sorted[N - 1]).reward())
	gas('reward, place kept, after bonds in the round before', await run(kit.bonding.connect(sorted[N - 2]).reward()), 155000)
})

test('reward that moves its member from the root to a leaf', async () => {
	const sorted = await by_stake()
	// The root's round stake is large, its stake now the smallest: the reward lifts it far.
	await run(kit.bonding.connect(kit.accounts.at(-1)).bond(50000n * LPT, sorted[0]))
	await kit.next_round()
	await run(kit.bonding.connect(kit.accounts.at(-1)).unbond(50000n * LPT))
	await run(kit.bonding.connect(sorted[N - 1]).reward())
	const before_ = await kit.bonding.getTranscoderInfo(sorted[0])
	const receipt = await run(kit.bonding.connect(sorted[0]).reward())
	const after_ = await kit.bonding.getTranscoderInfo(sorted[0])
	console.log(`# from ${before_.stake / LPT} to ${after_.stake / LPT} LPT`)
	gas('reward, from the root down', receipt, 210000)
})

test('claimEarnings, whatever the rounds', async () => {
	const [a, b] = kit.accounts.slice(-2)
	const to = await pool_at(50)
	await run(kit.bonding.connect(a).bond(LPT, to))
	await run(kit.bonding.connect(b).bond(LPT, to))
	const figures = []
	for (const [who, rounds] of [[a, 2], [b, 12]]) {
		for (let i = 0; i < rounds; i++) {
			await kit.next_round()
			await run(kit.bonding.connect(to).reward())
			await pay_fees(kit, to, LPT / 1000n)
		}
		figures.push(gas(`claimEarnings after ${rounds} rounds with rewards and fees`,
			await run(kit.bonding.connect(who).claimEarnings(await kit.sys.RoundsManager.currentRound())), 120000))
	}
	assert.ok(Math.abs(figures[1] - figures[0]) < 5000, 'flat in rounds')
})

test('a round begins at a price that is flat in N', async () => {
	await kit.next_round()
	gas('initializeRound, 144 active, 20 waiting', await kit.next_round(), 300000)
})

test('others', async () => {
	const [a, b] = kit.accounts.slice(-2)
	const sorted = await by_stake()
	const bonding = kit.bonding
	gas('bond, first', await run(bonding.connect(a).bond(LPT, sorted[20])))
	gas('bond, more in the same round', await run(bonding.connect(a).bond(LPT, sorted[20])))
	gas('bond, second delegator', await run(bonding.connect(b).bond(LPT, sorted[20])))
	await kit.next_round()
	gas('bond, more in a new round', await run(bonding.connect(a).bond(LPT, sorted[20])))
	gas('unbond, a part', await run(bonding.connect(a).unbond(LPT)))
	gas('bond with another delegate (a move)', await run(bonding.connect(b).bond(0, sorted[40])))
	gas('updateTranscoderWithFees', await pay_fees(kit, sorted[20], LPT))
	gas('updateTranscoderWithFees, again', await pay_fees(kit, sorted[20], LPT))
	gas('slash, stays in the pool', await slash(kit, sorted[100], 50000n, kit.accounts[0].address, 50000n))
	gas('slash, to the root', await slash(kit, sorted[60], 900000n, kit.accounts[0].address, 50000n))
	gas('promote', await run(bonding.promote(members[N])))
	gas('resignAsTranscoder', await run(bonding.connect(sorted[70]).resignAsTranscoder()))
	await kit.next_rounds(6)
	gas('rebond', await run(bonding.connect(a).rebond(0)))
	gas('completeMove', await run(bonding.completeMove(b, 0)))
	await run(bonding.connect(b).unbond(LPT / 2n))
	await kit.next_rounds(6)
	gas('withdrawStake', await run(bonding.connect(b).withdrawStake(1)))
	gas('withdrawFees', await run(bonding.connect(sorted[20]).withdrawFees(sorted[20], 1000n)))
})

test('a slash costs the same with 2 delegators and with 22', async () => {
	await run(kit.sys.RoundsManager.setRoundLength(200))
	const figures = []
	for (const [i, n] of [[30, 1], [31, 21]]) {
		for (const who of kit.accounts.slice(N, N + n)) {
			const all = await kit.bonding.pendingStake(who, 0)
			if (await kit.bonding.isRegisteredTranscoder(who)) await run(kit.bonding.connect(who).unbond(all))
			await run(kit.bonding.connect(who).bond(LPT, members[i]))
		}
		await kit.next_round()
		await slash(kit, members[i], 1n)
		figures.push(gas(`slash, ${n + 1} delegators`, await slash(kit, members[i], 1n)))
	}
	assert.ok(Math.abs(figures[0] - figures[1]) < 500)
})

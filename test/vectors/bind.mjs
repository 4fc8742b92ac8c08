// Makes bind.json with ethers, which shares no code with our bindings:
//   make contracts && npm i ethers@6.17.0 && node test/vectors/bind.mjs > test/vectors/bind.json
// The values are those of test/bind/test_bind.c: A(n) an address, H(n) a hash of bytes n, U(n) a
// number whose four 64-bit words are n.
import { readFileSync, readdirSync } from 'node:fs'
import { Interface } from 'ethers'

const dir = 'build/contracts'
const interfaces = new Map()
const of = name => {
	if (!interfaces.has(name)) interfaces.set(name, new Interface(JSON.parse(readFileSync(`${dir}/${name}.json`)).abi))
	return interfaces.get(name)
}
const byte = n => n.toString(16).padStart(2, '0')
const bytes = (n, count) => `0x${byte(n).repeat(count)}`
const A = n => bytes(n, 20), H = n => bytes(n, 32), U = n => BigInt(`0x${n.toString(16).padStart(16, '0').repeat(4)}`)

const ref = [U(1), A(2), 3]
const request = [ref, U(4), A(5), H(6), U(7), H(8), U(9), U(10)]
const calls = {
	bond: ['BondingManager', 'bond', [U(1), A(2)]],
	claimWork: ['JobsManager', 'claimWork', [U(1), '0x010203', H(4), H(5), '0x']],
	setServiceURI: ['ServiceRegistry', 'setServiceURI', ['https://snow.example/\u2603']],
	propose: ['LivepeerGovernor', 'propose', [[A(1), A(2)], [U(3), U(4)], ['0x05', '0x'], 'why not']],
	proposeNothing: ['LivepeerGovernor', 'propose', [[], [], [], '']],
	quorumNumerator_2: ['LivepeerGovernor', 'quorumNumerator()', []],
	quorumNumerator: ['LivepeerGovernor', 'quorumNumerator(uint256)', [U(1)]],
	appeal: ['Verifier', 'appeal', [request, [U(11), [U(12), U(13), U(14)]]]],
	verify: ['JobsManager', 'verify', [ref,
		[[4, 5, H(6), H(7), [H(8), H(9), 10], [H(11), H(12), 13]],
			['0xffffffffffffffff', 0xffffffff, H(14), H(15), [H(16), H(17), 18], [H(19), H(20), 255]]],
		[[H(21), H(22), 23, H(24), A(25), U(26)], '0x2728', H(29), [H(30), H(31)], [U(32)], 33], '0x34']],
	missedVerificationSlash: ['JobsManager', 'missedVerificationSlash', [ref, 4, '0x0506', H(7),
		[[[8, '0xffffffffffffffff'], H(9), [U(10)]], [[], H(11), []], [[12], H(13), [U(14), U(15)]]], H(16)]],
	supportsInterface: ['Treasury', 'supportsInterface', ['0x01020304']],
	paused: ['Controller', 'paused', []],
}
const info = n => [A(n), n + 1, n + 2, n + 3, n + 4, n + 5, true, false, n % 2 === 0, true, n + 6, n + 7, n + 8, n + 9, U(n), n + 10, n + 11, n + 12]
const draw = n => [U(n), U(n + 1), A(n + 2), n % 2 === 1]
const results = {
	getDelegator: ['BondingManager', 'getDelegator', [U(1), U(2), A(3), U(4), U(5), U(6), U(7)]],
	getTranscoders: ['BondingManager', 'getTranscoders', [[info(20), info(41)], U(9)]],
	getNoTranscoders: ['BondingManager', 'getTranscoders', [[], 0]],
	eip712Domain: ['LivepeerToken', 'eip712Domain', ['0x0f', 'Livepeer Token', '', U(1), A(2), H(3), [U(4), U(5)]]],
	getAppeal: ['Verifier', 'getAppeal', [[A(1), 2, 3, [4, 5, 6, 7, 8, 9]]]],
	getDraws: ['Verifier', 'getDraws', [[draw(1), draw(4)]]],
	getJury: ['Verifier', 'getJury', [H(1), [draw(2)]]],
	state: ['LivepeerGovernor', 'state', [7]],
	getServiceURI: ['ServiceRegistry', 'getServiceURI', ['https://snow.example/\u2603']],
	isActiveTranscoder: ['BondingManager', 'isActiveTranscoder', [true]],
}
const events = {
	Bond: ['BondingManager', 'Bond', [A(1), A(2), A(3), U(4), U(5)]],
	Transfer: ['LivepeerToken', 'Transfer', [A(1), A(2), U(3)]],
	ServiceURIUpdate: ['ServiceRegistry', 'ServiceURIUpdate', [A(1), 'https://snow.example/\u2603']],
	ProposalCreated: ['LivepeerGovernor', 'ProposalCreated',
		[U(1), A(2), [A(3), A(4)], [U(5), U(6)], ['', 'f()'], ['0x07', '0x'], U(8), U(9), 'why not']],
}

const all_errors = new Map()
for (const file of readdirSync(dir).filter(f => f.endsWith('.json')))
	of(file.slice(0, -5)).forEachError(e => all_errors.set(e.selector, e.format('sighash')))
const map = (object, f) => Object.fromEntries(Object.entries(object).map(([k, v]) => [k, f(...v)]))

console.log(JSON.stringify({
	calls: map(calls, (c, f, args) => of(c).encodeFunctionData(f, args)),
	results: map(results, (c, f, values) => of(c).encodeFunctionResult(f, values)),
	events: map(events, (c, e, values) => of(c).encodeEventLog(e, values)),
	errors: Object.fromEntries([...all_errors].sort()),
}, null, 1))

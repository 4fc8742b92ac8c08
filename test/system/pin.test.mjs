// Which chain and which contracts: the wrong ones are refused in words, before anything else.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { createRequire } from 'node:module';
import { run, test } from './lib/harness.mjs';
import { Evm, hex } from './lib/evm.mjs';

const require = createRequire(path.resolve('node_modules/x.js'));
const { Interface, id } = require('ethers');
const tool = path.join(process.env.LPTOOLS || 'build/test/tools', 'pin');
const owner = '0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266';
const names = ['LivepeerToken', 'BondingManager', 'JobsManager', 'RoundsManager', 'Minter', 'Verifier',
	'ServiceRegistry', 'Treasury', 'BondingVotes', 'LivepeerGovernor', 'LivepeerTokenFaucet'];

/* A Controller of ours that knows n of these names; all are one contract, as far as it cares. */
async function deployController(evm, n = names.length) {
	if (!fs.existsSync('build/contracts/Controller.json'))
		await run('make', ['contracts'], { limitS: 300 });
	const { abi, bytecode: { object } } = JSON.parse(fs.readFileSync('build/contracts/Controller.json'));
	const iface = new Interface(abi);
	const send = async (tx) => {
		const hash = await evm.rpc('eth_sendTransaction', { from: owner, gas: hex(5000000), ...tx });

		await evm.rpc('evm_mine');
		const receipt = await evm.rpc('eth_getTransactionReceipt', hash);

		assert.equal(receipt.status, '0x1');
		return receipt;
	};
	const to = (await send({ data: object })).contractAddress;

	for (const name of names.slice(0, n))
		await send({ to, data: iface.encodeFunctionData('setContractInfo', [id(name), evm.emitters[0], `0x${'0'.repeat(40)}`]) });
	return to;
}

async function aChain(t, n, args) {
	const evm = await Evm.start(t, args);

	await evm.deployEmitters(1);
	return { evm, controller: await deployController(evm, n) };
}

const pin = (url, controller, chainId, dir) => run(tool, [url, controller, chainId, dir], { anyCode: true });

async function refused(words, ...args) {
	const end = await pin(...args);

	assert.equal(end.code, 1, end.stderr);
	assert.match(end.stderr, words);
	assert.equal(end.stderr.trim().split('\n').length, 1, end.stderr);
}

test('a chain and its contracts, twice', async (t) => {
	const { evm, controller } = await aChain(t);

	for (let i = 0; i < 2; i++) {
		const end = await pin(evm.url, controller, 31337, t.dir());

		assert.equal(end.code, 0, end.stderr);
		assert.match(end.stdout, new RegExp(`^money/31337-${controller.slice(2, 10)}\n`));
		assert.match(end.stdout, new RegExp(`^Minter ${evm.emitters[0]}$`, 'mi'));
		assert.match(end.stdout, /^GenesisClaim 0x0{40}$/m);
	}
});

test('another chain id, no contract, another contract, a Controller that lacks one', async (t) => {
	const { evm, controller } = await aChain(t, 5);

	await refused(/invalid: the endpoint is of chain 31337, chain 42161 was asked for/, evm.url, controller, 42161, t.dir());
	await refused(/invalid: there is no contract at 0x0+1234 on chain 31337: wrong address or wrong network\?/i, evm.url,
		`0x${'1234'.padStart(40, '0')}`, 31337, t.dir());
	await refused(/invalid: the contract at 0x\w+ is no Controller: getContract /, evm.url, evm.emitters[0], 0, t.dir());
	await refused(/invalid: the Controller at 0x\w+ knows no Verifier/, evm.url, controller, 0, t.dir());
	assert.deepEqual(fs.readdirSync(t.dir()), []);
});

test('a chain begun anew is not the one from before', async (t) => {
	const first = await aChain(t);

	assert.equal((await pin(first.evm.url, first.controller, 31337, t.dir())).code, 0);
	first.evm.child.kill('SIGKILL');
	const second = await aChain(t, undefined, ['--timestamp', '1700000000']);

	assert.equal(second.controller, first.controller);
	await refused(/denied: \S+ is of another chain with the id 31337: its block 0 has changed/, second.evm.url,
		second.controller, 31337, t.dir());
});

test('another Controller at the address, by other code', async (t) => {
	const { evm, controller } = await aChain(t);

	assert.equal((await pin(evm.url, controller, 31337, t.dir())).code, 0);
	const code = await evm.rpc('eth_getCode', controller, 'latest');

	await evm.rpc('anvil_setCode', controller, `${code}00`);
	await refused(/denied: the Controller's code is not what \S+ was begun with/, evm.url, controller, 31337, t.dir());
});

test('nobody there', async (t) => {
	await refused(/the chain: .*127\.0\.0\.1:1/, 'http://127.0.0.1:1', `0x${'1'.repeat(40)}`, 0, t.dir());
});

// binary: plain
// `lpnode deploy` against the deployer of the contracts' tests, killed and gone on with;
// scripts/devnet.sh as people use it.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import zlib from 'node:zlib';
import { decryptKeystoreJsonSync, encryptKeystoreJsonSync } from 'ethers';
import { start_chain } from '../contracts/lib/anvil.mjs';
import { deploy } from '../contracts/lib/deploy.mjs';
import { long, note, parallel, program, random, run, seed, sleep, test, until } from './lib/harness.mjs';
import { Devnet, ETH, LPT, PASSWORD } from './lib/devnet.mjs';

parallel(2);
const script = path.resolve('scripts/devnet.sh');

/* An empty chain and the flags by which lpnode deploys on it as the tests' deployer. */
async function emptyChain(t) {
	const chain = await start_chain();
	const dir = fs.mkdtempSync(path.join(t.dir(), 'chain-'));
	const deployer = chain.account('deployer');
	const key = { address: deployer.address, privateKey: deployer.privateKey };
	const scrypt = { N: 4096, r: 8, p: 1 };

	t.after(() => chain.stop());
	await chain.fund(deployer.address, 10n ** 22n);
	fs.writeFileSync(path.join(dir, 'key.json'), encryptKeystoreJsonSync(key, PASSWORD, { scrypt }), { mode: 0o600 });
	fs.writeFileSync(path.join(dir, 'password'), PASSWORD, { mode: 0o600 });
	const flags = ['deploy', '-ethUrl', chain.url, '-ethKeystorePath', path.join(dir, 'key.json'), '-ethPasswordFile',
		path.join(dir, 'password'), '-datadir', path.join(dir, 'lp'), '-profile', 'devnet'];

	return { chain, dir, deployer, flags };
}

const lpnode = (args) => run(program, args, { anyCode: true });

/* Code and storage of each contract, by address: all that a deployment leaves. */
async function stateOf(chain, addresses) {
	const dump = await chain.rpc('anvil_dumpState');
	const { accounts } = JSON.parse(zlib.gunzipSync(Buffer.from(dump.slice(2), 'hex')));
	const state = {};

	for (const [address, { code, storage, nonce }] of Object.entries(accounts))
		state[address.toLowerCase()] = { code, storage, nonce };
	return Object.fromEntries(addresses.map((a) => [a, state[a.toLowerCase()]]));
}

/* What deploy.mjs makes on a chain of its own, block for block. */
async function reference(t) {
	const chain = await start_chain();

	t.after(() => chain.stop());
	const sys = await deploy(chain);

	return { chain, at: sys.at, targets: sys.targets };
}

async function sameAsReference(t, chain, contracts) {
	const ref = await reference(t);
	const addresses = [...Object.values(ref.at), ...Object.values(ref.targets)];

	assert.deepEqual(contracts, ref.at);
	assert.deepEqual(await stateOf(chain, addresses), await stateOf(ref.chain, addresses));
	assert.equal(await chain.block(), await ref.chain.block());
}

test('lpnode deploy leaves the same code and storage as the tests\' deployer', async (t) => {
	const { chain, dir, deployer, flags } = await emptyChain(t);
	const out = path.join(dir, 'out.json');
	const before = await chain.balance(deployer.address);
	const end = await lpnode([...flags, '--yes', '-out', out]);

	assert.equal(end.code, 0, end.stderr);
	assert.match(end.stdout, /parameters, owners and entries are as asked/);
	const told = JSON.parse(fs.readFileSync(out));

	assert.equal(told.chainId, 31337);
	assert.equal(told.controller, told.contracts.Controller);
	assert.equal(told.deployer, deployer.address);
	assert.equal(told.block, 1);
	await sameAsReference(t, chain, told.contracts);
	// What it said it would cost.
	const guess = Number(/about (\d+) million gas/.exec(end.stdout)[1]);
	let gas = 0n;

	for (let n = 1, last = await chain.block(); n <= last; n++)
		gas += BigInt((await chain.rpc('eth_getBlockByNumber', `0x${n.toString(16)}`, false)).gasUsed);
	note(`gas: ${gas}, told ${guess} million, paid ${before - await chain.balance(deployer.address)} wei`);
	assert.ok(Math.abs(Number(gas) / 1e6 - guess) < guess * 0.1, `${gas} gas, not ${guess} million`);
}, { limitS: 180 });

test('killed again and again it goes on where it was, and sends nothing twice', async (t) => {
	const { chain, dir, deployer, flags } = await emptyChain(t);
	const out = path.join(dir, 'out.json');
	let kills = 0, end;

	note(`seed ${seed}`);
	for (;;) {
		const child = t.spawn(program, [...flags, '--yes', '-out', out]);
		const delay = sleep(kills < (long ? 40 : 5) ? 50 + random() * 500 : 120000);

		await Promise.race([child.over, delay]);
		if (!child.end)
			child.kill('SIGKILL');
		end = await child.over;
		if (end.signal !== 'SIGKILL')
			break;
		kills++;
	}
	note(`killed ${kills} times`);
	assert.equal(end.code, 0, end.stderr);
	assert.ok(kills > 0);
	assert.equal(Number(await chain.rpc('eth_getTransactionCount', deployer.address, 'latest')), await chain.block());
	await sameAsReference(t, chain, JSON.parse(fs.readFileSync(out)).contracts);
	// One that is finished is not gone on with.
	const again = await lpnode([...flags, '--yes', '--json']);

	assert.equal(again.code, 0, again.stderr);
	assert.notEqual(JSON.parse(again.stdout).controller, JSON.parse(fs.readFileSync(out)).controller);
}, { limitS: long ? 900 : 240 });

test('one that was not finished is not mixed with another', async (t) => {
	const { chain, flags } = await emptyChain(t);
	const child = t.spawn(program, [...flags, '--yes']);

	await until('some transactions', async () => await chain.block() > 3);
	child.kill('SIGKILL');
	await child.over;
	const other = [...flags, '-set', 'BondingManager.unbondingPeriod=9', '--yes'];
	const refused = await lpnode(other);

	assert.equal(refused.code, 3, refused.stderr);
	assert.match(refused.stderr, /deployment 1 of this account was not finished.* -anew/);
	const end = await lpnode([...other, '-anew', '--json']);

	assert.equal(end.code, 0, end.stderr);
	const { contracts } = JSON.parse(end.stdout);
	const period = await chain.rpc('eth_call', { to: contracts.BondingManager, data: '0x6cf6d675' }, 'latest');

	assert.equal(Number(period), 9);
}, { limitS: 120 });

test('mainnet: the Treasury owns it, and a root is asked for', async (t) => {
	const { chain, flags } = await emptyChain(t);
	const args = flags.slice(0, -1).concat('mainnet', '--yes', '--json');
	const refused = await lpnode(args);

	assert.equal(refused.code, 2);
	assert.match(refused.stderr, /genesisRoot is not given/);
	assert.equal(await chain.block(), 0);
	const end = await lpnode([...args, '-genesisRoot', `0x${'12'.repeat(32)}`]);

	assert.equal(end.code, 0, end.stderr);
	const { contracts } = JSON.parse(end.stdout);

	assert.equal(contracts.LivepeerTokenFaucet, undefined);
	const owner = await chain.rpc('eth_call', { to: contracts.Controller, data: '0x8da5cb5b' }, 'latest');

	assert.equal(`0x${owner.slice(26)}`, contracts.Treasury.toLowerCase());
}, { limitS: 120 });

test('what is wrong ends before anything is sent', async (t) => {
	const { chain, dir, flags } = await emptyChain(t);
	const other = path.join(dir, 'other');
	const cases = [
		[[...flags, '--yes', '-chainId', '1'], 2, /31337/],
		[[...flags], 2, /give --yes/],
		[[...flags, '--yes', '-set', 'faucet=maybe'], 2, /true or false/],
		[[...flags, '--yes', '-fund', 'everybody=5'], 2, /-fund/],
		[[...flags, '--yes', '-ethPasswordFile', other], 2, /password/],
		[[...flags.slice(0, -2), '--yes'], 2, /-profile/],
	];

	fs.writeFileSync(other, 'wrong', { mode: 0o600 });
	for (const [args, code, says] of cases) {
		const end = await lpnode(args);

		assert.match(end.stderr, says, args.slice(-4).join(' '));
		assert.equal(end.code, code, `${args.slice(-4).join(' ')}: ${end.stderr}`);
	}
	await chain.rpc('anvil_setBalance', chain.account('deployer').address, '0x0');
	const poor = await lpnode([...flags, '--yes']);

	assert.equal(poor.code, 3, poor.stderr);
	assert.match(poor.stderr, /has no ETH/);
	assert.equal(await chain.block(), 0);
});

// ---- scripts/devnet.sh ----

async function devnet(t, verb, ...args) {
	return run(script, [verb, '--dir', path.join(t.dir(), 'net'), ...args],
		{ anyCode: true, env: { ...process.env, LPNODE: path.resolve(program) }, limitS: 120 });
}

const pidOf = (t) => Number(fs.readFileSync(path.join(t.dir(), 'net/anvil.pid'), 'utf8').split(' ')[0]);
const lives = (pid) => fs.existsSync(`/proc/${pid}`) && !/^State:\s+Z/m.test(fs.readFileSync(`/proc/${pid}/status`, 'utf8'));

/* Whatever happens, no Anvil is left: `down` while the folder, which is made first, is there. */
function cleanUp(t) {
	t.dir();
	t.after(async () => assert.equal((await devnet(t, 'down')).code, 0));
}

async function ask(url, method, ...params) {
	const answer = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' },
		body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }) });

	return (await answer.json()).result;
}

test('devnet.sh up is ready when it returns; status, up again, down', async (t) => {
	if (!fs.existsSync('node_modules/@foundry-rs/anvil-linux-amd64'))
		t.skip('no Anvil here');
	cleanUp(t);
	assert.equal((await devnet(t, 'status')).code, 3);
	const end = await devnet(t, 'up', '--block-time', '1', '--accounts', '3');

	assert.equal(end.code, 0, end.stderr);
	const told = JSON.parse(fs.readFileSync(path.join(t.dir(), 'net/devnet.json')));

	assert.deepEqual(Object.keys(told).slice(0, 4), ['rpc', 'chainId', 'controller', 'contracts']);
	assert.equal(told.accounts.length, 3);
	for (const a of told.accounts) {
		assert.equal(fs.statSync(a.passwordFile).mode & 0o777, 0o600);
		const opened = decryptKeystoreJsonSync(fs.readFileSync(a.keystore, 'utf8'), fs.readFileSync(a.passwordFile, 'utf8').trim());

		assert.equal(opened.address, a.address);
		assert.equal(BigInt(await ask(told.rpc, 'eth_getBalance', a.address, 'latest')), 10000n * ETH);
		const call = { to: told.contracts.LivepeerToken, data: `0x70a08231${a.address.slice(2).padStart(64, '0')}` };

		assert.equal(BigInt(await ask(told.rpc, 'eth_call', call, 'latest')), 10000n * LPT);
	}
	const block = Number(await ask(told.rpc, 'eth_blockNumber'));

	await until('blocks by time', async () => Number(await ask(told.rpc, 'eth_blockNumber')) > block + 1);
	assert.match((await devnet(t, 'status')).stdout, /is up: http:\/\/127\.0\.0\.1:/);
	const pid = pidOf(t);
	const again = await devnet(t, 'up');

	assert.equal(again.code, 0);
	assert.match(again.stderr, /is up already/);
	assert.equal(pidOf(t), pid);
	assert.equal((await devnet(t, 'down')).code, 0);
	assert.ok(!lives(pid));
	assert.equal((await devnet(t, 'status')).code, 3);
	assert.ok(!fs.existsSync(path.join(t.dir(), 'net/devnet.json')));
}, { limitS: 180 });

test('devnet.sh: an Anvil that died is told, and up begins anew', async (t) => {
	if (!fs.existsSync('node_modules/@foundry-rs/anvil-linux-amd64'))
		t.skip('no Anvil here');
	cleanUp(t);
	assert.equal((await devnet(t, 'up', '--block-time', '0', '--accounts', '1')).code, 0);
	const pid = pidOf(t);

	assert.ok(pid > 1);
	process.kill(pid, 'SIGKILL');
	await until('its end', () => !lives(pid));
	const died = await devnet(t, 'status');

	assert.equal(died.code, 1);
	assert.match(died.stdout, /has died/);
	const end = await devnet(t, 'up', '--block-time=0', '--accounts=1');

	assert.equal(end.code, 0, end.stderr);
	const { rpc } = JSON.parse(fs.readFileSync(path.join(t.dir(), 'net/devnet.json')));
	const block = Number(await ask(rpc, 'eth_blockNumber'));

	await sleep(1500);
	assert.equal(Number(await ask(rpc, 'eth_blockNumber')), block, 'no block without a transaction');
}, { limitS: 180 });

test('devnet.sh leaves alone what is not its own', async (t) => {
	const net = path.join(t.dir(), 'net');
	const other = t.spawn('sleep', ['60']);

	fs.mkdirSync(net);
	// A pid that has become another's.
	fs.writeFileSync(path.join(net, 'anvil.pid'), `${other.pid} 1\n`);
	assert.equal((await devnet(t, 'status')).code, 1);
	assert.equal((await devnet(t, 'down')).code, 0);
	assert.ok(lives(other.pid));
	for (const bad of [['up', '--port', '70000'], ['up', '--port', 'x'], ['up', '--colour', 'red'], ['sideways']])
		assert.equal((await devnet(t, bad[0], ...bad.slice(1))).code, 2, bad.join(' '));
});

test('a devnet for tests: accounts, rounds, snapshots, cast', async (t) => {
	const net = await Devnet.start(t);
	const told = JSON.parse(fs.readFileSync(net.file));

	assert.equal(told.accounts.length, 10);
	assert.equal(await net.contract('Controller').owner(), net.deployer.address);
	assert.equal(await net.lpt(3), 10000n * LPT);
	const round = await net.currentRound();

	await net.nextRound(2);
	assert.equal(await net.currentRound(), round + 2);
	assert.equal(await net.contract('RoundsManager').currentRoundInitialized(), true);
	const before = await net.snapshot();

	await (await net.contract('LivepeerToken', 1).approve(net.contracts.BondingManager, 5n * LPT)).wait();
	await (await net.contract('BondingManager', 1).bond(5n * LPT, net.accounts[1].address)).wait();
	assert.equal((await net.contract('BondingManager').getDelegator(net.accounts[1].address)).bondedAmount, 5n * LPT);
	await net.revert(before);
	assert.equal(await net.lpt(1), 10000n * LPT);
	assert.equal(await net.cast('balance', net.accounts[0].address), `${10000n * ETH}`);
});

// Sending from the command line: what is told before, what can go wrong, and that nothing is
// sent twice.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { spawn } from 'node:child_process';
import { Devnet, GWEI, PASSWORD } from './lib/devnet.mjs';
import { RpcProxy } from './lib/rpc_proxy.mjs';
import { parallel, program, sleep, test, until } from './lib/harness.mjs';

parallel(2);

const uri = (name) => `https://${name}.example:8935`;
const send = (name, ...more) => ['service-uri', uri(name), '--yes', ...more];

const nonce = async (net, i, tag = 'latest') =>
	Number(await net.send('eth_getTransactionCount', net.accounts[i].address, tag));
const uriOf = (net, i) => net.contract('ServiceRegistry').getServiceURI(net.accounts[i].address);

async function refused(net, i, code, why, ...args) {
	const before = await nonce(net, i, 'pending');
	const end = await net.lp(i, ...args, { code });

	assert.match(end.stderr, why);
	assert.equal(await nonce(net, i, 'pending'), before, 'nothing was sent');
	return end;
}

test('what happens and what it costs is told, then what came of it', async (t) => {
	const net = await Devnet.start(t);
	const end = await net.lp(1, ...send('a'));

	assert.match(end.stdout, /transaction 1 of 1: .*\ncost: \d+ gas at [\d.]+ gwei, 0\.\d+ ETH now, at most 0\.\d+ ETH\n/);
	assert.match(end.stdout, /#1 .*: done in block \d+, \d+ gas at [\d.]+ gwei, 0\.\d+ ETH\n/);
	assert.match(end.stderr, /#1 .*: sent, \d+ s\n/);
	assert.equal(await uriOf(net, 1), uri('a'));
	const { json } = await net.lp(1, ...send('b'), '--json');
	const [tx] = json.transactions;

	assert.deepEqual(Object.keys(tx), ['id', 'what', 'state', 'from', 'to', 'value', 'nonce', 'hash', 'block', 'gasUsed',
		'gasPrice', 'cost', 'why']);
	const receipt = await net.send('eth_getTransactionReceipt', tx.hash);

	assert.deepEqual([tx.id, tx.state, tx.from, tx.to, tx.value, tx.nonce, tx.why],
		[2, 'done', net.accounts[1].address, net.contracts.ServiceRegistry, '0', 1, null]);
	assert.deepEqual([tx.block, tx.gasUsed, BigInt(tx.gasPrice)],
		[Number(receipt.blockNumber), Number(receipt.gasUsed), BigInt(receipt.effectiveGasPrice)]);
	assert.equal(BigInt(tx.cost), BigInt(tx.gasUsed) * BigInt(tx.gasPrice));
	const list = (await net.lp(1, 'tx', 'list', '--json')).json.transactions;

	assert.deepEqual(list.map((x) => [x.id, x.state]), [[2, 'done'], [1, 'done']]);
	assert.deepEqual((await net.lp(1, 'tx', 'show', '#2', '--json')).json.transaction, tx);
	assert.deepEqual((await net.lp(2, 'tx', 'list', '--json')).json.transactions, [], 'each account its own');
});

test('wrong chain, contract, password, price or purse: nothing is sent', async (t) => {
	const net = await Devnet.start(t);
	const wrong = path.join(t.dir(), 'wrong');

	fs.writeFileSync(wrong, 'wrong', { mode: 0o600 });
	await refused(net, 1, 2, /nobody to ask: add --yes/, 'service-uri', uri('a'));
	await refused(net, 1, 2, /wrong password/, ...send('a'), '-ethPasswordFile', wrong);
	await refused(net, 1, 2, /chain/, ...send('a'), '-chainId', '1');
	await refused(net, 1, 2, /0x0000000000000000000000000000000000000001|code/i, ...send('a'), '-ethController',
		'0x0000000000000000000000000000000000000001');
	await refused(net, 1, 2, /./, ...send('a'), '-ethController', net.contracts.Minter);
	await refused(net, 1, 2, /no address|address|0x/, ...send('a'), '-ethController', 'minter');
	await refused(net, 1, 2, /-maxGasPrice=5: say of what/, ...send('a'), '-maxGasPrice', '5');
	await refused(net, 1, 3, /-maxGasPrice is 0?\.?\d+ gwei|asks/, ...send('a'), '-maxGasPrice', '0.1 gwei');
	await refused(net, 1, 1, /127\.0\.0\.1|connect|refused/i, ...send('a'), '-ethUrl', 'http://127.0.0.1:9');
	await net.send('anvil_setBalance', net.accounts[3].address, '0x1000');
	await refused(net, 3, 3, /has <0\.000001 ETH, it needs up to 0\.\d+ ETH: send it ETH first/, ...send('a'));
	assert.equal((await net.lp(1, 'tx', 'list', '--json')).json.transactions.length, 0);
});

test('contact with a node is two requests; a slow node is waited for, one that is not there is not', async (t) => {
	const net = await Devnet.start(t);
	const proxy = await RpcProxy.start(t, net.rpc);
	const round = (code, ...urls) => net.lp(1, 'round', '-ethUrl', urls.join(), { code });

	await round(0, proxy.url);
	assert.deepEqual(proxy.log.slice(0, 2).map((r) => r.methods.length), [1, 16]);
	assert.equal(proxy.log.filter((r) => r.methods.includes('eth_getCode')).length, 1);
	proxy.set('slow', { ms: 2000, count: 1 });
	await round(0, proxy.url);
	await proxy.close();
	const begin = Date.now();
	const { stderr } = await round(1, proxy.url);

	assert.match(stderr, new RegExp(`: nobody listens at ${proxy.url}: is the node running\\?\n`));
	assert.match((await round(1, proxy.url, 'http://nobody.invalid')).stderr,
		/: nobody listens at http:\S+, nor at the other URLs: is the node running\?\n/);
	assert.ok(Date.now() - begin < 10000, 'both together sooner than a node that is waited for');
	await round(0, proxy.url, net.rpc);
});

test('a chain that is another behind the same address is refused', async (t) => {
	const net = await Devnet.start(t);

	await net.lp(1, ...send('a'));
	await net.send('anvil_setCode', net.controller, (await net.send('eth_getCode', net.controller, 'latest')) + '00');
	const end = await net.lp(1, ...send('b'), { code: 2 });

	assert.match(end.stderr, /code|Controller/);
	assert.equal(await uriOf(net, 1), uri('a'));
});

test('an endpoint that is down is passed over', async (t) => {
	const net = await Devnet.start(t);

	await net.lp(1, ...send('a'), '-ethUrl', `http://127.0.0.1:9,${net.rpc}`);
	assert.equal(await uriOf(net, 1), uri('a'));
});

test('what a contract refuses is told in words before it costs anything', async (t) => {
	const net = await Devnet.start(t);
	const { stderr } = await refused(net, 1, 3, /initialised/, 'initialize-round', '--yes');

	assert.equal(stderr.trimEnd().split('\n').length, 1, stderr);
});

test('a command that waited long enough ends with 5, and again joins what is under way', async (t) => {
	const net = await Devnet.start(t);

	await net.send('evm_setAutomine', false);
	const first = await net.lp(1, ...send('a'), '-waitTx', '2s', '--json', { code: 5 });

	assert.equal(first.json.error.code, 5);
	assert.equal(first.json.transactions[0].state, 'sent');
	assert.match(first.stderr, /#1 is sent, not done yet: it goes on with `lpnode tx wait 1`/);
	const again = await net.lp(1, ...send('a'), '-waitTx', '2s', { code: 5 });

	assert.match(again.stdout, /#1 is the same and under way \(sent\): waiting for it/);
	assert.deepEqual((await net.lp(1, 'tx', 'list', '-open', '--json')).json.transactions.map((x) => x.id), [1]);
	const waiting = net.lp(1, 'tx', 'wait', '--json');

	await sleep(500);
	await net.mine();
	const { json } = await waiting;

	assert.equal(json.transaction.state, 'done');
	assert.equal(await uriOf(net, 1), uri('a'));
	assert.equal(await nonce(net, 1), 1);
	assert.match((await net.lp(1, 'tx', 'wait')).stdout, /nothing is under way/);
	await net.send('evm_setAutomine', true);
	await net.lp(1, ...send('b'));
	await net.lp(1, ...send('a'));
	assert.equal(await nonce(net, 1), 3, 'what is done is not joined: it is sent anew');
});

test('a command killed anywhere is finished by the same command, once', async (t) => {
	const net = await Devnet.start(t, { blockTime: 1 });

	for (let i = 0; i < 5; i++) {
		const before = await nonce(net, 1);
		const child = net.lpStart(t, 1, ...send(`k${i}`));

		await sleep(60 + i * 120);
		child.kill('SIGKILL');
		await child.over;
		/* It may have been mined before, or be mined by now: then there is nothing to do. */
		const end = await net.lp(1, ...send(`k${i}`)).catch((e) => ({ stderr: e.message }));

		assert.ok(end.code === 0 || /is told as .* already/.test(end.stderr), end.stderr);
		assert.equal(await uriOf(net, 1), uri(`k${i}`));
		if (end.code !== 0)
			await net.lp(1, 'tx', 'wait');
		const after = await nonce(net, 1);

		assert.equal(after, before + 1);
		const { transactions } = (await net.lp(1, 'tx', 'list', '--json', '-n', '100')).json;

		assert.equal(transactions.filter((x) => x.state === 'done').length, after);
		assert.deepEqual(transactions.filter((x) => !['done', 'refused'].includes(x.state)), []);
	}
});

test('Ctrl-C while it waits leaves the transaction to tx wait', async (t) => {
	const net = await Devnet.start(t);

	await net.send('evm_setAutomine', false);
	const child = net.lpStart(t, 1, ...send('a'));

	await until('it was sent', async () => await nonce(net, 1, 'pending') === 1);
	await until('it says so', () => /: sent, /.test(child.text()));
	child.kill('SIGINT');
	const end = await child.over;

	assert.equal(end.code, 5, end.stderr);
	assert.match(end.stderr, /lpnode tx wait 1/);
	await net.mine();
	await net.lp(1, 'tx', 'wait', '1');
	assert.equal(await uriOf(net, 1), uri('a'));
});

test('one that waits is sped up, and one cancelled', async (t) => {
	const net = await Devnet.start(t);

	await net.send('evm_setAutomine', false);
	await net.lp(1, ...send('a'), '-waitTx', '2s', { code: 5 });
	const price = async () => (await net.lp(1, 'tx', 'show', '1', '--json')).json.attempts.map((a) => BigInt(a.maxFee));
	const asked = await net.lp(1, 'tx', 'speed-up', '1', { code: 2 });

	assert.match(asked.stdout, /is replaced by the same, at least an eighth dearer and never above 200 gwei/);
	await net.lp(1, 'tx', 'speed-up', '1', '--yes', '-waitTx', '2s', { code: 5 });
	const [first, second] = await price();

	assert.ok(second * 8n >= first * 9n, `${first} ${second}`);
	await refused(net, 1, 3, /./, 'tx', 'speed-up', '1', '--yes', '-maxGasPrice', '1.5 gwei');
	const cancelling = net.lp(1, 'tx', 'cancel', '1', '--yes', '--json');

	await until('a third one is out', async () => (await price()).length === 3);
	await sleep(300);
	await net.mine();
	const { json } = await cancelling;

	assert.equal(json.transaction.state, 'cancelled');
	assert.equal(json.attempts[2].cancels, true);
	assert.equal(await uriOf(net, 1), '');
	await refused(net, 1, 3, /#1 is cancelled: only what is sent and not mined can be replaced/, 'tx', 'cancel', '1', '--yes');
	await refused(net, 1, 2, /no transaction #9 here/, 'tx', 'show', '9');
	await refused(net, 1, 2, /"x" is no transaction's number/, 'tx', 'show', 'x');
	await refused(net, 2, 2, /#1 is of 0x.*: give -ethAcctAddr/, 'tx', 'show', '1');
});

test('at a terminal it asks, and no is no', async (t) => {
	if (!fs.existsSync('/usr/bin/script'))
		t.skip('no script(1) here');
	const net = await Devnet.start(t);
	const at = async (answer) => {
		const command = `${path.resolve(program)} service-uri ${uri('a')} ${net.flags(1).join(' ')}; echo code $?`;
		const child = spawn('/usr/bin/script', ['-qec', command, '/dev/null'], { env: { ...process.env, HOME: t.dir(), SHELL: '/bin/sh' } });
		let text = '';

		t.after(() => child.exitCode ?? child.kill('SIGKILL'));
		child.stdout.on('data', (d) => { text += d; });
		child.stdin.on('error', () => {});
		await until('it asks', () => text.includes('Send? [y/N]'), 20000);
		child.stdin.write(answer);
		await new Promise((done) => { child.on('close', done); });
		return text;
	};

	assert.match(await at('n\n'), /nothing was sent[^]*code 3/);
	assert.equal(await nonce(net, 1, 'pending'), 0);
	assert.match(await at('y\n'), /done in block[^]*code 0/);
	assert.equal(await uriOf(net, 1), uri('a'));
});

test('by hand, without a devnet, with confirmations and transactions of the old kind', async (t) => {
	const net = await Devnet.start(t);
	const account = net.accounts[4];
	const env = { ...process.env, HOME: t.dir(), LP_ETHURL: net.rpc, LP_ETHCONTROLLER: net.controller,
		LP_ETHKEYSTOREPATH: account.keystore, LP_ETHPASSWORDFILE: account.passwordFile };
	const child = t.spawn(program, ['service-uri', uri('hand'), '--yes', '--json', '-legacyTx', '-confirmations', '3',
		'-datadir', path.join(t.dir(), 'hand')], { env });

	await until('it is mined', async () => await nonce(net, 4) === 1);
	await sleep(500);
	assert.ok(!child.end, 'one block is not three');
	await net.mine(2);
	const end = await child.over;

	assert.equal(end.code, 0, end.stderr);
	const [tx] = JSON.parse(end.stdout).transactions;

	assert.equal((await net.send('eth_getTransactionByHash', tx.hash)).type, '0x0');
	assert.ok(BigInt(tx.gasPrice) >= GWEI / 2n);
	assert.equal(await uriOf(net, 4), uri('hand'));
	assert.ok(!end.stderr.includes(PASSWORD));
});

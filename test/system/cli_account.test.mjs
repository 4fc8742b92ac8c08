// Accounts, signatures and typing errors at the command line, as a person meets them.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { parallel, program, run, start, test, until } from './lib/harness.mjs';

parallel(2);

const require = createRequire(path.resolve('node_modules/x.js'));
const castProgram = path.resolve('node_modules/@foundry-rs/cast-linux-amd64/bin/cast');
const password = 'pässword ☃ "quoted"';
const ethers = () => require('ethers');

/* A home with a password file; lp(...args) runs lpnode there. */
class Home {
	constructor(t) {
		this.dir = t.dir();
		this.keystore = path.join(this.dir, 'data/keystore');
		this.passwordFile = this.write('password', password + '\n');
		this.env = { PATH: process.env.PATH, HOME: this.dir, LP_DATADIR: path.join(this.dir, 'data'),
			ASAN_OPTIONS: process.env.ASAN_OPTIONS || '' };
	}

	write(name, text, mode = 0o600) {
		const file = path.join(this.dir, name);

		fs.writeFileSync(file, text);
		fs.chmodSync(file, mode);
		return file;
	}

	/* Its end, whatever the code. */
	any(args, opts = {}) {
		return run(program, [...args, ...(opts.bare ? [] : ['-ethPasswordFile', opts.passwordFile || this.passwordFile])],
			{ env: { ...this.env, ...opts.env }, anyCode: true, input: opts.input, stdio: opts.stdio });
	}

	async lp(...args) {
		const end = await this.any(args);

		assert.equal(end.code, 0, end.stderr);
		return end.stdout;
	}

	async json(...args) { return JSON.parse(await this.lp(...args, '--json')); }

	/* One line that says why, and the exit code. */
	async refused(code, why, args, opts) {
		const end = await this.any(args, opts);

		assert.equal(end.code, code, end.stderr);
		assert.match(end.stderr, why);
		assert.equal(end.stderr.trimEnd().split('\n').length, 1, end.stderr);
		assert.equal(end.stdout, '');
		return end;
	}
}

function newKey() {
	const secret = crypto.randomBytes(32).toString('hex');

	return { secret, address: ethers().computeAddress(`0x${secret}`) };
}

/* cast, if it is installed (only on x86-64). */
async function cast(t, ...args) {
	if (!fs.existsSync(castProgram))
		t.skip('no cast here');
	const env = { PATH: process.env.PATH, HOME: t.dir(), FOUNDRY_DISABLE_NIGHTLY_WARNING: '1' };

	return (await run(castProgram, ['wallet', ...args], { env })).stdout.trim();
}

async function addKey(home, key, ...flags) {
	const end = await home.any(['account', 'import', '-', '--light', '--json', ...flags], { input: key.secret });

	assert.equal(end.code, 0, end.stderr);
	return JSON.parse(end.stdout);
}

/* ---- accounts ---- */

test('a new account is a file that only its owner reads and cast opens', async (t) => {
	const home = new Home(t);
	const said = await home.json('account', 'new');

	assert.deepEqual(Object.keys(said), ['address', 'path']);
	assert.equal(fs.statSync(said.path).mode & 0o777, 0o600);
	assert.equal(fs.statSync(home.keystore).mode & 0o777, 0o700);
	assert.equal(fs.statSync(path.dirname(home.keystore)).mode & 0o777, 0o700);
	assert.deepEqual(await home.json('account', 'list'), { accounts: [said] });
	assert.match(await home.lp('account', 'list'), new RegExp(`^ADDRESS +KEYSTORE\n${said.address}  ${said.path}\n$`));
	assert.equal(await cast(t, 'address', '--keystore', said.path, '--password', password), said.address);
	const { privateKey, address } = await home.json('account', 'export', '--yes');

	assert.equal(address, said.address);
	assert.equal(ethers().computeAddress(privateKey), said.address);
});

test('keys come in by standard input, by file and as keystores of others', async (t) => {
	const home = new Home(t), keys = [newKey(), newKey(), newKey(), newKey()];
	const other = home.write('other-password', 'of another');

	assert.equal((await addKey(home, keys[0])).address, keys[0].address);
	assert.equal((await home.json('account', 'import', home.write('hex', `0x${keys[1].secret}\n`), '--light')).address,
		keys[1].address);
	const foreign = home.write('foreign.json', ethers().encryptKeystoreJsonSync(
		{ address: keys[2].address, privateKey: `0x${keys[2].secret}` }, 'of another', { scrypt: { N: 4096, r: 8, p: 1 } }), 0o644);

	assert.equal((await home.json('account', 'import', foreign, '--light', '-fromPasswordFile', other)).address,
		keys[2].address);
	await home.refused(2, /wrong password/, ['account', 'import', foreign, '-fromPasswordFile', home.passwordFile]);
	await cast(t, 'import', '-k', t.dir(), '--private-key', `0x${keys[3].secret}`, '--unsafe-password', password, 'theirs');
	assert.equal((await home.json('account', 'import', path.join(t.dir(), 'theirs'), '--light', '-fromPasswordFile',
		home.passwordFile)).address, keys[3].address);
	const { accounts } = await home.json('account', 'list');

	assert.deepEqual(accounts.map((a) => a.address).sort(), keys.map((k) => k.address).sort());
	for (const { address } of keys)
		assert.match(await home.lp('sign', 'x', '-ethAcctAddr', address), new RegExp(address));
});

test('a key that is there, damaged or seen by others is refused', async (t) => {
	const home = new Home(t), key = newKey();
	const first = await addKey(home, key);
	const hex = home.write('hex', key.secret, 0o640);

	await home.refused(2, /is there already: .*UTC--/, ['account', 'import', '-', '--light'], { input: key.secret });
	await home.refused(2, /others can read: chmod 600/, ['account', 'import', hex]);
	const argv = await home.refused(2, /private key in the command line/, ['account', 'import', `0x${key.secret}`]);

	assert.ok(!argv.stderr.includes(key.secret));
	for (const text of ['', 'hello', key.secret.slice(1), key.secret + '00', '0'.repeat(64), 'f'.repeat(64)])
		assert.match((await home.any(['account', 'import', '-'], { input: text })).stderr, /64 hex digits|secp256k1|key/);
	const damaged = fs.readFileSync(first.path, 'utf8').replace(/"ciphertext": ?"../, '"ciphertext":"zz');

	await home.refused(2, /"ciphertext" is missing or wrong/, ['account', 'import', home.write('damaged', damaged),
		'-fromPasswordFile', home.passwordFile]);
	await home.refused(2, /No such file/, ['account', 'import', '/nonexistent']);
	await home.refused(2, /is a file: give a folder/, ['account', 'new', '-ethKeystorePath', first.path]);
});

test('a private key is shown to a terminal after a yes, or with --yes', async (t) => {
	const home = new Home(t), key = newKey();

	await addKey(home, key);
	await home.refused(2, /terminal, after a yes: add --yes/, ['account', 'export']);
	assert.equal(await home.lp('account', 'export', '--yes'), `0x${key.secret}\n`);
});

test('a password changes, and only for who knows it', async (t) => {
	const home = new Home(t), key = newKey();
	const { path: file } = await addKey(home, key);
	const fresh = home.write('fresh', 'a new one');

	await home.refused(2, /wrong password/, ['account', 'passwd', '-newPasswordFile', home.passwordFile],
		{ passwordFile: fresh });
	await home.refused(2, /empty password/, ['account', 'passwd', '-newPasswordFile', home.write('empty', '\n')]);
	assert.deepEqual(await home.json('account', 'passwd', '-newPasswordFile', fresh), { path: file });
	await home.refused(2, /wrong password/, ['sign', 'x']);
	assert.equal((await home.any(['sign', 'x'], { passwordFile: fresh })).code, 0);
	assert.equal(await cast(t, 'address', '--keystore', file, '--password', 'a new one'), key.address);
	assert.equal(fs.readdirSync(home.keystore).length, 1, 'nothing is left aside');
});

test('which account is asked when there are several, and one without a name is found', async (t) => {
	const home = new Home(t), keys = [newKey(), newKey()];

	await home.refused(2, /no account in .*: make one with `lpnode account new`/, ['sign', 'x']);
	await addKey(home, keys[0]);
	await addKey(home, keys[1]);
	await home.refused(2, /2 accounts in .*: say which with -ethAcctAddr/, ['sign', 'x']);
	await home.refused(2, /no key of 0x/, ['sign', 'x', '-ethAcctAddr', newKey().address]);
	const third = newKey();

	await cast(t, 'import', '-k', t.dir(), '--private-key', `0x${third.secret}`, '--unsafe-password', password, 'theirs');
	const said = await home.json('sign', 'x', '-ethKeystorePath', path.join(t.dir(), 'theirs'));

	assert.equal(said.address, third.address);
	await home.refused(2, /the keystore is of 0x.*, -ethAcctAddr is 0x/,
		['sign', 'x', '-ethKeystorePath', path.join(t.dir(), 'theirs'), '-ethAcctAddr', keys[0].address]);
});

/* ---- passwords ---- */

test('a password comes from a private file or a descriptor, one line of it', async (t) => {
	const home = new Home(t);

	await addKey(home, newKey());
	const with_ = (text, mode) => ({ passwordFile: home.write('p', text, mode) });
	const good = await home.any(['sign', 'x'], with_(password));

	assert.equal(good.code, 0);
	for (const end of ['\n', '\r\n'])
		assert.equal((await home.any(['sign', 'x'], with_(password + end))).stdout, good.stdout);
	await home.refused(2, /wrong password/, ['sign', 'x'], with_(password + ' '));
	await home.refused(2, /wrong password/, ['sign', 'x'], with_(''));
	await home.refused(2, /a password is one line/, ['sign', 'x'], with_(password + '\n\n'));
	await home.refused(2, /a password is one line/, ['sign', 'x'], with_(password + '\0x'));
	await home.refused(2, /too long for a password/, ['sign', 'x'], with_('x'.repeat(2000)));
	for (const mode of [0o640, 0o604, 0o620])
		await home.refused(2, /others can read it: chmod 600/, ['sign', 'x'], with_(password, mode));
	await home.refused(2, /not a file/, ['sign', 'x'], { passwordFile: t.dir() });
	const typed = await home.refused(2, /give a file's name, not the password/, ['sign', 'x'], { passwordFile: 'hunter2' });

	assert.ok(!typed.stderr.includes('hunter2'), 'it may be the password');
	const fd = fs.openSync(home.passwordFile);

	t.after(() => fs.closeSync(fd));
	const byFd = await home.any(['sign', 'x'], { passwordFile: 'fd:3', stdio: ['ignore', 'pipe', 'pipe', fd] });

	assert.equal(byFd.stdout, good.stdout, byFd.stderr);
	await home.refused(2, /Bad file descriptor/, ['sign', 'x'], { passwordFile: 'fd:77' });
});

test('neither password nor key is seen from outside', async (t) => {
	const home = new Home(t), key = newKey();

	await addKey(home, key);
	/* Standard cost: it works for a second on the new file. */
	const child = start(program, ['account', 'passwd', '-ethPasswordFile', home.passwordFile, '-newPasswordFile',
		home.write('fresh', 'a new one')], { env: home.env });
	const seen = [];

	while (!child.end) {
		for (const name of ['cmdline', 'environ']) {
			try {
				seen.push(fs.readFileSync(`/proc/${child.pid}/${name}`, 'utf8'));
			} catch { /* it is over, or nobody may look */ }
		}
		await new Promise((done) => { setTimeout(done, 5); });
	}
	assert.equal(child.end.code, 0, child.end.stderr);
	assert.ok(seen.some((s) => s.includes('passwd')), 'it was looked at');
	for (const secret of [password, 'a new one', key.secret])
		assert.ok(!seen.join().includes(secret) && !child.text().includes(secret));
});

/* ---- a terminal ---- */

/* Runs a shell command at a terminal of its own; say(what, text) types text when what is there. */
async function atTerminal(t, home, command, dialogue) {
	if (!fs.existsSync('/usr/bin/script'))
		t.skip('no script(1) here');
	const child = spawn('/usr/bin/script', ['-qec', command, '/dev/null'], { env: { ...home.env, SHELL: '/bin/sh' } });
	let text = '', at = 0;

	t.after(() => child.exitCode ?? child.kill('SIGKILL'));
	child.stdout.on('data', (d) => { text += d; });
	child.stdin.on('error', () => {});
	const over = new Promise((done) => { child.on('close', (code) => done(code)); });

	for (const [what, answer] of dialogue) {
		await until(`${what} in ${JSON.stringify(text)}`, () => text.indexOf(what, at) >= 0, 20000, 10);
		at = text.indexOf(what, at) + what.length;
		/* The prompt stands there before the echo is off. */
		await new Promise((done) => { setTimeout(done, 100); });
		child.stdin.write(answer);
	}
	const code = await over;

	return { code, text };
}

const lp = path.resolve(program);

test('at a terminal the password is asked for twice and not shown', async (t) => {
	const home = new Home(t);
	const end = await atTerminal(t, home, `${lp} account new --light; echo code $?; stty -a`,
		[['new password: ', 'geheim 1\n'], ['the same again: ', 'geheim 1\n']]);

	assert.match(end.text, /code 0/, end.text);
	assert.ok(!end.text.includes('geheim'), end.text);
	assert.match(end.text, / echo /, 'the echo is back');
	const fresh = home.write('p', 'geheim 1');

	assert.equal((await home.any(['sign', 'x'], { passwordFile: fresh })).code, 0);
});

test('two different passwords make no account', async (t) => {
	const home = new Home(t);
	const end = await atTerminal(t, home, `${lp} account new --light; echo code $?`,
		[['new password: ', 'one\n'], ['the same again: ', 'two\n']]);

	assert.match(end.text, /the two are not the same/);
	assert.match(end.text, /code 2/);
	assert.ok(!fs.existsSync(home.keystore));
});

test('the terminal shows again what is typed after a Ctrl-C at the password', async (t) => {
	const home = new Home(t);
	const end = await atTerminal(t, home, `trap : INT; ${lp} account new; echo code $?; stty -a; trap - INT`,
		[['new password: ', '\x03']]);

	assert.match(end.text, /code 130/, end.text);
	assert.match(end.text, / echo /, end.text);
	assert.ok(!fs.existsSync(home.keystore));
});

test('a key is shown at a terminal after a yes only', async (t) => {
	const home = new Home(t), key = newKey();

	await addKey(home, key);
	const command = `${lp} account export -ethPasswordFile ${home.passwordFile}; echo code $?`;
	const no = await atTerminal(t, home, command, [['[y/N] ', '\n']]);

	assert.match(no.text, /nothing was shown[^]*code 3/);
	assert.ok(!no.text.includes(key.secret));
	const yes = await atTerminal(t, home, command, [['[y/N] ', 'y\n']]);

	assert.ok(yes.text.includes(`0x${key.secret}`));
	assert.match(yes.text, /code 0/);
});

/* ---- signatures ---- */

test('messages are signed and recovered as cast and ethers do', async (t) => {
	const home = new Home(t), key = newKey();
	const { path: file } = await addKey(home, key);
	const wallet = new (ethers().Wallet)(`0x${key.secret}`);

	for (const text of ['hello', '', 'Grüße ☃', '0x1234', '-dash']) {
		const signed = await home.any(['sign', '-ethPasswordFile', home.passwordFile, '--json', '--', text], { bare: true });

		assert.equal(signed.code, 0, signed.stderr);
		const { signature, address, hash } = JSON.parse(signed.stdout);

		assert.equal(signature, await wallet.signMessage(text));
		assert.equal(address, key.address);
		assert.equal(hash, ethers().hashMessage(text));
		const back = await home.any(['recover', '--json', '--', text, signature], { bare: true });

		assert.deepEqual(JSON.parse(back.stdout), { address: key.address });
	}
	assert.equal((await home.json('sign', 'hello')).signature,
		await cast(t, 'sign', 'hello', '--keystore', file, '--password', password));
	const theirs = await cast(t, 'sign', 'to be checked', '--private-key', key.secret);

	assert.equal((await home.json('recover', 'to be checked', theirs)).address, key.address);
});

test('a signature that is none is told', async (t) => {
	const home = new Home(t);

	await home.refused(2, /is no signature/, ['recover', 'x', '0x1234'], { bare: true });
	await home.refused(3, /./, ['recover', 'x', '0x' + '00'.repeat(65)], { bare: true });
	await home.refused(2, /usage: lpnode recover/, ['recover'], { bare: true });
});

test('typed data is signed as ethers and cast do, after it was shown', async (t) => {
	const home = new Home(t), key = newKey();
	const { path: file } = await addKey(home, key);
	const wallet = new (ethers().Wallet)(`0x${key.secret}`);
	const vectors = JSON.parse(fs.readFileSync('test/vectors/typed_data.json'));

	for (const v of [vectors[0], vectors[7], vectors[20]]) {
		const typed = home.write('typed.json', v.data);
		const { signature, hash } = await home.json('sign', '--typed', typed, '--yes');

		assert.equal(hash, v.digest);
		assert.equal(signature, wallet.signingKey.sign(v.digest).serialized);
		assert.equal((await home.json('recover', '--typed', typed, signature)).address, key.address);
	}
	const mail = home.write('mail.json', vectors[0].data);

	const unasked = await home.any(['sign', '--typed', mail]);

	assert.equal(unasked.code, 2);
	assert.match(unasked.stderr, /nobody to ask: add --yes/);
	assert.doesNotMatch(unasked.stdout, /signature/);
	assert.match(await home.lp('sign', '--typed', mail, '--yes'), /domain \{\n {2}"name": "Ether Mail"[^]*"contents": "Hello, Bob!"/);
	assert.equal((await home.json('sign', '--typed', mail, '--yes')).signature,
		await cast(t, 'sign', '--data', '--from-file', mail, '--keystore', file, '--password', password));
	const chain = await home.any(['sign', '--typed', mail, '--yes', '-chainId', '5']);

	assert.equal(chain.code, 3);
	assert.match(chain.stderr, /is for chain 1, -chainId is 5/);
	const more = vectors[0].data.replace('"contents":"Hello, Bob!"', '"contents":"Hello, Bob!","amount":1');

	await home.refused(2, /message: has a field that its type does not have/, ['sign', '--typed', home.write('more', more)]);
});

/* ---- typing ---- */

test('what is mistyped is told with what was meant, and ends with 2', async (t) => {
	const home = new Home(t);
	const bare = { bare: true };

	await home.refused(2, /acount: no such command; did you mean "account new"\?/, ['acount'], bare);
	await home.refused(2, /account exprot: no such command; did you mean "account export"\?/, ['account', 'exprot'], bare);
	await home.refused(2, /zebra: no such command; lpnode --help lists all/, ['zebra'], bare);
	await home.refused(2, /-ethPasswrdFile: unknown flag; did you mean -ethPasswordFile\?/,
		['account', 'list', '-ethPasswrdFile', 'x'], bare);
	await home.refused(2, /"extra" is too much; usage: lpnode account new/, ['account', 'new', 'extra'], bare);
	await home.refused(2, /something is missing; usage: lpnode account import FILE/, ['account', 'import'], bare);
	await home.refused(2, /-v=loud: give error, warn, info or debug/, ['account', 'list', '-v', 'loud'], bare);
	await home.refused(2, /-network=main: give devnet/, ['account', 'list', '-network', 'main'], bare);
	await home.refused(2, /no devnet in .*scripts\/devnet.sh up/, ['account', 'list', '-network', 'devnet', '-devnetDir',
		t.dir()], bare);
	const group = await home.any(['account'], bare);

	assert.equal(group.code, 2);
	assert.match(group.stderr, /account passwd/);
	for (const args of [['account', 'new', '-h'], ['account', '--help'], ['sign', '--help']]) {
		const help = await home.any(args, bare);

		assert.equal(help.code, 0);
		assert.match(help.stdout, /account|usage: lpnode sign MESSAGE/);
		assert.equal(help.stderr, '');
	}
	assert.match((await run(program, ['--help'])).stdout, /Accounts and signatures:\n {2}account new[^]*Transactions:/);
});

test('every command of the page tells its usage', async () => {
	const page = (await run(program, ['-helpCommands'])).stdout;
	const rows = [...page.matchAll(/^\| `lpnode ([a-z-]+(?: [a-z][a-z-]*)?)/gm)].map((m) => m[1]);

	assert.ok(rows.length > 10, page);
	for (const name of rows) {
		const { stdout, stderr } = await run(program, [...name.split(' '), '--help']);

		assert.match(stdout, new RegExp(`usage: lpnode ${name}`));
		assert.equal(stderr, '');
	}
});

test('with --json an error is an object too, and the code is the same', async (t) => {
	const home = new Home(t);
	const end = await home.any(['sign', 'x', '--json'], { passwordFile: '/nonexistent' });

	assert.equal(end.code, 2);
	const said = JSON.parse(end.stdout);

	assert.deepEqual(Object.keys(said), ['error']);
	assert.equal(said.error.code, 2);
	assert.ok(end.stderr.includes(said.error.message));
});

test('a full standard output is an error', async (t) => {
	const home = new Home(t);
	const full = fs.openSync('/dev/full', 'w');

	t.after(() => fs.closeSync(full));
	const end = await home.any(['account', 'list'], { bare: true, stdio: ['ignore', full, 'pipe'] });

	assert.equal(end.code, 1);
	assert.match(end.stderr, /standard output: No space left/);
});

test('settings come from flag, environment and a file that the node shares', async (t) => {
	const home = new Home(t);
	const where = (name) => path.join(home.dir, name);
	const config = home.write('config', `rtmpAddr 127.0.0.1:1\nethKeystorePath ${where('by-file')}\n`);
	const made = async (args, env) => {
		const end = await home.any(['account', 'new', '--light', '--json', ...args], { env });

		assert.equal(end.code, 0, end.stderr);
		return path.basename(path.dirname(JSON.parse(end.stdout).path));
	};

	assert.equal(await made(['-config', config]), 'by-file');
	assert.equal(await made(['-config', config], { LP_ETHKEYSTOREPATH: where('by-env') }), 'by-env');
	assert.equal(await made(['-config', config, '-ethKeystorePath', where('by-flag')],
		{ LP_ETHKEYSTOREPATH: where('by-env') }), 'by-flag');
	await home.refused(2, /bad: line 1: rtmpAdr: unknown setting/, ['account', 'list', '-config',
		home.write('bad', 'rtmpAdr x\n')], { bare: true });
	/* And the node passes over what commands need. */
	const node = await run(program, ['-version', '-config', home.write('ours', 'ethUrl http://127.0.0.1:1\n')]);

	assert.match(node.stdout, /^lpnode /);
});

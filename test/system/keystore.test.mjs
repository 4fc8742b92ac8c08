// Keystores between us, ethers and cast: what each writes the others open.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { createRequire } from 'node:module';
import { parallel, run, test } from './lib/harness.mjs';

parallel(2);

const require = createRequire(path.resolve('node_modules/x.js'));
const tool = path.join(process.env.LPTOOLS || 'build/test/tools', 'keystore');
const castProgram = 'node_modules/@foundry-rs/cast-linux-amd64/bin/cast';
const password = 'pässword ☃ "quoted"';

function newKey() {
	const { computeAddress } = require('ethers');
	const secret = crypto.randomBytes(32).toString('hex');

	return { secret, address: computeAddress(`0x${secret}`) };
}

const ours = async (...args) => (await run(tool, args)).stdout.trim();

async function refused(...args) {
	const end = await run(tool, args, { anyCode: true });

	assert.equal(end.code, 1, end.stderr);
	return end.stderr;
}

/* cast, if it is installed (only on x86-64). */
async function cast(t, ...args) {
	if (!fs.existsSync(castProgram))
		t.skip('no cast here');
	const env = { ...process.env, HOME: t.dir(), FOUNDRY_DISABLE_NIGHTLY_WARNING: '1' };

	return (await run(castProgram, ['wallet', ...args], { env })).stdout.trim();
}

async function castOpens(t, file, pass, key) {
	const said = await cast(t, 'decrypt-keystore', '-k', path.dirname(file), '--unsafe-password', pass,
		path.basename(file));

	assert.ok(said.includes(key.secret), 'the secret');
}

test('what ethers writes is read', async (t) => {
	const { encryptKeystoreJsonSync } = require('ethers');
	const key = newKey();
	const file = path.join(t.dir(), 'ethers.json');

	fs.writeFileSync(file, encryptKeystoreJsonSync({ address: key.address, privateKey: `0x${key.secret}` }, password,
		{ scrypt: { N: 4096, r: 8, p: 1 } }));
	assert.equal(await ours('decrypt', password, file), `${key.secret} ${key.address}`);
	assert.match(await refused('decrypt', 'other', file), /^denied: /);
});

test('ethers reads what is written', async (t) => {
	const { decryptKeystoreJsonSync, isKeystoreJson } = require('ethers');
	const key = newKey();
	const json = await ours('encrypt', 'light', password, key.secret);

	assert.ok(isKeystoreJson(json));
	assert.equal(decryptKeystoreJsonSync(json, password).privateKey, `0x${key.secret}`);
	assert.throws(() => decryptKeystoreJsonSync(json, 'other'), /incorrect password/);
});

test('what cast writes is read', async (t) => {
	const key = newKey();

	await cast(t, 'import', '-k', t.dir(), '--private-key', `0x${key.secret}`, '--unsafe-password', password, 'mine');
	const file = path.join(t.dir(), 'mine');

	assert.equal(await ours('decrypt', password, file), `${key.secret} ${key.address}`);
	assert.match(await refused('decrypt', 'other', file), /^denied: /);
	/* cast's files do not say of which address they are. */
	assert.equal(await ours('open', t.dir(), key.address, password), `${key.secret} ${key.address}`);
	assert.match(await refused('open', t.dir(), newKey().address, password), /^not_found: /);
});

test('cast reads what is written, at the standard cost and in a folder', async (t) => {
	const key = newKey();
	const standard = path.join(t.dir(), 'standard');

	fs.writeFileSync(standard, await ours('encrypt', 'standard', password, key.secret));
	await castOpens(t, standard, password, key);
	const stored = await ours('store', t.dir(), password, key.secret).catch((e) => e.message);

	assert.match(stored, /there already: .*\/standard/, 'known by its address, whatever its name');
	fs.unlinkSync(standard);
	const file = await ours('store', t.dir(), password, key.secret);

	assert.equal(await cast(t, 'address', '--keystore', file, '--password', password), key.address);
});

test('each changes a password of a file of the other', async (t) => {
	const key = newKey();
	const file = await ours('store', t.dir(), password, key.secret);

	await cast(t, 'change-password', '-k', t.dir(), '--unsafe-password', password, '--unsafe-new-password', 'second',
		path.basename(file));
	assert.equal(await ours('decrypt', 'second', file), `${key.secret} ${key.address}`);
	await ours('change', file, 'second', 'third');
	await castOpens(t, file, 'third', key);
	assert.match(await refused('change', file, 'second', 'fourth'), /^denied: /);
});

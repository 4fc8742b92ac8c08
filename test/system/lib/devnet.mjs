// A devnet of a test's own: Anvil with the system of eth/deploy.json on it and ten accounts with
// ETH and LPT, told to lpnode by DIR/devnet.json as scripts/devnet.sh writes it.
//
//	const net = await Devnet.start(t);
//	await net.lp(1, 'bond', '100', '--to', net.accounts[2].address, '--yes');
//	assert.equal((await net.contract('BondingManager').getDelegator(net.accounts[1].address)).bondedAmount, ...);
//	await net.nextRound();
//
// Deployed by test/contracts/lib/deploy.mjs, in half a second; that `lpnode deploy` does the same
// is devnet.test.mjs's to show.  Accounts have the keys that every Anvil gives its own.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { BaseWallet, Contract, HDNodeWallet, NonceManager, encryptKeystoreJsonSync, toQuantity } from 'ethers';
import { start_chain } from '../../contracts/lib/anvil.mjs';
import { artifact, deploy } from '../../contracts/lib/deploy.mjs';
import { program, run } from './harness.mjs';

export const ETH = 10n ** 18n, LPT = 10n ** 18n, GWEI = 10n ** 9n;
export const PASSWORD = 'devnet';
const MNEMONIC = 'test test test test test test test test test test test junk';
const castProgram = path.resolve('node_modules/@foundry-rs/cast-linux-amd64/bin/cast');

/* The key of account i of an Anvil. */
export const keyOf = (i) => HDNodeWallet.fromPhrase(MNEMONIC, '', `m/44'/60'/0'/0/${i}`).privateKey;

/* Keystores are slow to make and always the same: made once for a build folder. */
function keystoreOf(i) {
	const dir = path.resolve('build/devnet-keys');
	const file = path.join(dir, `account-${i}.json`);

	if (!fs.existsSync(file)) {
		const wallet = new BaseWallet(HDNodeWallet.fromPhrase(MNEMONIC, '', `m/44'/60'/0'/0/${i}`).signingKey);
		const aside = `${file}.${crypto.randomUUID()}`;

		fs.mkdirSync(dir, { recursive: true });
		fs.writeFileSync(aside, encryptKeystoreJsonSync({ address: wallet.address, privateKey: wallet.privateKey },
			PASSWORD, { scrypt: { N: 4096, r: 8, p: 1 } }), { mode: 0o600 });
		fs.renameSync(aside, file);
	}
	return file;
}

export class Devnet {
	/* t: the harness's test, with whose end it ends.  options: accounts 10; lpt: LPT of each, 10000; blockTime: seconds between blocks, 0: one for
	 * each transaction; round: whether round 1 is initialised, true; parameters: other than the
	 * profile's, { CONTRACT: { name: value } }. */
	static async start(t, { accounts = 10, lpt = 10000, blockTime = 0, round = true, parameters = {} } = {}) {
		const net = new Devnet();

		net.chain = await start_chain();
		t.after(() => net.stop());
		net.rpc = net.chain.url;
		net.provider = net.chain.provider;
		net.dir = t.dir();
		await net.#deploy(accounts, lpt, parameters);
		net.#write();
		if (round)
			await net.nextRound();
		// From here on transactions cost something, as they do in the world.
		await net.send('anvil_setNextBlockBaseFeePerGas', toQuantity(GWEI));
		await net.mine();
		if (blockTime)
			await net.send('evm_setIntervalMining', blockTime);
		return net;
	}

	async #deploy(n, lpt, parameters) {
		const sys = await deploy(this.chain, { parameters });

		assert.deepEqual(sys.skipped, []);
		this.deployer = sys.deployer;
		this.contracts = sys.at;
		this.controller = sys.at.Controller;
		this.chainId = 31337;
		this.accounts = [];
		for (let i = 0; i < n; i++) {
			const key = keyOf(i);
			const address = new BaseWallet(HDNodeWallet.fromPhrase(MNEMONIC, '', `m/44'/60'/0'/0/${i}`).signingKey).address;

			this.accounts.push({ address, key });
			await this.chain.fund(address, 10000n * ETH);
			await sys.LivepeerToken.transfer(address, BigInt(lpt) * LPT);
		}
	}

	/* DIR/devnet.json, DIR/keystore/, DIR/password. */
	#write() {
		const keystore = path.join(this.dir, 'keystore');

		fs.mkdirSync(keystore, { mode: 0o700 });
		fs.writeFileSync(path.join(this.dir, 'password'), `${PASSWORD}\n`, { mode: 0o600 });
		this.accounts.forEach((a, i) => {
			a.keystore = path.join(keystore, `account-${i}.json`);
			a.passwordFile = path.join(this.dir, 'password');
			fs.copyFileSync(keystoreOf(i), a.keystore);
			fs.chmodSync(a.keystore, 0o600);
		});
		this.file = path.join(this.dir, 'devnet.json');
		this.writeFile();
	}

	/* Anew, with what is other: { rpc: proxy.url } sends lpnode through a proxy. */
	writeFile(other = {}) {
		const accounts = this.accounts.map(({ address, keystore, passwordFile }) => ({ address, keystore, passwordFile }));

		fs.writeFileSync(this.file, JSON.stringify({ rpc: this.rpc, chainId: this.chainId, controller: this.controller,
			contracts: this.contracts, accounts, ...other }, null, 2));
	}

	stop() { this.chain.stop(); }

	// ---- the chain ----

	send(method, ...params) { return this.chain.rpc(method, ...params); }
	block() { return this.chain.block(); }
	/* n blocks, a second apart. */
	mine(n = 1) { return this.chain.mine(n); }
	snapshot() { return this.chain.snapshot(); }
	/* The snapshot is used up. */
	revert(id) { return this.chain.revert(id); }

	/* A contract for ethers: read by nobody, or sent from account `from` (a number). */
	contract(name, from) {
		const fragments = [name, HALVES[name]].filter(Boolean).flatMap((n) => artifact(n).interface.fragments);
		const named = fragments.filter((f) => ['function', 'event', 'error'].includes(f.type));
		const abi = [...new Map(named.map((f) => [`${f.type} ${f.format('sighash')}`, f])).values()];

		return new Contract(this.contracts[name], abi, from === undefined ? this.provider : this.signer(from));
	}

	/* Account i, as a wallet of ethers. */
	signer(i) {
		const { signingKey } = HDNodeWallet.fromPhrase(MNEMONIC, '', `m/44'/60'/0'/0/${i}`);

		return new NonceManager(new BaseWallet(signingKey, this.provider));
	}

	balance(i) { return this.chain.balance(this.accounts[i].address); }
	lpt(i) { return this.contract('LivepeerToken').balanceOf(this.accounts[i].address); }

	// ---- rounds ----

	async currentRound() { return Number(await this.contract('RoundsManager').currentRound()); }

	/* To the first block of a later round in which it can be initialised; who: the account that does, null: nobody. */
	async nextRound(n = 1, who = 'deployer') {
		const rounds = this.contract('RoundsManager');
		const length = Number(await rounds.roundLength());

		for (let i = 0; i < n; i++) {
			const start = Number(await rounds.currentRoundStartBlock());
			const next = await rounds.currentRoundInitialized() || i > 0 ? start + length : start;

			const missing = next + 1 - await this.block();

			if (missing > 0)
				await this.mine(missing);
			if (who === null)
				continue;
			const from = who === 'deployer' ? await this.#freeSigner() : this.signer(who);

			await (await rounds.connect(from).initializeRound()).wait();
		}
	}

	/* Acts as the deployer. */
	async asDeployer(name) { return this.contract(name).connect(await this.#freeSigner()); }

	async #freeSigner() {
		await this.chain.fund(this.deployer.address, 10000n * ETH);
		return new NonceManager(new BaseWallet(this.deployer.signingKey, this.provider));
	}

	// ---- programs ----

	/* Flags by which lpnode acts as account i (null: as nobody). */
	flags(i) {
		return ['-network', 'devnet', '-devnetDir', this.dir, '-datadir', path.join(this.dir, 'lp'),
			...(i === null ? [] : ['-ethAcctAddr', this.accounts[i].address])];
	}

	/* lpnode ARGS as account i; without --json in ARGS its text.  Fails unless it exits with opts.code
	 * (0): { code, stdout, stderr, json }. */
	async lp(i, ...args) {
		const opts = typeof args.at(-1) === 'object' ? args.pop() : {};
		const words = args.findIndex((a) => /^-/.test(a));
		const at = words < 0 ? args.length : words;
		const end = await run(program, [...args.slice(0, at), ...this.flags(i), ...args.slice(at)],
			{ anyCode: true, env: { ...process.env, HOME: this.dir }, ...opts });

		assert.equal(end.code, opts.code ?? 0, `lpnode ${args.join(' ')}: exit ${end.code}\n${end.stdout}${end.stderr}`);
		if (args.includes('--json') && end.stdout)
			end.json = JSON.parse(end.stdout);
		return end;
	}

	/* The same, not waited for: a child of the harness. */
	lpStart(t, i, ...args) {
		return t.spawn(program, [args[0], ...this.flags(i), ...args.slice(1)], { env: { ...process.env, HOME: this.dir } });
	}

	/* cast, with --rpc-url. */
	async cast(...args) {
		const env = { ...process.env, HOME: this.dir, FOUNDRY_DISABLE_NIGHTLY_WARNING: '1', ETH_RPC_URL: this.rpc };

		return (await run(castProgram, args, { env })).stdout.trim();
	}
}

const HALVES = { BondingManager: 'BondingExtension', JobsManager: 'JobsExtension', Verifier: 'VerifierExtension' };

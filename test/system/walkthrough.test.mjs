// The README's walk-through for delegators: each command that stands in it, in its order, in a
// folder of its own, prints what stands there.  Numbers and addresses are others on another
// machine, and so are not compared; WALKTHROUGH_WRITE=1 writes what was printed into the file.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { program, run, test } from './lib/harness.mjs';

const FILE = 'README.md';

/* [{ line, command, output: [] }] of the fenced blocks that begin with "$ " and come after the heading. */
function steps(lines) {
	const all = [];
	let fenced = false, last = null;
	const first = lines.findIndex((l) => /^## I have LPT/.test(l));

	assert.ok(first >= 0, `${FILE} has the walk-through`);
	for (let i = first + 1; i < lines.length && !/^## /.test(lines[i]); i++) {
		if (lines[i].startsWith('```')) {
			fenced = !fenced;
			last = null;
		} else if (fenced && lines[i].startsWith('$ ')) {
			last = { line: i, command: lines[i].slice(2), output: [] };
			all.push(last);
		} else if (fenced && last) {
			last.output.push(lines[i]);
		}
	}
	return all;
}

/* What is the same on each machine: words. */
const words = (lines) => lines.map((l) => l.replace(/,? ?\(?(in )?about \d+ [a-z]+( \d+ min)?\)?/g, '')
	.replace(/0x[0-9a-fA-F]+/g, '0x').replace(/<?\d+(\.\d+)?/g, '#').replace(/[ -]+/g, ' ').trimEnd());

/* One shell, as a person has: prints a mark with the exit code behind each command. */
function script(all) {
	return ['shopt -s expand_aliases', ...all.flatMap((s, i) => [s.command, `echo "@@@ ${i} $?"`])].join('\n');
}

test('the README\'s walk-through for delegators works as printed', async (t) => {
	const lines = fs.readFileSync(FILE, 'utf8').split('\n');
	const all = steps(lines), dir = t.dir();

	assert.ok(all.length > 15, 'it has its commands');
	for (const name of fs.readdirSync('.').filter((n) => n !== 'devnet' && !n.startsWith('.git')))
		fs.symlinkSync(path.resolve(name), path.join(dir, name));
	const env = { ...process.env, HOME: dir, LPNODE: path.resolve(program) };

	for (const name of Object.keys(env).filter((n) => n.startsWith('LP_')))
		delete env[name];
	t.after(() => run('scripts/devnet.sh', ['down'], { cwd: dir, env, anyCode: true }));
	fs.writeFileSync(path.join(dir, 'steps.sh'), script(all));
	const end = await run('bash', ['steps.sh'], { cwd: dir, env, anyCode: true, limitS: 120 });
	const printed = all.map(() => []);
	let at = 0;

	for (const l of end.stdout.split('\n')) {
		const mark = /^@@@ (\d+) (\d+)$/.exec(l);

		if (!mark) {
			printed[Math.min(at, all.length - 1)].push(l);
			continue;
		}
		assert.equal(mark[2], '0', `$ ${all[mark[1]].command}\n${printed[at].join('\n')}\n${end.stderr.slice(-1000)}`);
		at++;
	}
	assert.equal(at, all.length, end.stderr.slice(-1000));
	printed.at(-1).splice(-1, printed.at(-1).at(-1) === '' ? 1 : 0);
	if (process.env.WALKTHROUGH_WRITE) {
		for (const [i, s] of [...all.entries()].reverse())
			lines.splice(s.line + 1, s.output.length, ...printed[i]);
		fs.writeFileSync(FILE, lines.join('\n'));
		return;
	}
	for (const [i, s] of all.entries())
		assert.deepEqual(words(printed[i]), words(s.output), `$ ${s.command}`);
	const earned = printed.flat().filter((l) => /^earned +\d/.test(l)).map((l) => Number(/[\d.]+/.exec(l)[0]));

	assert.ok(earned.length >= 3 && earned[0] > 0 && earned[1] > earned[0] && earned[2] > earned[1], `it earns: ${earned}`);
});
